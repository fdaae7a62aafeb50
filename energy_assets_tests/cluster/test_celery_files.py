"""The worker's unit and its setting."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from energy_assets.errors import SettingsError
from energy_assets.settings import PROJECT_ROOT, read_settings
from energy_assets_tests.cluster.installed import require

UNIT = PROJECT_ROOT / "deploy" / "celery" / "energy-assets-worker.service"
BINARIES = "/opt/energy-assets/current/.venv/bin"


def test_systemd_understands_the_unit_of_a_worker(tmp_path: Path) -> None:
    require(program="systemd-analyze")
    analyze = shutil.which("systemd-analyze") or ""
    shutil.copytree(PROJECT_ROOT / "deploy" / "systemd", tmp_path, dirs_exist_ok=True)
    celery = tmp_path / "celery"
    celery.write_text("#!/bin/sh\n")
    celery.chmod(0o755)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(f"{BINARIES}/celery", str(celery)))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    mine = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (done.returncode, mine) == (0, [])


def test_another_broker_than_redis_is_refused_without_showing_its_password() -> None:
    with pytest.raises(SettingsError, match="CELERY_BROKER_URL") as caught:
        read_settings(_env_file=None, celery_broker_url="amqp://user:secret@host//")
    assert "secret" not in str(caught.value)
