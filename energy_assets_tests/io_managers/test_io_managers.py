"""IO managers: what an asset returns for one hour or many reaches the next asset unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from energy_assets.automation.jobs import range_tags
from energy_assets.errors import ContractError, NotFoundError
from energy_assets.io_managers import (
    FeatureGroupIOManager,
    FeatureViewIOManager,
    ModelIOManager,
    ParquetIOManager,
)
from energy_assets.partitions import HOUR, hourly, key_of
from energy_assets.schemas import CONSUMPTION, first_versions
from energy_assets.settings import read_settings
from energy_assets.sources.simulator import Simulator
from energy_assets.stores.parquet import read_metadata
from energy_assets_tests.world import World

H = datetime(2023, 3, 10, 21)
HOURS = [H, H + HOUR, H + 2 * HOUR]
KEYS = [key_of(hour) for hour in HOURS]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.build(tmp_path, Simulator())


def passed_on(
    manager: dg.IOManager,
    value: Any,
    first: datetime,
    last: datetime,
    into: Mapping[str, Any] | None = None,
) -> Any:
    """What the next asset gets when an asset returns `value` for the hours `first` to `last`.

    `into` is the metadata of the next asset's input. A value of None is not written.
    """
    received: list[Any] = []

    @dg.asset(partitions_def=hourly, io_manager_key="manager", dagster_type=dg.Any)
    def upstream() -> dg.MaterializeResult:
        return dg.MaterializeResult(value=value)

    @dg.asset(
        partitions_def=hourly,
        ins={"upstream": dg.AssetIn(metadata=dict(into or {}), dagster_type=dg.Any)},
    )
    def downstream(upstream: Any) -> None:
        received.append(upstream)

    dg.materialize(
        [upstream, downstream],
        selection=["downstream"] if value is None else None,
        resources={"manager": dg.IOManagerDefinition.hardcoded_io_manager(manager)},
        tags=range_tags(first, last),
    )
    return received[0]


def rows(hour: datetime, *values: float) -> pd.DataFrame:
    frame = pd.DataFrame({"energy_consumption": values})
    frame["consumer_type"] = [str(number) for number in range(len(values))]
    return frame.assign(area="DK1", datetime_utc=hour)[list(CONSUMPTION.dtypes)].astype(
        CONSUMPTION.dtypes
    )


@pytest.mark.parametrize("count", [1, 3])
def test_an_hour_of_a_parquet_asset_is_a_file_of_its_own(world: World, count: int) -> None:
    objects = world.stores.object_store
    frames = {key: rows(hour, 1.0, 2.0) for key, hour in zip(KEYS[:count], HOURS, strict=False)}
    received = passed_on(ParquetIOManager(objects, world.source), frames, H, HOURS[count - 1])
    assert list(received) == KEYS[:count]
    for key in KEYS[:count]:
        pd.testing.assert_frame_equal(received[key], frames[key])
    assert objects.list("upstream") == [
        f"upstream/2023-03-10/{hour}.parquet" for hour in (21, 22, 23)[:count]
    ]
    metadata = read_metadata(objects.read("upstream/2023-03-10/21.parquet"))
    assert metadata == {"source": "simulator", "partition": KEYS[0]}


def test_a_missing_hour_is_an_error(world: World) -> None:
    manager = ParquetIOManager(world.stores.object_store, world.source)
    passed_on(manager, {KEYS[1]: rows(HOURS[1], 1.0)}, HOURS[1], HOURS[1])
    with pytest.raises(NotFoundError, match=f"upstream has nothing for {KEYS[0]}"):
        passed_on(manager, None, H, HOURS[-1])


def test_rows_of_a_range_of_hours_reach_the_feature_group_in_one_commit(world: World) -> None:
    store = world.stores.feature_store
    frame = pd.concat([rows(hour, 1.0, 2.0) for hour in HOURS])
    received = passed_on(FeatureGroupIOManager(store), first_versions(frame), H, HOURS[-1])
    expected = frame.sort_values(["area", "consumer_type", "datetime_utc"], ignore_index=True)
    pd.testing.assert_frame_equal(received, expected)
    assert len(passed_on(FeatureGroupIOManager(store), None, HOURS[1], HOURS[1])) == 2
    assert store.create_training_dataset(H, H + HOUR).version == 1


def test_rows_outside_the_hours_of_the_run_are_refused_and_nothing_is_written(
    world: World,
) -> None:
    store = world.stores.feature_store
    frame = pd.concat([rows(H, 1.0), rows(H + HOUR, 1.0)])
    with pytest.raises(ContractError, match="1 rows of upstream"):
        passed_on(FeatureGroupIOManager(store), frame, H, H)
    assert store.read(H, H + 2 * HOUR).empty


@pytest.mark.parametrize("known_by", [None, H])
def test_a_training_dataset_is_read_as_it_was_pinned(
    world: World, known_by: datetime | None
) -> None:
    store = world.stores.feature_store
    store.upsert(first_versions(rows(H, 1.0, 2.0)))
    dataset = store.create_training_dataset(H, H + HOUR, known_by)
    store.upsert(rows(H, 5.0, 2.0).assign(known_at=H + HOUR))
    manager = FeatureViewIOManager(store, world.stores.object_store)
    received = passed_on(manager, {KEYS[0]: dataset}, H, H)
    assert received[KEYS[0]].dataset == dataset
    assert received[KEYS[0]].rows["energy_consumption"].tolist() == [1.0, 2.0]


def test_loading_a_model_gives_the_promoted_ones_up_to_its_hour_that_are_not_too_old(
    world: World, tmp_path: Path
) -> None:
    registry = world.stores.model_registry
    settings = read_settings(_env_file=None, model_max_age_hours=1)
    for number, promoted in enumerate([True, False, True]):
        files = tmp_path / str(number)
        files.mkdir()
        (files / "model.txt").write_text(str(number))
        registry.register(files, HOURS[number], promoted=promoted, metrics={}, tags={})
    received = passed_on(ModelIOManager(registry, settings), None, H, HOURS[-1])
    hours = {key: [model.hour for model in models] for key, models in received.items()}
    assert hours == {KEYS[0]: [H], KEYS[1]: [H], KEYS[2]: [HOURS[2]]}
