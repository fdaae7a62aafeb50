"""Runs killed at random moments: nothing is lost or half-written, and the next command goes on."""

from __future__ import annotations

import json
import subprocess
import sys

from energy_assets.settings import PROJECT_ROOT


def test_after_twenty_kills_everything_is_as_without_them() -> None:
    process = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.faults", "--json"),
            *("--kills", "20", "--daemon", "0", "--days", "12"),
        ],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    (table,) = json.loads(process.stdout.splitlines()[-1]).values()
    assert sum(kind["kills"] for kind in table.values()) >= 20
    assert all(kind["kills"] for kind in table.values())
