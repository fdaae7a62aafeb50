"""Where the weather of an area is looked up."""

from __future__ import annotations

from collections.abc import Mapping

from energy_assets.settings import Settings
from energy_assets.sources.profiles import DatasetProfile

Locations = Mapping[str, tuple[float, float]]
"""Area -> latitude and longitude in degrees."""

_DENMARK: Locations = {
    "DK": (55.9, 10.4),
    "DK1": (56.1, 9.6),
    "DK2": (55.6, 12.2),
    "Region Hovedstaden": (55.8, 12.4),
    "Region Midtjylland": (56.2, 9.5),
    "Region Nordjylland": (57.1, 9.9),
    "Region Sjælland": (55.4, 11.8),
    "Region Syddanmark": (55.4, 9.4),
}
"""Where people live in the areas of the Danish data sets; `DK` is all of Denmark."""


def locations_of(settings: Settings, profile: DatasetProfile) -> Locations:
    """The locations in WEATHER_LOCATIONS; if it is empty, those of the data set's areas.

    No locations if the areas of the data set are not known here.
    """
    if settings.weather_locations:
        return dict(map(_location, settings.weather_locations.strip("; ").split(";")))
    if profile.country != "DK":
        return {}
    regions = profile.area_column == "RegionName"
    areas = (area for area in _DENMARK if area != "DK" and area.startswith("Region") == regions)
    if profile.area is not None:
        areas = (area for area in _DENMARK if area == profile.area)
    return {area: _DENMARK[area] for area in areas}


def _location(text: str) -> tuple[str, tuple[float, float]]:
    """An area with its latitude and longitude, from `DK1=56.1,9.6`."""
    area, _, degrees = text.partition("=")
    latitude, longitude = map(float, degrees.split(","))
    return area.strip(), (latitude, longitude)
