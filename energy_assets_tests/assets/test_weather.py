"""The weather of an hour: the same live and replayed, and never a reason to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pytest_httpserver import HTTPServer

from energy_assets.errors import SourceError
from energy_assets.partitions import HOUR, key_of
from energy_assets.schemas import WEATHER
from energy_assets.sources.weather.nowhere import NoWeather
from energy_assets.sources.weather.open_meteo import OpenMeteo
from energy_assets.sources.weather.simulator import SimulatedWeather
from energy_assets.stores.parquet import read_metadata
from energy_assets.stores.paths import hour_path
from energy_assets.stores.weather import weather_as_of
from energy_assets_tests.sources.weather import fake_open_meteo
from energy_assets_tests.sources.weather.conftest import LOCATIONS
from energy_assets_tests.world import ORIGIN, Only, World

HOURS = [ORIGIN + number * HOUR for number in range(-5, 1)]


@dataclass(frozen=True)
class Spoilt:
    """The simulated weather after `change`, which may also fail or hang."""

    change: Callable[[datetime, pd.DataFrame], pd.DataFrame]
    name: str = "spoilt"
    terms: str = ""
    areas: Any = frozenset({"DK1", "DK2"})

    def fetch(self, hour: datetime) -> pd.DataFrame:
        return self.change(hour, SimulatedWeather().fetch(hour))

    def check(self) -> str:
        return "spoilt"


@pytest.fixture
def build(tmp_path: Path, simulated: Only) -> Callable[..., World]:
    """Makes a world with a source of weather, in a folder of its own."""

    def make(name: str, weather_source: Any, **settings: Any) -> World:
        return World.build(tmp_path / name, simulated, settings, weather_source=weather_source)

    return make


def load(world: World, *hours: datetime) -> None:
    world.run("hourly_job", *hours, assets=["weather"])


def assert_same_files(one: World, other: World) -> None:
    for hour in HOURS:
        rows = one.frame("weather", hour)
        pd.testing.assert_frame_equal(rows, other.frame("weather", hour))
        assert list(rows.columns) == list(WEATHER.dtypes)


def test_simulated_hours_are_the_same_live_and_in_a_backfill(build: Callable[..., World]) -> None:
    live, replayed = (build(name, SimulatedWeather()) for name in ("live", "replayed"))
    for hour in HOURS:
        load(live, hour)
    load(replayed, HOURS[0], HOURS[-1])
    assert_same_files(live, replayed)
    rows = live.frame("weather", ORIGIN)
    assert rows.groupby("area").size().to_dict() == {"DK1": 49, "DK2": 49}
    assert (rows["issued_at"] <= ORIGIN).all()


@pytest.mark.parametrize("origin", [datetime(2024, 6, 10, 21), datetime(2024, 2, 10, 21)])
def test_hours_of_open_meteo_are_the_same_live_and_in_a_backfill(
    origin: datetime, build: Callable[..., World], tmp_path: Path
) -> None:
    with HTTPServer() as server:
        api = fake_open_meteo.OpenMeteo(server, origin)
        live, replayed = (build(name, OpenMeteo(LOCATIONS, api.url)) for name in ("a", "b"))
        hours = [origin + number * HOUR for number in range(-6, 1)]
        for hour in hours:
            api.now = hour + HOUR + timedelta(minutes=5)
            load(live, hour)
        api.now = origin + timedelta(days=300)
        load(replayed, hours[0], hours[-1])
        for hour in hours:
            rows = live.frame("weather", hour)
            assert (rows["issued_at"] <= hour).all()
            assert (rows["horizon"] > 0).sum() == 96
            pd.testing.assert_frame_equal(rows, replayed.frame("weather", hour))
        before = replayed.frame("weather", origin)
        load(live, origin)
        pd.testing.assert_frame_equal(live.frame("weather", origin), before)
    assert "CC BY 4.0" in live.metadata("weather", origin)["terms"]


def test_a_source_that_fails_leaves_the_hours_empty_and_says_why(
    build: Callable[..., World],
) -> None:
    asked = []

    def fail(hour: datetime, rows: pd.DataFrame) -> pd.DataFrame:
        asked.append(hour)
        if hour >= HOURS[2]:
            raise SourceError("the balloon has burst")
        return rows

    world = build("world", Spoilt(fail))
    load(world, HOURS[0], HOURS[-1])
    assert [len(world.frame("weather", hour)) for hour in HOURS] == [98, 98, 0, 0, 0, 0]
    assert asked == HOURS[:3]
    reason = world.metadata("weather", ORIGIN)["why weather is missing"]
    assert reason == f"from {key_of(HOURS[2])} on: the balloon has burst"

    recovered = build("world", SimulatedWeather())
    load(recovered, HOURS[0], HOURS[-1])
    assert [len(recovered.frame("weather", hour)) for hour in HOURS] == [98] * 6


def test_a_failure_of_any_kind_is_no_reason_to_stop(build: Callable[..., World]) -> None:
    def fail(hour: datetime, rows: pd.DataFrame) -> pd.DataFrame:
        raise ZeroDivisionError

    world = build("world", Spoilt(fail))
    load(world, ORIGIN)
    assert world.frame("weather", ORIGIN).empty


def test_a_source_that_hangs_is_left_after_the_patience(build: Callable[..., World]) -> None:
    def hang(hour: datetime, rows: pd.DataFrame) -> pd.DataFrame:
        time.sleep(20)
        return rows

    world = build("world", Spoilt(hang), forecast_patience_seconds=0.2)
    began = time.monotonic()
    load(world, ORIGIN)
    assert time.monotonic() - began < 15
    reason = world.metadata("weather", ORIGIN)["why weather is missing"]
    assert "no answer within 0.2 seconds" in reason


def test_absurd_values_are_quarantined_and_the_others_stored(build: Callable[..., World]) -> None:
    def spoil(hour: datetime, rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows.astype({"temperature": "object"})
        rows.loc[0, "temperature"] = 451
        rows.loc[5, "area"] = "DK9"
        return pd.concat([rows, rows.tail(1).assign(temperature=-3.33)])

    world = build("world", Spoilt(spoil))
    load(world, ORIGIN)
    assert len(world.frame("weather", ORIGIN)) == 98 - 3
    quarantine = world.frame("weather_quarantine", ORIGIN)
    assert sorted(quarantine["reason"]) == [
        "absurd value",
        "contradicting duplicate",
        "contradicting duplicate",
        "unknown area",
    ]
    assert world.metadata("weather", ORIGIN)["quarantined in the run"] == 4
    objects = world.stores.object_store
    assert not objects.list("quarantine")
    path = hour_path("weather_quarantine", ORIGIN, "parquet")
    assert read_metadata(objects.read(path))["source"] == "spoilt"


def test_without_a_source_the_hours_are_empty(build: Callable[..., World]) -> None:
    world = build("world", NoWeather())
    load(world, ORIGIN)
    rows = world.frame("weather", ORIGIN)
    assert rows.empty
    assert list(rows.columns) == list(WEATHER.dtypes)
    assert "temperature" not in world.metadata("weather", ORIGIN)


def test_the_ui_shows_the_temperature_and_when_it_was_forecast(build: Callable[..., World]) -> None:
    world = build("world", SimulatedWeather())
    load(world, HOURS[0], HOURS[-1])
    shown = world.metadata("weather", ORIGIN)
    assert shown["temperature"].startswith("![plot](data:image/png;base64,")
    assert shown["forecast issued"] == f"{ORIGIN:%Y-%m-%d %H:%M} UTC"
    assert -20 < shown["temperature observed (degrees C)"] < 20
    assert shown["dagster/partition_row_count"] == 98
    assert "temperature" not in world.metadata("weather", HOURS[0])


def test_stored_hours_give_the_weather_as_of_an_hour(build: Callable[..., World]) -> None:
    world = build("world", SimulatedWeather())
    load(world, HOURS[0], HOURS[-1])
    panel = weather_as_of(world.stores.object_store, HOURS[3], days=1, horizon=24)
    observed = panel.loc["DK1"][panel.loc["DK1"]["horizon"] == 0]
    assert observed.index.tolist() == HOURS[:4]
    assert panel.loc["DK1"].index[-1] == HOURS[3] + 24 * HOUR


def test_the_forecast_is_made_although_the_weather_fails(world: World) -> None:
    def fail(hour: datetime, rows: pd.DataFrame) -> pd.DataFrame:
        raise SourceError("there is none")

    folder = world.stores.folder.parent
    failing = World.build(folder, world.source, weather_source=Spoilt(fail))
    failing.run("hourly_job", ORIGIN)
    assert len(failing.frame("predictions_parquet", ORIGIN)) == 12 * 24
