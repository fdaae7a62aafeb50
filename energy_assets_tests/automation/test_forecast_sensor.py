"""The forecast sensor: every recent hour and every new model gets its forecast."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
from dagster._core.events import DagsterEvent, StepMaterializationData

from energy_assets.automation.jobs import range_tags
from energy_assets.automation.sensors import ForecastCursor, forecast_sensor
from energy_assets.contract.rules import validate_records
from energy_assets.forecasts.publishing import publish
from energy_assets.partitions import DAY, HOUR, hour_of, key_of
from energy_assets.schemas import first_versions
from energy_assets.sources.file import FileSource
from energy_assets.sources.profiles import DE35
from energy_assets.sources.simulator import Simulator
from energy_assets.stores.paths import hour_path
from energy_assets_tests.automation.ticks import ranges_of, tick_of
from energy_assets_tests.world import SERIES, Only, World

H = datetime(2023, 3, 10, 21)


def report(instance: dg.DagsterInstance, asset: str, hour: datetime, **metadata: str) -> None:
    """Report an asset's hour as materialised."""
    instance.report_runless_asset_event(
        dg.AssetMaterialization(asset, partition=key_of(hour), metadata=metadata)
    )


def requested_forecasts(world: World, cursor: str | None = None) -> tuple[list[str], str]:
    """The hours for which a tick requests a forecast, and the next cursor."""
    tick = tick_of(forecast_sensor, world, cursor)
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

    requested, cursor = requested_forecasts(world)
    for key in requested:
        world.run(str(forecast_sensor.job_name), hour_of(key))

    for hour in hours:
        forecast = world.frame("predictions_parquet", hour)
        assert len(forecast) == 24 * len(SERIES)
        assert set(forecast["quality"]) == {"model"}
        assert set(forecast["model_version"]) == {world.metadata("model", hour)["model_version"]}
    assert requested == [key_of(hour) for hour in hours]
    assert requested_forecasts(world, cursor)[0] == []


def test_however_many_models_come_between_two_ticks_each_gets_a_forecast(
    world: World,
) -> None:
    hours = [H + number * HOUR for number in range(250)]
    for hour in hours:
        report(world.instance, "model", hour, model_version=f"version of {hour}")
    requested: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        keys, cursor = requested_forecasts(world, cursor)
        requested += keys
    assert requested == [key_of(hour) for hour in hours]
    assert requested_forecasts(world, cursor) == ([], cursor)


def test_a_second_model_for_the_same_hour_gets_a_forecast_too(
    world: World,
) -> None:
    report(world.instance, "model", H, model_version="v1")
    first, cursor = requested_forecasts(world)
    report(world.instance, "model", H, model_version="v2")
    second, _ = requested_forecasts(world, cursor)
    assert first == second == [key_of(H)]


def test_a_model_with_a_later_forecast_needs_no_other(
    world: World,
) -> None:
    report(world.instance, "predictions_parquet", H)
    report(world.instance, "model", H, model_version="v1")
    report(world.instance, "model", H + HOUR, model_version="v2")
    report(world.instance, "predictions_parquet", H + HOUR)
    requested, _ = requested_forecasts(world)
    assert requested == [key_of(H)]


def test_a_tick_without_requests_says_why(
    world: World,
) -> None:
    tick = tick_of(forecast_sensor, world)
    assert "no new request is due" in (tick.skip_message or "")


def test_a_run_that_has_yet_to_forecast_is_left_to_do_so(
    world: World,
) -> None:
    run = dg.DagsterRun(job_name="hourly_job", status=dg.DagsterRunStatus.STARTED)
    world.instance.add_run(run)
    event = dg.AssetMaterialization("model", partition=key_of(H), metadata={"model_version": "v"})
    world.instance.report_dagster_event(
        run_id=run.run_id,
        dagster_event=DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
            job_name="hourly_job",
            event_specific_data=StepMaterializationData(event),
        ),
    )
    requested, cursor = requested_forecasts(world)
    assert requested == []
    world.instance.report_run_failed(world.instance.get_run_by_id(run.run_id))
    requested, _ = requested_forecasts(world, cursor)
    assert requested == [key_of(H)]


def test_a_model_outside_the_partitions_does_not_stop_the_others(
    world: World,
) -> None:
    report(world.instance, "model", datetime(1999, 1, 1), model_version="v0")
    report(world.instance, "model", H, model_version="v1")
    requested, _ = requested_forecasts(world)
    assert requested == [key_of(H)]


NEVER_LATE, AT_ONCE = 60 * 24 * 30, 0
"""Minutes until a forecast is late."""


def operating(root: Path, newest: datetime, grace: int = NEVER_LATE) -> World:
    """A world with twelve series of rows up to the newest hour, and no forecast."""
    settings = {"forecast_grace_minutes": grace}
    world = World.build(root, Only(Simulator(), SERIES), settings=settings)
    records = Only(Simulator(), SERIES).fetch(newest - 8 * DAY, newest)
    rows = validate_records(records, DE35).rows
    everywhere = rows[["area", "consumer_type"]].drop_duplicates()
    hours = pd.date_range(newest - 8 * DAY, newest, freq="h", name="datetime_utc")
    complete = everywhere.merge(hours.to_frame(index=False), how="cross")
    world.stores.feature_store.upsert(first_versions(complete.assign(energy_consumption=100.0)))
    return world


def forecast_version(origin: datetime) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "origin": [pd.Timestamp(origin)],
            "made_at": pd.Timestamp(origin),
            "quality": "model",
            "model_version": "m",
        }
    )


def hourly_run(world: World, hour: datetime, status: dg.DagsterRunStatus) -> None:
    world.instance.add_run(
        dg.DagsterRun(
            job_name="hourly_job", status=status, tags={"dagster/partition": key_of(hour)}
        )
    )


def forecast_all_but(world: World, newest: datetime, *missing: datetime) -> None:
    """Store an empty forecast for each recent hour but some."""
    for back in range(80):
        if (hour := newest - back * HOUR) not in missing:
            world.stores.object_store.write(hour_path("predictions_parquet", hour, "parquet"), b"")


def requested_ranges(world: World, cursor: str | None = None) -> tuple[list[tuple[str, str]], str]:
    tick = tick_of(forecast_sensor, world, cursor)
    return ranges_of(tick), str(tick.cursor)


def test_after_an_outage_every_recent_hour_gets_its_forecast_oldest_first(
    tmp_path: Path, newest: datetime
) -> None:
    world = operating(tmp_path, newest)
    published = forecast_version(newest - 5 * DAY)
    publish(world.stores.object_store, published, {}, "simulator")
    hourly_run(world, newest, dg.DagsterRunStatus.STARTED)
    ranges, cursor = requested_ranges(world)
    first = newest - 71 * HOUR
    assert ranges == [
        (key_of(first), key_of(first + 23 * HOUR)),
        (key_of(first + 24 * HOUR), key_of(first + 47 * HOUR)),
        (key_of(first + 48 * HOUR), key_of(newest - HOUR)),
    ]
    assert requested_ranges(world, cursor)[0] == []


def test_a_project_that_has_just_begun_lacks_no_earlier_forecasts(
    tmp_path: Path, newest: datetime
) -> None:
    world = operating(tmp_path, newest, grace=AT_ONCE)
    assert requested_ranges(world)[0] == [(key_of(newest), key_of(newest))]


def test_the_newest_hour_is_requested_once_its_hourly_run_has_failed(
    tmp_path: Path, newest: datetime
) -> None:
    world = operating(tmp_path, newest)
    forecast_all_but(world, newest, newest)
    assert requested_ranges(world)[0] == []  # the schedule is about to start its run
    hourly_run(world, newest, dg.DagsterRunStatus.FAILURE)
    assert requested_ranges(world)[0] == [(key_of(newest), key_of(newest))]


def test_the_newest_hour_is_requested_beside_an_hourly_run_that_takes_too_long(
    tmp_path: Path, newest: datetime
) -> None:
    world = operating(tmp_path, newest, grace=AT_ONCE)
    forecast_all_but(world, newest, newest)
    hourly_run(world, newest, dg.DagsterRunStatus.STARTED)
    assert requested_ranges(world)[0] == [(key_of(newest), key_of(newest))]


def test_an_hour_that_a_run_is_forecasting_is_not_requested(
    tmp_path: Path, newest: datetime
) -> None:
    world = operating(tmp_path, newest)
    missing = [newest - 5 * HOUR, newest - 4 * HOUR]
    forecast_all_but(world, newest, newest, *missing)
    tags = range_tags(newest - 9 * HOUR, newest - 5 * HOUR)
    run = dg.DagsterRun(job_name="prediction_job", status=dg.DagsterRunStatus.STARTED, tags=tags)
    world.instance.add_run(run)
    assert requested_ranges(world)[0] == [(key_of(missing[1]), key_of(missing[1]))]


def test_an_hour_without_rows_waits_for_them_but_not_for_ever(
    tmp_path: Path, newest: datetime
) -> None:
    world = operating(tmp_path, newest - 3 * HOUR)
    hour = newest - 2 * HOUR
    forecast_all_but(world, newest, hour)
    ranges, cursor = requested_ranges(world)
    assert ranges == []
    state = ForecastCursor.model_validate_json(cursor)
    state.missing_since[key_of(hour)] -= timedelta(minutes=11)
    assert requested_ranges(world, state.model_dump_json())[0] == [(key_of(hour), key_of(hour))]


def test_hours_before_the_first_row_are_not_forecast(tmp_path: Path, newest: datetime) -> None:
    assert requested_ranges(World.build(tmp_path, Simulator()))[0] == []


def test_a_feature_store_that_does_not_answer_stops_no_forecast(
    tmp_path: Path, newest: datetime
) -> None:
    world = operating(tmp_path, newest)
    table = world.stores.folder / "feature_store"
    for log in table.rglob("_delta_log/*.json"):
        log.write_text("damaged")
    forecast_all_but(world, newest, newest, newest - HOUR)
    hour = key_of(newest - HOUR)
    assert requested_ranges(world)[0] == [(hour, hour)]


def test_a_forecast_that_is_stored_but_not_published_is_published(
    tmp_path: Path, newest: datetime
) -> None:
    world = operating(tmp_path, newest)
    world.put_config(newest - DAY, n_estimators=5)
    world.run("prediction_job", newest)
    forecast_all_but(world, newest, newest)
    assert requested_forecasts(world)[0] == []
    world.stores.object_store.write("newest.json", b"{}")
    assert requested_forecasts(world)[0] == [key_of(newest)]
