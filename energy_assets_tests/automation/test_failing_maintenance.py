"""Whichever write of maintenance fails, the next run leaves what an undisturbed one leaves."""

from __future__ import annotations

import errno
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from energy_assets.errors import StorageError
from energy_assets.forecasts.publishing import publish
from energy_assets.partitions import HOUR, window_of
from energy_assets.sources.simulator import Simulator
from energy_assets.stores.embedded.feature_store import DeltaFeatureStore
from energy_assets.stores.embedded.model_registry import FolderModelRegistry
from energy_assets.stores.training_datasets import read_reference, write_reference
from energy_assets_tests.failing_writes import (
    FailingTable,
    assert_same,
    assert_whole,
    numbers,
    result,
)
from energy_assets_tests.stores.gcs.server import SOURCE_ID
from energy_assets_tests.stores.watched_files import Writes, watched
from energy_assets_tests.world import SERIES, Only, World

H = datetime(2023, 3, 10, 21)
START, END = H - timedelta(days=1), H + 5 * HOUR
PINS = [H + number * HOUR for number in range(4)]
KEPT = 2
SPREAD = 6
ERRORS = (StorageError("the disk is gone"), OSError(errno.EIO, "an error of the disk"))


def world_in(root: Path, writes: Writes | None = None) -> World:
    """A world whose stores keep nothing for being young."""
    folder = root / SOURCE_ID
    table: Any = DeltaFeatureStore(folder / "table", retention_hours=0)
    return World.build(
        root,
        Only(Simulator(), SERIES),
        {"training_datasets_kept": KEPT},
        feature_store=FailingTable(table, writes) if writes else table,
        model_registry=FolderModelRegistry(folder / "models", retention_hours=0),
    )


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a world with something to do for every part of maintenance. Copy it."""
    root = tmp_path_factory.mktemp("before")
    world = world_in(root)
    features, objects = world.stores.feature_store, world.stores.object_store
    world.put_history(START, H)
    for number, hour in enumerate(PINS):
        world.put_history(hour, hour + HOUR)
        write_reference(objects, hour, features.create_training_dataset(*window_of(hour, 1)))
        files = root / f"model-{number}"
        files.mkdir()
        for name in ("a.txt", "b.txt"):
            (files / name).write_text(f"{name} of {number}")
        world.stores.model_registry.register(files, hour, promoted=True, metrics={}, tags={})
        shutil.rmtree(files)
    for origin in (H - timedelta(days=8), H - timedelta(days=7, hours=2), H):
        version = {"origin": origin, "made_at": origin + HOUR, "quality": "q", "model_version": "m"}
        table = pd.DataFrame({"x": [1.0]})
        publish(objects, pd.DataFrame([version]), {"X.parquet": table}, "simulator")
    leftover = world.stores.folder / "objects" / f".x.parquet.{'0' * 32}"
    leftover.touch()
    os.utime(leftover, (0, 0))
    return root


def maintain(root: Path, writes: Writes) -> bool:
    """Maintenance of a world, with one write failing; whether it succeeded all the same."""
    world = world_in(root, writes)
    job = world.defs.resolve_job_def("maintenance_job")
    with watched(writes):
        return job.execute_in_process(instance=world.instance, raise_on_error=False).success


def files_of(root: Path) -> set[str]:
    """All files and folders by name, hidden ones included, but not those of the table."""
    folders = (root / SOURCE_ID / "models", root / SOURCE_ID / "objects")
    return {str(path.relative_to(root)) for folder in folders for path in folder.rglob("*")}


def left(root: Path) -> dict[str, Any]:
    """What maintenance has left, and nothing half-written among it."""
    world = world_in(root)
    assert_whole(world, END)
    features = world.stores.feature_store
    for hour in PINS[-KEPT:]:
        dataset = read_reference(world.stores.object_store, hour)
        assert len(features.read_training_dataset(dataset)) == dataset.rows
    pins = sorted(
        path.name for path in (root / SOURCE_ID / "table" / "_training_datasets").iterdir()
    )
    return {**result(world, START, END), "pins": pins}


def test_whichever_write_of_maintenance_fails_the_next_run_completes_it(
    before: Path, tmp_path: Path
) -> None:
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(before, undisturbed)
    writes = Writes(undisturbed)
    assert maintain(undisturbed, writes)
    assert any("models" in write for write in writes.made)
    assert any("published" in write for write in writes.made)
    expected, files = left(undisturbed), files_of(undisturbed)
    assert len(files) < len(files_of(before))
    for number in numbers(len(writes.made), SPREAD):
        root = tmp_path / f"{number}"
        shutil.copytree(before, root)
        failing = Writes(root, number, ERRORS[number % 2])
        succeeded = maintain(root, failing)
        print(number, failing.made[number : number + 1], succeeded)
        left(root)
        assert maintain(root, Writes(root))
        assert_same(left(root), expected)
        assert files_of(root) == files
        shutil.rmtree(root)
