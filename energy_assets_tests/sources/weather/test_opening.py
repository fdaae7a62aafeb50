"""The settings choose a source of weather, and the places it is asked for."""

from __future__ import annotations

from datetime import datetime

import pytest

from energy_assets.errors import SettingsError
from energy_assets.settings import read_settings
from energy_assets.sources.profiles import CONSUMER_CATEGORY, DE35, DK3619, GRID_AREA
from energy_assets.sources.weather import open_weather_source
from energy_assets.sources.weather.locations import locations_of
from energy_assets.sources.weather.opening import WEATHER_SOURCES


def test_simulated_consumption_has_simulated_weather_and_other_has_none() -> None:
    assert open_weather_source(read_settings(_env_file=None)).name == "simulator"
    settings = read_settings(_env_file=None, energy_source="energidataservice")
    assert open_weather_source(settings).name == "none"


def test_a_source_has_the_name_that_chooses_it_and_opens_without_anything() -> None:
    for name in WEATHER_SOURCES:
        settings = read_settings(_env_file=None, weather_source=name)
        assert open_weather_source(settings).name == name


def test_simulated_weather_for_real_consumption_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"WEATHER_SOURCE: .* belongs to ENERGY_SOURCE=sim"):
        read_settings(_env_file=None, energy_source="file", weather_source="simulator")


def test_every_danish_data_set_has_places_for_its_areas() -> None:
    settings = read_settings(_env_file=None)
    areas = {profile.dataset: set(locations_of(settings, profile)) for profile in (DE35, GRID_AREA)}
    assert set(map(frozenset, areas.values())) == {frozenset({"DK1", "DK2"})}
    assert set(locations_of(settings, DK3619)) == {"DK"}
    regions = locations_of(settings, CONSUMER_CATEGORY)
    assert len(regions) == 5
    assert "Region Sjælland" in regions


def test_other_places_can_be_set() -> None:
    settings = read_settings(
        _env_file=None, weather_locations=" north = 57.05, -9.9 ;south=-33,151"
    )
    assert locations_of(settings, DE35) == {"north": (57.05, -9.9), "south": (-33.0, 151.0)}


@pytest.mark.parametrize("text", ["DK1", "DK1=56", "DK1=56,x", "=1,2", "DK1=1,2,3"])
def test_places_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="WEATHER_LOCATIONS"):
        read_settings(_env_file=None, weather_locations=text)


def test_an_unknown_source_is_refused_and_a_file_without_a_path_names_the_setting() -> None:
    with pytest.raises(SettingsError, match="WEATHER_SOURCE"):
        read_settings(_env_file=None, weather_source="guess")
    source = open_weather_source(read_settings(_env_file=None, weather_source="file"))
    with pytest.raises(SettingsError, match="WEATHER_FILE is not set"):
        source.fetch(datetime(2023, 3, 1))
