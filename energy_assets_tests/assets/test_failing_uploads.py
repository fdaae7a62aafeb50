"""Whichever request of an hourly run to change the bucket fails, the next run completes it."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.stored import unreadable
from energy_assets.partitions import HOUR
from energy_assets.sources.simulator import Simulator
from energy_assets_tests.failing_writes import (
    ALL,
    assert_published_whole,
    assert_same,
    assert_whole,
    copy_objects,
    error_of,
    numbers,
    result,
)
from energy_assets_tests.stores.gcs.server import (
    Fault,
    after,
    answers,
    gcs_server,
    gcs_store,
    loses_the_answer,
)
from energy_assets_tests.world import ORIGIN, Only, World

DAYS = 10
SPREAD = 2
START, END = ORIGIN - timedelta(days=DAYS), ORIGIN + HOUR
UPLOAD = "POST /upload"
SOURCE = Only(
    Simulator(now=lambda: datetime(2023, 3, 15)), {("DK1", "111"), ("DK1", "121"), ("DK2", "111")}
)
as_usual, refuses = after(0), answers(403)
FAULTS = (refuses, loses_the_answer)


def world_in(root: Path, **stores: Any) -> World:
    return World.build(root, SOURCE, {"days_export": DAYS}, **stores)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a world before its hourly run for ORIGIN, with local objects. Copy it."""
    root = tmp_path_factory.mktemp("before")
    world = world_in(root)
    world.put_history(START, ORIGIN)
    world.put_config(START, n_estimators=5)
    world.run("hourly_job", ORIGIN - HOUR)
    return root


def run(
    before: Path, root: Path, fault: Fault, number: int | None, patch: pytest.MonkeyPatch
) -> tuple[int, dict[str, Any]]:
    """Run ORIGIN on a bucket of its own, and again if the upload with a number fails.

    Returns how many uploads the first run made, and the result.
    """
    shutil.copytree(before, root)
    local = world_in(root).stores
    with gcs_server() as server:
        patch.setenv("STORAGE_EMULATOR_HOST", server.url)
        objects = gcs_store()
        copy_objects(local.object_store, objects)
        world = world_in(root, object_store=objects)
        server.requests.clear()
        if number is not None:
            server.fail(*[as_usual] * number, fault, at=UPLOAD)
        job = world.defs.resolve_job_def("hourly_job")
        first = job.execute_in_process(
            instance=world.instance,
            partition_key=f"{ORIGIN:%Y-%m-%d-%H:%M}",
            raise_on_error=False,
        )
        uploads = sum(UPLOAD in request for request in server.requests)
        assert server.faults_left == 0, f"{uploads} uploads, then {error_of(first)}"
        # A lost answer is no failure: the upload is tried again.
        assert first.success == (number is None or fault is loses_the_answer), error_of(first)
        for again in (False, True) if number is not None else (False,):
            if again:
                world.run("hourly_job", ORIGIN)
            shutil.rmtree(local.folder / "objects")
            copy_objects(objects, local.object_store)
            assert unreadable(local.folder / "objects") == []
            assert_published_whole(objects)
            assert_whole(world_in(root), END)
        return uploads, result(world_in(root), START, END)


def test_whichever_upload_of_an_hourly_run_fails_the_next_run_completes_it(
    before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, expected = run(before, tmp_path / "undisturbed", as_usual, None, monkeypatch)
    assert count > 10
    for place, number in enumerate(numbers(count, SPREAD)):
        for fault in FAULTS if ALL else [FAULTS[place % 2]]:
            root = tmp_path / f"{number}-{fault.__name__}"
            _, rerun = run(before, root, fault, number, monkeypatch)
            assert_same(rerun, expected)
            print(number, fault.__name__)
