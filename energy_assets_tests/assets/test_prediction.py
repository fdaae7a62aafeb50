"""predictions_parquet: complete, honest about its model, and the newest one only moves forward."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import StorageError
from energy_assets.forecasts.publishing import read_published
from energy_assets.forecasts.versions import first_issued, newest
from energy_assets.partitions import HOUR
from energy_assets.schemas import (
    FORECASTS,
    PREDICTIONS,
    PRIMARY_KEY,
    QUANTILES,
    conform,
    first_versions,
)
from energy_assets.sources.file import FileSource
from energy_assets.stores.parquet import decode, read_metadata
from energy_assets_tests.world import ORIGIN, SERIES, Only, World


class Unreadable:
    """A feature store that cannot be read."""

    shards = 1

    def read(self, *_: object) -> pd.DataFrame:
        raise StorageError("the disk is gone")


def published_table(world: World, name: str) -> pd.DataFrame:
    """A published file, which is the same under the name that consumers read."""
    objects = world.stores.object_store
    published = read_published(objects)
    assert published is not None
    content = objects.read(published.files[name])
    assert objects.read(name) == content
    return decode(content, name)


@pytest.fixture(scope="module")
def forecast_root(
    tuned_root: Path, simulated: Only, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of a simulated world with a forecast at ORIGIN."""
    root = tmp_path_factory.mktemp("forecast") / "world"
    shutil.copytree(tuned_root, root)
    World.build(root, simulated).run("hourly_job", ORIGIN)
    return root


@pytest.fixture
def forecast_world(forecast_root: Path, simulated: Only, tmp_path: Path) -> World:
    """A simulated world with a forecast at ORIGIN, for this test alone."""
    shutil.copytree(forecast_root, tmp_path, dirs_exist_ok=True)
    return World.build(tmp_path, simulated)


def test_every_series_is_forecast_for_the_24_hours_after_its_origin(world: World) -> None:
    world.run("hourly_job", ORIGIN)
    forecast = world.frame("predictions_parquet", ORIGIN)
    assert {str(name): str(dtype) for name, dtype in forecast.dtypes.items()} == {
        name: {"str": "object"}.get(dtype, dtype) for name, dtype in PREDICTIONS.dtypes.items()
    }
    assert not forecast.duplicated(list(PREDICTIONS.key)).any()
    assert set(zip(forecast["area"], forecast["consumer_type"], strict=True)) == SERIES
    assert set(forecast["origin"]) == {pd.Timestamp(ORIGIN)}
    for _, rows in forecast.groupby(["area", "consumer_type"]):
        assert rows["horizon"].tolist() == list(range(1, 25))
        assert (rows["datetime_utc"] == ORIGIN + pd.to_timedelta(rows["horizon"], "h")).all()
    quantiles = forecast[list(QUANTILES.values())].to_numpy()
    assert (np.diff(quantiles) > 0).all()
    assert (forecast["q50"] == forecast["energy_consumption"]).all()
    assert set(forecast["quality"]) == {"model"}
    assert set(forecast["model_version"]) == {world.metadata("model", ORIGIN)["model_version"]}


def test_files_and_the_ui_say_which_source_they_are_from(world: World) -> None:
    world.run("hourly_job", ORIGIN)
    objects = world.stores.object_store
    for path in ("predictions.parquet", "predictions_parquet/2023-03-13/21.parquet"):
        assert read_metadata(objects.read(path))["source"] == "simulator"
    hourly = world.defs.resolve_job_def("hourly_job").asset_layer.executable_asset_keys
    for asset in hourly:
        assert world.metadata(asset.to_user_string(), ORIGIN)["source"] == "simulator"


def test_forecasting_an_hour_again_leaves_the_same_bytes(world: World) -> None:
    path = "predictions_parquet/2023-03-13/21.parquet"
    written = set()
    for _ in range(3):
        world.run("hourly_job", ORIGIN)
        written.add(world.stores.object_store.read(path))
    assert len(written) == 1


def test_without_a_model_of_its_own_hour_an_earlier_one_forecasts(
    forecast_world: World,
) -> None:
    world = forecast_world
    world.run("ingestion_job", ORIGIN + HOUR)
    world.run("hourly_job", ORIGIN + HOUR, assets=["feature_view"])
    world.run("prediction_job", ORIGIN + HOUR)
    forecast = world.frame("predictions_parquet", ORIGIN + HOUR)
    assert set(forecast["quality"]) == {"previous_model"}
    assert forecast["origin"].iloc[0] == pd.Timestamp(ORIGIN + HOUR)


def test_a_broken_model_is_passed_over_for_the_one_before(
    forecast_world: World,
) -> None:
    world = forecast_world
    world.run("ingestion_job", ORIGIN + HOUR)
    world.run("hourly_job", ORIGIN + HOUR)
    version = world.metadata("model", ORIGIN + HOUR)["model_version"]
    (world.stores.folder / "models" / "best_model" / "versions" / version / "model.txt").write_text(
        ""
    )
    world.run("prediction_job", ORIGIN + HOUR)
    forecast = newest(world.frame("predictions_parquet", ORIGIN + HOUR))
    assert set(forecast["quality"]) == {"previous_model"}
    assert forecast["model_version"].iloc[0].startswith("2023-03-13T21-")


def test_a_model_that_is_too_old_gives_way_to_the_baseline(
    forecast_world: World,
) -> None:
    world = forecast_world
    late = ORIGIN + timedelta(days=8)
    rows = world.stores.feature_store.read(ORIGIN - timedelta(days=30), ORIGIN + HOUR)
    later = rows.assign(datetime_utc=rows["datetime_utc"] + timedelta(days=8))
    world.stores.feature_store.upsert(first_versions(later))
    world.run("hourly_job", late, assets=["feature_view"])
    world.run("prediction_job", late)
    assert set(world.frame("predictions_parquet", late)["quality"]) == {"baseline"}


def test_an_hour_that_came_late_does_not_shift_the_forecast(forecast_world: World) -> None:
    world = forecast_world
    later = ORIGIN + 3 * HOUR  # without records of the last three hours
    world.run("hourly_job", later, assets=["feature_view"])
    world.run("prediction_job", later)
    forecast = world.frame("predictions_parquet", later)
    assert forecast["datetime_utc"].min() == pd.Timestamp(later + HOUR)
    assert forecast["datetime_utc"].max() == pd.Timestamp(later + 24 * HOUR)
    assert len(forecast) == 24 * len(SERIES)


def test_the_newest_forecast_is_published_as_the_course_wrote_it(
    forecast_world: World,
) -> None:
    world = forecast_world
    root = world.stores.folder / "objects"
    y, inputs, published = (
        pd.read_parquet(root / name) for name in ("y.parquet", "X.parquet", "predictions.parquet")
    )
    for frame in (y, inputs, published):
        assert list(frame.index.names) == list(PRIMARY_KEY)
        assert str(frame.index.get_level_values("datetime_utc").dtype) == "period[h]"
    assert list(y.columns) == ["energy_consumption", "known_at"]
    assert {"energy_consumption", *QUANTILES.values(), "made_at"} <= set(published.columns)
    assert list(inputs.columns) == ["area_exog", "consumer_type_exog"]
    assert inputs.index.equals(y.index)
    one = published.xs((1, 111), level=["area", "consumer_type"])
    assert len(one) == 24
    assert one.index[0] == pd.Period(ORIGIN + HOUR, "h")


def test_published_observations_say_when_they_were_known_and_are_those_known_in_time(
    forecast_world: World,
) -> None:
    world, store = forecast_world, forecast_world.stores.feature_store
    before, corrected = ORIGIN - 2 * HOUR, ORIGIN - HOUR
    rows = store.read(corrected, ORIGIN)
    store.upsert(first_versions(rows.assign(energy_consumption=1.0)).assign(known_at=ORIGIN))
    late = first_versions(rows.assign(energy_consumption=2.0))
    store.upsert(late.assign(known_at=ORIGIN + 5 * HOUR))
    world.run("hourly_job", ORIGIN, assets=["published_forecast"])
    y = published_table(world, "y.parquet")
    by_hour = dict(iter(y.groupby(level="datetime_utc")))
    assert set(by_hour[pd.Period(corrected, "h")]["energy_consumption"]) == {1.0}
    assert set(by_hour[pd.Period(corrected, "h")]["known_at"]) == {pd.Timestamp(ORIGIN)}
    assert set(by_hour[pd.Period(before, "h")]["known_at"]) == {pd.Timestamp(before)}


def test_an_old_hour_never_replaces_a_newer_forecast(world: World) -> None:
    world.run("ingestion_job", ORIGIN + HOUR)
    world.run("hourly_job", ORIGIN, ORIGIN + HOUR)
    objects = world.stores.object_store
    published = read_published(objects)
    assert published.origin == ORIGIN + HOUR
    files = {name: objects.read(name) for name in published.files}
    world.run("hourly_job", ORIGIN)
    assert read_published(objects) == published
    assert {name: objects.read(name) for name in published.files} == files
    assert world.metadata("published_forecast", ORIGIN)["published by this run"] is False


def test_publishing_again_adds_what_was_missing_and_loses_nothing(
    forecast_world: World, tmp_path: Path, simulated: Only
) -> None:
    world = forecast_world
    broken = World.build(tmp_path, simulated, feature_store=Unreadable())
    world.run("ingestion_job", ORIGIN + HOUR)
    world.run("hourly_job", ORIGIN + HOUR, assets=["predictions_parquet"])
    for use, hours in ((broken, 0), (world, 30 * 24), (broken, 30 * 24)):
        use.run("hourly_job", ORIGIN + HOUR, assets=["published_forecast"])
        published = read_published(world.stores.object_store)
        assert published.origin == ORIGIN + HOUR
        assert len(published_table(world, "y.parquet")) == hours * len(SERIES)
        assert len(published_table(world, "y_monitoring.parquet")) == 0
    world.run("hourly_job", ORIGIN + HOUR, assets=["monitoring_metrics"])
    world.run("hourly_job", ORIGIN + HOUR, assets=["published_forecast"])
    assert len(published_table(world, "y_monitoring.parquet")) == len(SERIES)


def test_a_forecast_needs_no_training_dataset_and_no_model(world: World) -> None:
    world.run("prediction_job", ORIGIN - HOUR)
    forecast = world.frame("predictions_parquet", ORIGIN - HOUR)
    assert set(forecast["quality"]) == {"baseline"}
    assert len(forecast) == 24 * len(SERIES)


def test_another_forecast_of_an_hour_is_a_version_and_monitoring_scores_the_first(
    world: World,
) -> None:
    world.run("prediction_job", ORIGIN)
    world.run("hourly_job", ORIGIN)
    versions = world.frame("predictions_parquet", ORIGIN)
    assert first_issued(versions)["quality"].unique() == ["baseline"]
    assert newest(versions)["quality"].unique() == ["model"]
    published = read_published(world.stores.object_store)
    assert published.quality == "model"
    assert published.made_at == newest(versions)["made_at"].iloc[0]
    world.run("ingestion_job", ORIGIN + HOUR)
    world.run("hourly_job", ORIGIN + HOUR, assets=["monitoring_metrics"])
    scored = world.frame("monitoring_metrics", ORIGIN + HOUR)
    assert set(scored["quality"]) == {"baseline"}


@pytest.mark.parametrize("origin", [datetime(2023, 2, 27, 10), datetime(2023, 3, 13, 21)])
def test_a_replay_forecasts_as_if_what_came_later_were_absent(
    real_source: FileSource, tmp_path: Path, origin: datetime
) -> None:
    """Before and after the day that is missing in the real file."""
    live = World.build(tmp_path / "live", Only(real_source, end=origin + HOUR))
    live.put_history(real_source.oldest_hour(), origin + HOUR)
    replayed = World.build(tmp_path / "replayed", real_source)
    replayed.put_history(real_source.oldest_hour(), real_source.newest_hour() + HOUR)
    replayed.put_config(origin + HOUR, num_leaves=7)
    for world in (live, replayed):
        world.put_config(origin)
    replayed.run("hourly_job", origin + HOUR)
    for world in (live, replayed):
        world.run("hourly_job", origin)
    forecast = live.frame("predictions_parquet", origin)
    again = replayed.frame("predictions_parquet", origin)
    pd.testing.assert_frame_equal(conform(forecast, FORECASTS), conform(again, FORECASTS))
    assert set(forecast["quality"]) == {"model"}


def test_history_that_is_not_believed_is_shown_with_the_reason(world: World) -> None:
    store = world.stores.feature_store
    rows = store.read(ORIGIN - 11 * HOUR, ORIGIN + HOUR)
    area, consumer_type = "DK1", "111"
    stopped = rows[(rows["area"] == area) & (rows["consumer_type"] == consumer_type)]
    store.upsert(first_versions(stopped.assign(energy_consumption=0.0)))
    world.run("hourly_job", ORIGIN, assets=["feature_view", "model", "predictions_parquet"])
    shown = world.metadata("predictions_parquet", ORIGIN)
    assert shown["doubtful hours"] == 12
    [run] = shown["doubtful history"].records
    assert (run.data["area"], run.data["consumer_type"]) == (area, consumer_type)
    assert (run.data["reason"], run.data["hours"]) == ("zero", 12)
    forecast = world.frame("predictions_parquet", ORIGIN)
    mine = forecast[forecast["consumer_type"] == consumer_type]
    assert (mine["energy_consumption"] > 0).all()
