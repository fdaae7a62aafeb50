"""What holds for every source of weather."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from energy_assets.contract.weather_rules import validate_weather
from energy_assets.sources.weather import WeatherSource
from energy_assets.sources.weather.file import WeatherFile
from energy_assets.sources.weather.nowhere import NoWeather
from energy_assets.sources.weather.open_meteo import OpenMeteo
from energy_assets.sources.weather.simulator import SimulatedWeather
from energy_assets.sources.weather.source import COLUMNS, HORIZON
from energy_assets_tests.sources.weather import fake_open_meteo

HOUR = timedelta(hours=1)


@dataclass
class Case:
    """A source, hours that it has, and how to let the time pass."""

    source: WeatherSource
    first: datetime
    api: fake_open_meteo.OpenMeteo | None = None

    @property
    def hours(self) -> list[datetime]:
        return [self.first + number * HOUR for number in range(30)]

    def fetch(self, hour: datetime, later: timedelta = timedelta(0)) -> pd.DataFrame:
        """What the source says of an hour when it is due, or later."""
        if self.api is not None:
            self.api.now = hour + HOUR + later
        return self.source.fetch(hour)

    def rows(self, hour: datetime) -> pd.DataFrame:
        validated = validate_weather({hour: self.fetch(hour)}, self.source.areas)
        assert validated.quarantine.empty
        (rows,) = validated.rows.values()
        return rows


@pytest.fixture(params=["simulator", "file", "open-meteo", "open-meteo archives", "none"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    if request.param == "simulator":
        return Case(SimulatedWeather(), datetime(2023, 3, 1, 5))
    if request.param == "none":
        return Case(NoWeather(), datetime(2023, 3, 1, 5))
    if request.param == "file":
        first = datetime(2023, 3, 1, 5)
        hours = [first + number * HOUR for number in range(-3, 60)]
        table = pd.concat([SimulatedWeather().fetch(hour) for hour in hours])
        path = tmp_path / "weather.csv"
        table.drop_duplicates().to_csv(path, index=False)
        return Case(WeatherFile(path), first)
    api = request.getfixturevalue("api")
    client: OpenMeteo = request.getfixturevalue("client")
    is_new = request.param == "open-meteo"
    return Case(client, datetime(2024, 6, 1, 5) if is_new else datetime(2024, 1, 20, 5), api)


def test_an_hour_that_is_asked_for_later_gives_the_same_rows(case: Case) -> None:
    for hour in case.hours[::4]:
        live = case.fetch(hour)
        later = case.fetch(hour, later=timedelta(days=40))
        pd.testing.assert_frame_equal(live.reset_index(drop=True), later.reset_index(drop=True))


def test_everything_is_valid_and_was_known_by_its_hour(case: Case) -> None:
    for hour in case.hours:
        assert list(case.fetch(hour).columns) == list(COLUMNS)
        rows = case.rows(hour)
        assert (rows["issued_at"] <= hour).all()
        observed = rows["horizon"] == 0
        assert (rows.loc[observed, "datetime_utc"] <= hour).all()
        ahead = (rows["datetime_utc"] - pd.Timestamp(hour)) / pd.Timedelta(HOUR)
        assert (ahead[~observed] == rows.loc[~observed, "horizon"]).all()


def test_every_area_has_one_forecast_of_each_hour_ahead(case: Case) -> None:
    for hour in case.hours[::5]:
        rows = case.rows(hour)
        ahead = rows[rows["horizon"] > 0]
        if case.source.name == "none":
            assert rows.empty
            continue
        assert not ahead.duplicated(["area", "datetime_utc"]).any()
        counts = ahead.groupby("area").size()
        assert counts.to_dict() == {"DK1": HORIZON, "DK2": HORIZON}


def test_every_hour_is_observed_sooner_or_later(case: Case) -> None:
    rows = pd.concat([case.rows(hour) for hour in case.hours])
    observed = set(rows.loc[rows["horizon"] == 0, "datetime_utc"])
    expected = set() if case.source.name == "none" else set(map(pd.Timestamp, case.hours[:15]))
    assert expected <= observed


def test_it_describes_itself(case: Case) -> None:
    assert case.source.check()
    assert case.source.name in {"simulator", "file", "open-meteo", "none"}
    assert ("CC BY 4.0" in case.source.terms) == (case.source.name == "open-meteo")
