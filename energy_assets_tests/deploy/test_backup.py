"""A backup holds Dagster's tables and the storage, and a fresh server takes both over."""

from __future__ import annotations

import os
import subprocess

import dagster as dg
import pytest

from deploy.local import Server
from deploy.postgres import find_binaries
from energy_assets.settings import PROJECT_ROOT
from energy_assets_tests.postgres import running_postgres


def script(name: str, server: Server, folder: str) -> subprocess.CompletedProcess[str]:
    """Run a script of deploy/ on a server without containers."""
    return subprocess.run(
        [str(PROJECT_ROOT / "deploy" / name), folder],
        env={**server.environment, "PATH": f"{find_binaries()}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_fresh_server_has_what_was_backed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_postgres() as postgres, running_postgres() as fresh:
        first, other = (Server(one.folder, one, 0, 0, 0) for one in (postgres, fresh))
        first.prepare()
        other.prepare()
        names = ("a/objects/newest", "a/objects/forecast/1", "a/rows/_delta_log/0", "a/rows/part")
        for name in names:
            path = first.folder / "storage" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        monkeypatch.setenv("PGSERVICEFILE", str(postgres.service_file))
        with dg.DagsterInstance.from_config(str(first.folder / "dagster_home")) as instance:
            instance.report_runless_asset_event(dg.AssetMaterialization("made"))
        backup = str(first.folder / "backup")
        done = script("backup.sh", first, backup)
        assert done.returncode == 0, done.stderr

        done = script("restore.sh", other, backup)
        assert done.returncode == 0, done.stderr
        for name in names:
            assert (other.folder / "storage" / name).read_text() == name
        monkeypatch.setenv("PGSERVICEFILE", str(fresh.service_file))
        with dg.DagsterInstance.from_config(str(other.folder / "dagster_home")) as instance:
            assert instance.get_latest_materialization_event(dg.AssetKey("made"))
        assert "not empty" in script("restore.sh", other, backup).stderr
