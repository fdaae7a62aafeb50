"""The code location: it loads with nothing set, says what it should, and loads quickly."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from energy_assets.definitions import defs
from energy_assets.settings import PROJECT_ROOT
from energy_assets.sources.simulator import Simulator
from energy_assets_tests.world import ASSETS, World

BIN = Path(sys.executable).parent


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=PROJECT_ROOT,
        env={"PATH": f"{BIN}:/usr/bin:/bin", "HOME": os.environ.get("HOME", "/"), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize(
    "command",
    [
        ("dagster", "definitions", "validate"),
        ("dg", "check", "defs"),
        ("dg", "list", "defs"),
    ],
)
def test_dagsters_own_checks_pass_with_an_empty_environment(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    process = run(str(BIN / command[0]), *command[1:], DAGSTER_HOME=str(tmp_path))
    assert process.returncode == 0, process.stdout + process.stderr
    if command[1] == "list":
        for name in ASSETS:
            assert name in process.stdout


def test_loading_the_code_location_loads_no_heavy_library() -> None:
    heavy = (
        "sklearn, sktime, lightgbm, optuna, matplotlib, httpx, hopsworks, hsfs, wandb, "
        "google.cloud.storage"
    )
    code = (
        "import sys, energy_assets.definitions\n"
        f"loaded = [name for name in '{heavy}'.split(', ') if name in sys.modules]\n"
        "assert not loaded, loaded"
    )
    process = run(sys.executable, "-c", code)
    assert process.returncode == 0, process.stderr


def test_every_asset_says_what_its_partition_means_and_who_keeps_it() -> None:
    for key in defs.resolve_asset_graph().materializable_asset_keys:
        spec = defs.get_assets_def(key).get_asset_spec(key)
        assert "Partition `" in (spec.description or ""), key
        assert spec.owners == ["team:forecasting"]
        assert spec.group_name in {"ingestion", "training", "forecasts"}
        assert spec.kinds
        assert spec.partitions_def is not None


def test_two_deployments_in_one_process_stay_apart(tmp_path: Path) -> None:
    hour = datetime(2023, 3, 10, 21)
    short = World.build(tmp_path / "short", Simulator(), {"days_export": 10})
    long = World.build(tmp_path / "long", Simulator(), {"days_export": 20})
    long.put_history(*long.window(hour))
    short.put_history(*long.window(hour))
    for world, days in ((short, 10), (long, 20)):
        world.run("hourly_job", hour, assets=["feature_view"])
        rows = world.metadata("feature_view", hour)["dagster/partition_row_count"]
        assert 76 * 24 * (days - 1) < rows <= 76 * 24 * days
    assert short.stores.folder != long.stores.folder


def test_a_replaced_store_is_replaced_for_assets_and_io_managers(tmp_path: Path) -> None:
    hour, other = datetime(2023, 3, 10, 21), World.build(tmp_path / "other", Simulator())
    replaced = {
        name: getattr(other.stores, name)
        for name in ("feature_store", "object_store", "model_registry")
    }
    world = World.build(tmp_path / "world", Simulator(), **replaced)
    other.put_history(*other.window(hour))
    other.put_config(hour, n_estimators=5)
    world.run("hourly_job", hour)
    assert len(other.frame("predictions_parquet", hour)) == 76 * 24
    assert [model.hour for model in other.stores.model_registry.promoted(hour)] == [hour]
    assert not (tmp_path / "world" / "simulator-ConsumptionDE35Hour").exists()


def test_a_file_source_without_a_file_names_the_setting(tmp_path: Path) -> None:
    process = run(
        sys.executable,
        *("-m", "energy_assets", "run"),
        ENERGY_SOURCE="file",
        STORAGE_ROOT=str(tmp_path),
        DAGSTER_HOME=str(tmp_path),
    )
    assert process.returncode == 1
    assert "ENERGY_FILE" in process.stderr
    assert "Traceback" not in process.stderr
