"""Sensors: every new model gets its forecast, and recent gaps are repaired."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.events import DagsterEvent, StepMaterializationData

from energy_assets.automation.sensors import gap_repair_sensor, new_model_sensor
from energy_assets.contract.rules import validate_records
from energy_assets.partitions import HOUR, hour_of, hourly, key_of
from energy_assets.schemas import first_versions
from energy_assets.settings import utc_now
from energy_assets.sources.file import FileSource
from energy_assets.sources.profiles import DE35
from energy_assets.sources.simulator import Simulator
from energy_assets_tests.world import SERIES, Only, World

H = datetime(2023, 3, 10, 21)


def report(instance: dg.DagsterInstance, asset: str, hour: datetime, **metadata: str) -> None:
    """Report an asset's hour as materialised."""
    instance.report_runless_asset_event(
        dg.AssetMaterialization(asset, partition=key_of(hour), metadata=metadata)
    )


def requested_forecasts(
    instance: dg.DagsterInstance, defs: dg.Definitions, cursor: str | None = None
) -> tuple[list[str], str]:
    """The hours for which a tick requests a forecast, and the next cursor."""
    context = dg.build_sensor_context(instance=instance, cursor=cursor, definitions=defs)
    tick = new_model_sensor.evaluate_tick(context)
    return [str(request.partition_key) for request in tick.run_requests or []], str(tick.cursor)


def test_every_model_trained_on_the_real_file_between_two_ticks_makes_its_forecast(
    tmp_path: Path, de35_csv: Path
) -> None:
    world = World.build(tmp_path, Only(FileSource(de35_csv, DE35), SERIES))
    hours = [H + number * HOUR for number in range(3)]
    world.put_history(world.source.oldest_hour(), H)
    world.put_config(H, n_estimators=20)
    for hour in hours:
        assets = ("raw_consumption", "feature_group", "feature_view", "model")
        world.run("hourly_job", hour, assets=assets)

    requested, cursor = requested_forecasts(world.instance, world.defs)
    for key in requested:
        world.run(str(new_model_sensor.job_name), hour_of(key))

    for hour in hours:
        forecast = world.frame("predictions_parquet", hour)
        assert len(forecast) == 24 * len(SERIES)
        assert set(forecast["quality"]) == {"model"}
        assert set(forecast["model_version"]) == {world.metadata("model", hour)["model_version"]}
    assert requested == [key_of(hour) for hour in hours]
    assert requested_forecasts(world.instance, world.defs, cursor) == ([], cursor)


def test_however_many_models_come_between_two_ticks_each_gets_a_forecast(
    instance: dg.DagsterInstance, defs: dg.Definitions
) -> None:
    hours = [H + number * HOUR for number in range(250)]
    for hour in hours:
        report(instance, "model", hour, model_version=f"version of {hour}")
    requested: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        keys, cursor = requested_forecasts(instance, defs, cursor)
        requested += keys
    assert requested == [key_of(hour) for hour in hours]
    assert requested_forecasts(instance, defs, cursor) == ([], cursor)


def test_a_second_model_for_the_same_hour_gets_a_forecast_too(
    instance: dg.DagsterInstance, defs: dg.Definitions
) -> None:
    report(instance, "model", H, model_version="v1")
    first, cursor = requested_forecasts(instance, defs)
    report(instance, "model", H, model_version="v2")
    second, _ = requested_forecasts(instance, defs, cursor)
    assert first == second == [key_of(H)]


def test_a_model_with_a_later_forecast_needs_no_other(
    instance: dg.DagsterInstance, defs: dg.Definitions
) -> None:
    report(instance, "predictions_parquet", H)
    report(instance, "model", H, model_version="v1")
    report(instance, "model", H + HOUR, model_version="v2")
    report(instance, "predictions_parquet", H + HOUR)
    requested, _ = requested_forecasts(instance, defs)
    assert requested == [key_of(H)]


def test_a_tick_without_requests_says_why(
    instance: dg.DagsterInstance, defs: dg.Definitions
) -> None:
    context = dg.build_sensor_context(instance=instance, definitions=defs)
    tick = new_model_sensor.evaluate_tick(context)
    assert "no model without a forecast" in (tick.skip_message or "")


def test_a_run_that_has_yet_to_forecast_is_left_to_do_so(
    instance: dg.DagsterInstance, defs: dg.Definitions
) -> None:
    run = dg.DagsterRun(job_name="hourly_job", status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)
    event = dg.AssetMaterialization("model", partition=key_of(H), metadata={"model_version": "v"})
    instance.report_dagster_event(
        run_id=run.run_id,
        dagster_event=DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
            job_name="hourly_job",
            event_specific_data=StepMaterializationData(event),
        ),
    )
    requested, cursor = requested_forecasts(instance, defs)
    assert requested == []
    instance.report_run_failed(instance.get_run_by_id(run.run_id))
    requested, _ = requested_forecasts(instance, defs, cursor)
    assert requested == [key_of(H)]


def test_a_model_outside_the_partitions_does_not_stop_the_others(
    instance: dg.DagsterInstance, defs: dg.Definitions
) -> None:
    report(instance, "model", datetime(1999, 1, 1), model_version="v0")
    report(instance, "model", H, model_version="v1")
    requested, _ = requested_forecasts(instance, defs)
    assert requested == [key_of(H)]


@pytest.fixture
def newest() -> datetime:
    """The newest hour that can exist."""
    key = hourly.get_last_partition_key()
    assert key is not None
    return hour_of(key)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.build(tmp_path, Simulator())


@pytest.fixture
def world_without_the_last_day(world: World, newest: datetime) -> World:
    world.put_history(newest - timedelta(days=5), newest - timedelta(days=1))
    return world


def look_for_gaps(world: World, cursor: str | None = None) -> SensorExecutionData:
    context = dg.build_sensor_context(
        instance=world.instance,
        cursor=cursor,
        definitions=world.defs,
        resources={"feature_store": world.stores.feature_store},
    )
    return gap_repair_sensor.evaluate_tick(context)


def ranges_of(tick: SensorExecutionData) -> list[tuple[str, str]]:
    """The first and the last hour of each range that a tick requests."""
    return [
        (
            request.tags["dagster/asset_partition_range_start"],
            request.tags["dagster/asset_partition_range_end"],
        )
        for request in tick.run_requests or []
    ]


def test_recent_hours_that_are_missing_or_incomplete_are_requested_again(
    world: World, newest: datetime
) -> None:
    assert ranges_of(look_for_gaps(world)) == []

    records = world.source.fetch(newest - timedelta(days=5), newest + HOUR)
    rows = validate_records(records, world.source.profile).rows
    complete = rows.groupby("datetime_utc").filter(lambda hour: len(hour) == 76)
    hours = complete["datetime_utc"]
    missing = hours.isin([newest - n * HOUR for n in (0, 10, 11, 12)])
    incomplete = (hours == newest - 20 * HOUR) & (complete["area"] == "DK1")
    world.stores.feature_store.upsert(first_versions(complete[~missing & ~incomplete]))

    ranges = ranges_of(look_for_gaps(world))
    for number in (10, 11, 12, 20):
        hour = key_of(newest - number * HOUR)
        assert any(first <= hour <= last for first, last in ranges)
    assert len(ranges) < 72
    assert all(last < key_of(newest) for _, last in ranges)


def test_a_gap_that_stays_open_is_requested_again_after_six_hours_and_not_before(
    world_without_the_last_day: World,
) -> None:
    world = world_without_the_last_day
    first = look_for_gaps(world)
    second = look_for_gaps(world, first.cursor)
    hours_ago = (utc_now() - timedelta(hours=7)).isoformat()
    requested_at = dict.fromkeys(json.loads(second.cursor or ""), hours_ago)
    later = look_for_gaps(world, json.dumps(requested_at))
    assert ranges_of(first)
    assert ranges_of(second) == []
    assert ranges_of(later) == ranges_of(first)


def test_the_run_that_the_sensor_requests_repairs_the_gap(
    world_without_the_last_day: World,
) -> None:
    world = world_without_the_last_day
    first, last = map(hour_of, ranges_of(look_for_gaps(world))[-1])
    world.run("repair_job", first, last)
    rows = world.stores.feature_store.read(first, last + HOUR)
    published = world.source.fetch(first, last + HOUR)
    assert len(rows) == len(published) > 76 * 12
