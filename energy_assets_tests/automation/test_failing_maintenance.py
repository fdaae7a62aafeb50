"""Whichever write of maintenance fails, the next run leaves what an undisturbed one leaves."""

from __future__ import annotations

import errno
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from benchmarks.stored import contents
from energy_assets.errors import StorageError
from energy_assets.forecasts.publishing import publish
from energy_assets.partitions import HOUR, window_of
from energy_assets.sources.simulator import Simulator
from energy_assets.stores.embedded.feature_store import DeltaFeatureStore
from energy_assets.stores.embedded.model_registry import FolderModelRegistry
from energy_assets.stores.training_datasets import read_reference, write_reference
from energy_assets_tests.failing_writes import (
    ALL,
    FailingTable,
    assert_failed,
    assert_published_whole,
    assert_same,
    assert_whole,
    copy_objects,
    error_of,
    numbers,
    result,
)
from energy_assets_tests.stores.gcs.server import (
    SOURCE_ID,
    Fault,
    after,
    answers,
    gcs_server,
    gcs_store,
    loses_the_answer,
)
from energy_assets_tests.stores.watched_files import Writes, watched
from energy_assets_tests.world import SERIES, Only, World

H = datetime(2023, 3, 10, 21)
START, END = H - timedelta(days=1), H + 5 * HOUR
PINS = [H + number * HOUR for number in range(4)]
KEPT = 2
SPREAD = 6
as_usual, refuses = after(0), answers(403)
FAULTS = (refuses, loses_the_answer)
ERRORS = (StorageError("the disk is gone"), OSError(errno.EIO, "an error of the disk"))


def world_in(root: Path, writes: Writes | None = None, **stores: Any) -> World:
    """A world whose stores keep nothing for being young."""
    folder = root / SOURCE_ID
    table: Any = DeltaFeatureStore(folder / "table", retention_hours=0)
    return World.build(
        root,
        Only(Simulator(), SERIES),
        {"training_datasets_kept": KEPT},
        feature_store=FailingTable(table, writes) if writes else table,
        model_registry=FolderModelRegistry(folder / "models", retention_hours=0),
        **stores,
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
        tables = {"X.parquet": table, "y.parquet": table}
        publish(objects, pd.DataFrame([version]), tables, "simulator")
    leftover = world.stores.folder / "objects" / f".x.parquet.{'0' * 32}"
    leftover.touch()
    os.utime(leftover, (0, 0))
    return root


def maintain(world: World) -> dg.ExecuteInProcessResult:
    job = world.defs.resolve_job_def("maintenance_job")
    return job.execute_in_process(instance=world.instance, raise_on_error=False)


def maintain_with(root: Path, writes: Writes) -> dg.ExecuteInProcessResult:
    """Maintenance of a world, with one write failing."""
    with watched(writes):
        return maintain(world_in(root, writes))


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
    assert maintain_with(undisturbed, writes).success
    assert any("models" in write for write in writes.made)
    assert any("published" in write for write in writes.made)
    expected, files = left(undisturbed), files_of(undisturbed)
    assert len(files) < len(files_of(before))
    for number in numbers(len(writes.made), SPREAD):
        root = tmp_path / f"{number}"
        shutil.copytree(before, root)
        failing = Writes(root, number, ERRORS[number % 2])
        outcome = maintain_with(root, failing)
        assert_failed(failing, outcome)
        print(number, failing.made[number], outcome.success)
        left(root)
        assert maintain_with(root, Writes(root)).success
        assert_same(left(root), expected)
        assert files_of(root) == files
        shutil.rmtree(root)


def maintain_in_the_bucket(
    before: Path, root: Path, fault: Fault, number: int | None, patch: pytest.MonkeyPatch
) -> tuple[list[str], dict[str, Any]]:
    """Maintain a bucket, and again if the request with a number fails.

    Returns the requests of the first run, and what is left in the bucket and of the models.
    """
    shutil.copytree(before, root)
    with gcs_server() as server:
        patch.setenv("STORAGE_EMULATOR_HOST", server.url)
        copy_objects(world_in(root).stores.object_store, gcs_store())
        server.requests.clear()
        if number is not None:
            server.fail(*[as_usual] * number, fault)
        first = maintain(world_in(root, object_store=gcs_store()))
        requests = list(server.requests)
        assert server.faults_left == 0, f"{len(requests)} requests, then {error_of(first)}"
        # A lost answer is no failure: the request is made again.
        assert first.success == (number is None or fault is loses_the_answer), error_of(first)
        assert_published_whole(gcs_store())
        if number is not None:
            assert maintain(world_in(root, object_store=gcs_store())).success
            assert_published_whole(gcs_store())
        return requests, {**server.objects, **contents(root / SOURCE_ID / "models")}


def test_whichever_request_of_maintenance_to_the_bucket_fails_the_next_run_completes_it(
    before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests, expected = maintain_in_the_bucket(
        before, tmp_path / "undisturbed", as_usual, None, monkeypatch
    )
    removals = [number for number, request in enumerate(requests) if request.startswith("DELETE")]
    assert removals
    spread = numbers(len(requests), SPREAD)
    for place, number in enumerate(sorted({*spread, *removals})):
        for fault in FAULTS if ALL else [FAULTS[place % 2]]:
            root = tmp_path / f"{number}-{fault.__name__}"
            _, rerun = maintain_in_the_bucket(before, root, fault, number, monkeypatch)
            assert_same(rerun, expected)
            print(number, fault.__name__, requests[number])
            shutil.rmtree(root)
