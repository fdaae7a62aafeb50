"""From settings to a source of weather."""

from __future__ import annotations

from collections.abc import Callable

from energy_assets.settings import Settings
from energy_assets.sources.opening import dataset_profile
from energy_assets.sources.weather.file import open_file
from energy_assets.sources.weather.locations import locations_of
from energy_assets.sources.weather.nowhere import NoWeather
from energy_assets.sources.weather.simulator import SimulatedWeather
from energy_assets.sources.weather.source import WeatherSource


def _open_open_meteo(settings: Settings) -> WeatherSource:
    # Its HTTP client takes a fifth of a second to import.
    from energy_assets.sources.weather.open_meteo import open_open_meteo

    return open_open_meteo(settings, locations_of(settings, dataset_profile(settings)))


WEATHER_SOURCES: dict[str, Callable[[Settings], WeatherSource]] = {
    "simulator": lambda _: SimulatedWeather(),
    "file": open_file,
    "open-meteo": _open_open_meteo,
    "none": lambda _: NoWeather(),
}
"""The sources by their names in WEATHER_SOURCE. A new source is one more line."""


def open_weather_source(settings: Settings) -> WeatherSource:
    """The source that the settings choose; by default, simulated weather for simulated consumption.

    Nothing is read or connected to before it is used, so that this never fails.
    """
    default = "simulator" if settings.energy_source == "simulator" else "none"
    return WEATHER_SOURCES[settings.weather_source or default](settings)
