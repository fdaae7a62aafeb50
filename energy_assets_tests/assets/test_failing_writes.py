"""Whichever write of an hourly run fails, the next run gives what an undisturbed one gives."""

from __future__ import annotations

import errno
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from energy_assets.errors import StorageError
from energy_assets.partitions import HOUR
from energy_assets.sources.simulator import Simulator
from energy_assets.stores.embedded.feature_store import DeltaFeatureStore
from energy_assets_tests.failing_writes import (
    FailingTable,
    assert_failed,
    assert_same,
    assert_whole,
    numbers,
    result,
)
from energy_assets_tests.stores.watched_files import Writes, watched
from energy_assets_tests.world import ORIGIN, Changed, Only, World

DAYS = 10
SPREAD = 4
FEW = {("DK1", "111"), ("DK1", "121"), ("DK2", "111")}
START, END = ORIGIN - timedelta(days=DAYS), ORIGIN + HOUR
SETTINGS = {"days_export": DAYS}
ERRORS = (StorageError("the disk is gone"), OSError(errno.EIO, "an error of the disk"))


def with_a_bad_record(records: pd.DataFrame) -> pd.DataFrame:
    """One more record, which the contract puts in quarantine."""
    bad = records.iloc[:1].assign(TotalCon="-1", ConsumerType_DE35="999")
    return pd.concat([records, bad], ignore_index=True)


SOURCE = Changed(
    Only(Simulator(now=lambda: datetime(2023, 3, 15)), FEW),
    with_a_bad_record,
    start=ORIGIN,
    end=END,
)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a world before its hourly run for ORIGIN. Copy it."""
    root = tmp_path_factory.mktemp("before")
    world = World.build(root, SOURCE, SETTINGS)
    world.put_history(START, ORIGIN)
    world.put_config(START, n_estimators=5)
    world.run("hourly_job", ORIGIN - HOUR)
    return root


def copy_of(before: Path, root: Path) -> World:
    shutil.copytree(before, root, dirs_exist_ok=True)
    return World.build(root, SOURCE, SETTINGS)


def run(world: World, writes: Writes) -> dg.ExecuteInProcessResult:
    """The hourly run of ORIGIN, with one write failing."""
    store = world.stores.feature_store
    assert isinstance(store, DeltaFeatureStore)
    root = world.stores.settings.storage_root
    failing = World.build(root, SOURCE, SETTINGS, feature_store=FailingTable(store, writes))
    job = failing.defs.resolve_job_def("hourly_job")
    with watched(writes):
        return job.execute_in_process(
            instance=failing.instance,
            partition_key=f"{ORIGIN:%Y-%m-%d-%H:%M}",
            raise_on_error=False,
        )


@pytest.fixture(scope="module")
def undisturbed(
    before: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[int, dict[str, Any]]:
    """How many writes an undisturbed run makes, and its result."""
    world = copy_of(before, tmp_path_factory.mktemp("undisturbed"))
    writes = Writes(world.stores.folder)
    assert run(world, writes).success
    assert {"before upsert", "within upsert", "after upsert"} < set(writes.made)
    assert_whole(world, END)
    return len(writes.made), result(world, START, END)


def test_whichever_write_of_an_hourly_run_fails_the_next_run_completes_it(
    before: Path, undisturbed: tuple[int, dict[str, Any]], tmp_path: Path
) -> None:
    count, expected = undisturbed
    for number in numbers(count, SPREAD):
        root = tmp_path / f"{number}"
        world = copy_of(before, root)
        writes = Writes(world.stores.folder, number, ERRORS[number % 2])
        outcome = run(world, writes)
        assert_failed(writes, outcome)
        print(number, writes.made[number], outcome.success)
        assert_whole(world, END)
        world.run("hourly_job", ORIGIN)
        assert_whole(world, END)
        assert_same(result(world, START, END), expected)
        shutil.rmtree(root)
