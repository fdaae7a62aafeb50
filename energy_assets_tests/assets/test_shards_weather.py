"""Divided series are trained and forecast with the weather as undivided ones are."""

from __future__ import annotations

import shutil
from datetime import datetime
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pandas as pd
import pytest

from energy_assets.partitions import HOUR
from energy_assets.sources import weather_model
from energy_assets.sources.profiles import DE35
from energy_assets.sources.simulator import Simulator
from energy_assets.sources.weather.simulator import SimulatedWeather
from energy_assets.stores import weather
from energy_assets.stores.paths import hour_path
from energy_assets_tests.assets.test_shards import assert_same, made
from energy_assets_tests.world import ORIGIN, SERIES, Changed, Only, World

HOURS = (ORIGIN, ORIGIN + HOUR)


@cache
def of_day(day: int) -> np.ndarray:
    """The simulated temperature of the hours of a day counted from 1970, shape (hours, areas)."""
    return weather_model.weather(np.arange(24 * day, 24 * day + 24)).temperature


def degrees(areas: pd.Series, times: pd.Series) -> np.ndarray:
    """The simulated temperature in areas at times."""
    hours = times.to_numpy().astype("datetime64[h]").astype(np.int64)
    first, last = hours.min() // 24, hours.max() // 24
    found = np.concatenate([of_day(day) for day in range(first, last + 1)])
    return found[hours - 24 * first, areas.map(list(weather_model.AREAS).index).to_numpy()]


def heated(records: pd.DataFrame) -> pd.DataFrame:
    """Records of series that are heated."""
    factor = np.exp(-0.05 * degrees(records[DE35.area_column], DE35.hours(records)))
    load = (records[DE35.value_column].astype(float) * factor).round().astype(int).astype(str)
    return records.assign(**{DE35.value_column: load})


class Foreseen(SimulatedWeather):
    """The simulated weather, whose temperature is forecast without errors."""

    def fetch(self, hour: datetime) -> pd.DataFrame:
        rows = super().fetch(hour)
        return rows.assign(temperature=degrees(rows["area"], rows["datetime_utc"]))


SOURCE = Changed(Only(Simulator(), SERIES), heated)
WINDOW = {"days_export": 30}
SHARDS = {"series_shards": 3}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A deployment that is not divided."""
    return made(tmp_path_factory.mktemp("whole"), WINDOW, SOURCE, weather_source=Foreseen())


@pytest.fixture(scope="module")
def divided(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The same, divided into shards."""
    folder = tmp_path_factory.mktemp("divided")
    return made(folder, WINDOW | SHARDS, SOURCE, weather_source=Foreseen())


def copy(world: World, folder: Path, **settings: Any) -> World:
    """A copy of a deployment, with other settings."""
    root = world.stores.settings.storage_root
    shutil.copytree(root, folder)
    return World.build(folder, SOURCE, WINDOW | settings, weather_source=Foreseen())


def assert_with_weather(world: World) -> None:
    for hour in HOURS:
        rows = world.frame("predictions_parquet", hour)
        assert set(rows["quality"]) == {"model"}
        assert rows["weather_effect"].notna().all()
        assert rows["weather_effect"].abs().max() > 0


def test_shards_give_the_same_forecasts_scores_and_files(whole: World, divided: World) -> None:
    for world in (whole, divided):
        assert_with_weather(world)
    assert_same(divided, whole)


def test_local_processes_give_the_same_forecast(divided: World, tmp_path: Path) -> None:
    world = copy(divided, tmp_path / "copy", shard_workers="2")
    world.run("hourly_job", ORIGIN, assets=["model", "predictions_parquet"])
    pd.testing.assert_frame_equal(last_version(world), last_version(divided), check_exact=True)


def test_without_weather_shards_are_forecast_by_the_model_that_stands_by(
    whole: World, divided: World, tmp_path: Path
) -> None:
    ours, theirs = (
        forecast_without_weather(copy(world, tmp_path / name))
        for name, world in (("divided", divided), ("whole", whole))
    )
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-6)


def test_a_store_of_weather_that_hangs_leaves_time_for_the_model_that_stands_by(
    whole: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, released = copy(whole, tmp_path / "copy", forecast_patience_seconds=16), Event()
    monkeypatch.setattr(weather, "read_hours", lambda *_, **__: released.wait())
    world.run("hourly_job", ORIGIN, assets=["predictions_parquet"])
    released.set()
    assert set(last_version(world)["quality"]) == {"without_weather"}


def forecast_without_weather(world: World) -> pd.DataFrame:
    """The forecast that is made again after what was known of its hours has been lost."""
    for hours in range(48):
        world.stores.object_store.delete(hour_path("weather", ORIGIN - hours * HOUR, "parquet"))
    world.run("hourly_job", ORIGIN, assets=["predictions_parquet"])
    rows = last_version(world)
    assert set(rows["quality"]) == {"without_weather"}
    assert rows["weather_effect"].isna().all()
    return rows


def last_version(world: World) -> pd.DataFrame:
    rows = world.frame("predictions_parquet", ORIGIN)
    newest = rows[rows["made_at"] == rows["made_at"].max()].reset_index(drop=True)
    return newest.drop(columns=["made_at", "model_version"])
