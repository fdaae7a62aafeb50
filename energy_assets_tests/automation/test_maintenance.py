"""Maintenance: the table stays as it is, and so does what pinned training datasets need."""

from __future__ import annotations

import os
import uuid
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from energy_assets.errors import NotFoundError
from energy_assets.partitions import HOUR, window_of
from energy_assets.sources.simulator import Simulator
from energy_assets.stores.embedded.feature_store import DeltaFeatureStore
from energy_assets.stores.training_datasets import read_reference, write_reference
from energy_assets_tests.world import World

H = datetime(2023, 3, 10, 21)


@pytest.fixture
def world(tmp_path: Path) -> World:
    store = DeltaFeatureStore(tmp_path / "table", retention_hours=0)
    return World.build(tmp_path, Simulator(), {"training_datasets_kept": 2}, feature_store=store)


def pin(world: World, hour: datetime) -> pd.DataFrame:
    """Pin the window of an hour, after its newest row has been corrected."""
    features = world.stores.feature_store
    world.put_history(hour, hour + HOUR)
    dataset = features.create_training_dataset(*window_of(hour, 30))
    write_reference(world.stores.object_store, hour, dataset)
    return features.read_training_dataset(dataset)


def maintain(world: World) -> bool:
    job = world.defs.resolve_job_def("maintenance_job")
    return job.execute_in_process(instance=world.instance, raise_on_error=False).success


def test_the_latest_training_datasets_are_kept_whatever_their_hours(world: World) -> None:
    features, objects = world.stores.feature_store, world.stores.object_store
    hours = [H, H + 2 * HOUR, H + HOUR]  # in the order of their creation
    pinned = {hour: pin(world, hour) for hour in hours}
    start, end = H, H + 3 * HOUR
    table = features.read(start, end)

    assert maintain(world)

    pd.testing.assert_frame_equal(features.read(start, end), table)
    for hour in hours[1:]:
        again = features.read_training_dataset(read_reference(objects, hour))
        pd.testing.assert_frame_equal(again, pinned[hour])


def test_a_training_dataset_that_is_not_kept_loses_its_compacted_files(
    world: World,
) -> None:
    features, objects = world.stores.feature_store, world.stores.object_store
    for number in range(4):
        pin(world, H + number * HOUR)
        world.put_history(H, H + HOUR)  # written again, so that the first file is replaced
    assert maintain(world)
    with pytest.raises(NotFoundError, match="materialise feature_view again"):
        features.read_training_dataset(read_reference(objects, H))
    assert len(features.read_training_dataset(read_reference(objects, H + 3 * HOUR)))


def test_an_empty_store_needs_no_maintenance(world: World) -> None:
    assert maintain(world)


def test_files_of_a_writer_that_was_killed_before_its_commit_are_removed(world: World) -> None:
    world.put_history(H, H + HOUR)
    store = world.stores.feature_store
    assert isinstance(store, DeltaFeatureStore)
    orphan = store.folder / "part-00000-00000000-0000-0000-0000-000000000000-c000.snappy.parquet"
    orphan.write_bytes(b"unfinished")
    os.utime(orphan, (0, 0))
    assert maintain(world)
    assert not orphan.exists()
    assert len(world.stores.feature_store.read(H, H + HOUR))


def test_leftovers_below_the_storage_root_are_removed(world: World) -> None:
    root = world.deployment.settings.storage_root
    leftover = root / "objects" / f".21.parquet.{uuid.uuid4().hex}"
    leftover.parent.mkdir(parents=True, exist_ok=True)
    leftover.touch()
    assert maintain(world)
    assert leftover.exists()
    os.utime(leftover, (0, 0))
    assert maintain(world)
    assert not leftover.exists()
