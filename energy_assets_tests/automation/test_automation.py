"""Jobs, schedules and sensors: what they ask for, and that nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, StepMaterializationData
from dagster._core.execution.asset_backfill import AssetBackfillData

from energy_assets.automation.sensors import gap_repair_sensor, new_model_sensor
from energy_assets.definitions import build_defs, build_resources
from energy_assets.partitions import HOUR, hour_of, hourly, key_of
from energy_assets.settings import read_settings, utc_now
from energy_assets.sources.file import FileSource
from energy_assets.sources.profiles import DE35
from energy_assets.sources.simulator import Simulator
from energy_assets_tests.assets.conftest import SERIES
from energy_assets_tests.world import Only, World

H = datetime(2023, 3, 10, 21)
defs = build_defs(build_resources(read_settings(_env_file=None)))
ASSETS = {
    "raw_consumption",
    "feature_group",
    "feature_view",
    "best_config",
    "model",
    "predictions_parquet",
    "monitoring_metrics",
}
ASSETS_TO_THE_MODEL = ("raw_consumption", "feature_group", "feature_view", "model")


def made(instance: dg.DagsterInstance, asset: str, hour: datetime, **metadata: str) -> None:
    instance.report_runless_asset_event(
        dg.AssetMaterialization(asset, partition=key_of(hour), metadata=metadata)
    )


def requests(instance: dg.DagsterInstance, cursor: str | None) -> tuple[list[str], str]:
    context = dg.build_sensor_context(instance=instance, cursor=cursor, definitions=defs)
    found = new_model_sensor.evaluate_tick(context)
    return [str(request.partition_key) for request in found.run_requests], str(found.cursor)


def scheduled(schedule: str, when: datetime) -> dg.RunRequest:
    context = dg.build_schedule_context(
        scheduled_execution_time=when.replace(tzinfo=timezone.utc),
        repository_def=defs.get_repository_def(),
    )
    (request,) = defs.resolve_schedule_def(schedule).evaluate_tick(context).run_requests
    return request


@pytest.fixture
def instance(tmp_path: Path) -> dg.DagsterInstance:
    return dg.DagsterInstance.ephemeral(tempdir=str(tmp_path / "dagster"))


def test_the_hourly_job_makes_everything_but_the_costly_configuration() -> None:
    selected = defs.resolve_job_def("hourly_job").asset_layer.executable_asset_keys
    assert {key.to_user_string() for key in selected} == ASSETS - {"best_config"}


# Dagster's own schedule builder calls what Dagster deprecates.
@pytest.mark.filterwarnings("ignore:Function `JobDefinition.run_request_for_partition`")
def test_the_hourly_schedule_asks_for_the_newest_hour_that_can_exist() -> None:
    request = scheduled("hourly_job_schedule", datetime(2023, 3, 10, 22, 5))
    assert request.partition_key == request.run_key == key_of(H)


def test_the_weekly_schedule_tunes_at_the_newest_hour() -> None:
    request = scheduled("tuning_schedule", datetime(2023, 3, 13, 3, 30))
    assert request.partition_key == "2023-03-13-02:00"


def test_three_models_between_two_ticks_give_three_forecast_runs(
    instance: dg.DagsterInstance,
) -> None:
    for number in range(3):
        made(instance, "model", H + number * HOUR, model_version=f"v{number}")
    asked, cursor = requests(instance, None)
    assert asked == [key_of(H + number * HOUR) for number in range(3)]
    assert requests(instance, cursor) == ([], cursor)


def test_three_models_trained_on_the_real_file_between_two_ticks_are_all_forecast_with(
    tmp_path: Path, de35_csv: Path
) -> None:
    world = World.build(tmp_path, Only(FileSource(de35_csv, DE35), SERIES))
    hours = [H + number * HOUR for number in range(3)]
    world.put_history(world.source.oldest_hour(), H)
    world.put_config(H, n_estimators=20)
    for hour in hours:
        world.run("hourly_job", hour, assets=ASSETS_TO_THE_MODEL)

    asked, cursor = requests(world.instance, None)
    for key in asked:
        world.run(str(new_model_sensor.job_name), hour_of(key))

    for hour in hours:
        forecast = world.frame("predictions_parquet", hour)
        assert len(forecast) == 24 * len(SERIES)
        assert set(forecast["quality"]) == {"model"}
        assert set(forecast["model_version"]) == {world.metadata("model", hour)["model_version"]}
    assert asked == [key_of(hour) for hour in hours]
    assert requests(world.instance, cursor) == ([], cursor)


def test_however_many_models_come_between_two_ticks_none_is_lost(
    instance: dg.DagsterInstance,
) -> None:
    for number in range(250):
        made(instance, "model", H + number * HOUR, model_version=f"v{number}")
    asked: list[str] = []
    cursor: str | None = None
    for _ in range(4):
        some, cursor = requests(instance, cursor)
        asked += some
    assert asked == [key_of(H + number * HOUR) for number in range(250)]


def test_a_model_made_again_for_the_same_hour_is_forecast_again(
    instance: dg.DagsterInstance,
) -> None:
    made(instance, "model", H, model_version="v1")
    first, cursor = requests(instance, None)
    made(instance, "model", H, model_version="v2")
    again, _ = requests(instance, cursor)
    assert first == again == [key_of(H)]


def test_a_model_whose_run_went_on_to_its_forecast_needs_no_other(
    instance: dg.DagsterInstance,
) -> None:
    made(instance, "predictions_parquet", H)
    made(instance, "model", H, model_version="v1")
    made(instance, "model", H + HOUR, model_version="v2")
    made(instance, "predictions_parquet", H + HOUR)
    asked, _ = requests(instance, None)
    assert asked == [key_of(H)]


def newest_hour() -> datetime:
    key = hourly.get_last_partition_key()
    assert key is not None
    return hour_of(key)


def without_the_last_day(root: Path) -> World:
    world = World.build(root, Simulator())
    world.put_history(newest_hour() - timedelta(days=5), newest_hour() - timedelta(days=1))
    return world


def gaps_asked_for(world: World, instance: dg.DagsterInstance) -> Sequence[tuple[str, str]]:
    context = dg.build_sensor_context(
        instance=instance,
        definitions=defs,
        resources={"feature_store": world.stores.feature_store},
    )
    found = gap_repair_sensor.evaluate_tick(context)
    return [
        (
            request.tags["dagster/asset_partition_range_start"],
            request.tags["dagster/asset_partition_range_end"],
        )
        for request in found.run_requests or []
    ]


def test_recent_hours_that_are_missing_or_incomplete_are_asked_for_again(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    world = World.build(tmp_path, Simulator())
    assert gaps_asked_for(world, instance) == []

    newest = newest_hour()
    world.put_history(newest - timedelta(days=5), newest + HOUR)
    store = world.stores.feature_store
    rows = store.read(newest - timedelta(days=5), newest + HOUR)
    complete = rows.groupby("datetime_utc").filter(lambda hour: len(hour) == 76)

    other = World.build(tmp_path / "gaps", Simulator())
    hours = complete["datetime_utc"]
    missing = hours.isin([newest - n * HOUR for n in (10, 11, 12)])
    partly = (hours == newest - 20 * HOUR) & (complete["area"] == "DK1")
    newest_one = hours == newest
    other.stores.feature_store.upsert(complete[~missing & ~partly & ~newest_one])
    asked = gaps_asked_for(other, instance)
    for number in (10, 11, 12, 20):
        hour = key_of(newest - number * HOUR)
        assert any(first <= hour <= last for first, last in asked)
    assert len(asked) < 72
    assert all(last < key_of(newest) for _, last in asked)


def test_a_gap_that_stays_is_asked_for_again_after_six_hours_and_not_before(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    world = without_the_last_day(tmp_path)

    def hours_asked_for(cursor: str | None) -> tuple[int, str | None]:
        context = dg.build_sensor_context(
            instance=instance,
            cursor=cursor,
            definitions=defs,
            resources={"feature_store": world.stores.feature_store},
        )
        found = gap_repair_sensor.evaluate_tick(context)
        return len(found.run_requests or []), found.cursor

    first, cursor = hours_asked_for(None)
    again, cursor = hours_asked_for(cursor)
    seven_hours_ago = (utc_now() - timedelta(hours=7)).isoformat()
    later, _ = hours_asked_for(json.dumps(dict.fromkeys(json.loads(cursor or ""), seven_hours_ago)))
    assert first > 0
    assert again == 0
    assert later == first


def test_the_run_that_the_sensor_asks_for_repairs_the_gap(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    world = without_the_last_day(tmp_path)
    (first, last), *_ = reversed(gaps_asked_for(world, instance))
    world.run("repair_job", hour_of(first), hour_of(last))
    rows = world.stores.feature_store.read(hour_of(first), hour_of(last) + HOUR)
    published = world.source.fetch(hour_of(first), hour_of(last) + HOUR)
    assert len(rows) == len(published) > 76 * 12


def test_a_tick_that_asks_for_nothing_says_why(instance: dg.DagsterInstance) -> None:
    context = dg.build_sensor_context(instance=instance, definitions=defs)
    tick = new_model_sensor.evaluate_tick(context)
    assert "no model without a forecast" in (tick.skip_message or "")


def test_a_model_whose_run_is_still_to_forecast_is_left_to_it(
    instance: dg.DagsterInstance,
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
    asked, cursor = requests(instance, None)
    assert asked == []
    instance.report_run_failed(instance.get_run_by_id(run.run_id))
    asked, _ = requests(instance, cursor)
    assert asked == [key_of(H)]


def test_a_model_of_an_hour_that_is_no_partition_does_not_stop_the_others(
    instance: dg.DagsterInstance,
) -> None:
    made(instance, "model", datetime(1999, 1, 1), model_version="v0")
    made(instance, "model", H, model_version="v1")
    asked, _ = requests(instance, None)
    assert asked == [key_of(H)]


# Dagster's own backfill calls what Dagster deprecates.
@pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources`")
def test_a_backfill_of_some_hours_in_the_ui_makes_those_hours(
    instance: dg.DagsterInstance,
) -> None:
    graph = defs.resolve_asset_graph()
    keys = [key_of(H + number * HOUR) for number in range(30)]
    backfill = AssetBackfillData.from_asset_partitions(
        partition_names=keys,
        asset_graph=graph,
        asset_selection=[dg.AssetKey(name) for name in ASSETS - {"best_config"}],
        dynamic_partitions_store=instance,
        backfill_start_timestamp=datetime.now(timezone.utc).timestamp(),
        all_partitions=False,
    )
    sizes = {
        key.to_user_string(): backfill.target_subset.get_partitions_subset(key).get_partition_keys()
        for key in graph.materializable_asset_keys
        if key.to_user_string() in ASSETS - {"best_config"}
    }
    for name in ("raw_consumption", "feature_group", "feature_view", "model"):
        assert set(sizes[name]) == set(keys)
    assert len(list(sizes["predictions_parquet"])) == 30
