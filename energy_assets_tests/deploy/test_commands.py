"""The commands on a server whose PostgreSQL cannot be reached."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from energy_assets.settings import PROJECT_ROOT
from energy_assets_tests.postgres import free_ports


def test_a_database_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text((PROJECT_ROOT / "deploy" / "postgres.yaml").read_text())
    (port,) = free_ports(1)
    service = tmp_path / "pg_service"
    service.write_text(f"[energy_assets]\nhost=127.0.0.1\nport={port}\nuser=u\npassword=hidden-1\n")
    done = subprocess.run(
        [sys.executable, "-m", "energy_assets", "check-settings"],
        cwd=PROJECT_ROOT,
        env={
            **os.environ,
            "DAGSTER_HOME": str(home),
            "STORAGE_ROOT": str(tmp_path / "storage"),
            "PGSERVICEFILE": str(service),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 1, printed
    assert "PGSERVICEFILE" in printed
    assert "Traceback" not in printed
    assert "hidden-1" not in printed
