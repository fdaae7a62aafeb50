"""Hours in which runs, the source and everything fail: each of them has its forecast in the end."""

from __future__ import annotations

import json
import subprocess
import sys

from energy_assets.settings import PROJECT_ROOT


def test_each_of_twelve_hours_gets_a_forecast_although_runs_fail() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--json", "--hours", "12", "--share", "0.3"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    figures, growth = json.loads(process.stdout.splitlines()[-1]).values()
    assert figures["hours with a forecast"]["figure"] == 12
    assert figures["late forecasts"]["figure"] > 0
    assert figures["runs that failed"]["figure"] > 0
    assert len(growth) == 5
