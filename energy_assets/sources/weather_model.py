"""The simulated weather of Denmark: temperature, wind and sunshine, and forecasts of them.

Every number is a pure function of the area and the hour, and for a forecast of when it was issued.
`consumption_model` lets consumers heat by this temperature. What is known when is decided in
`weather.simulator`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from energy_assets.sources.noise import Hours, key, smooth_noise

Array = NDArray[np.float64]

TIMEZONE = "Europe/Copenhagen"

AREAS = ("DK1", "DK2")

_LATITUDE = 56
_LONGITUDE = 10

_ERROR_AFTER_A_DAY = 1.63
"""Standard deviation in degrees C: a mean absolute error of 1.3 degrees at 24 hours."""

_ISSUES = 12
"""Hours between the draws from which the errors of forecasts in between are interpolated."""


class Weather(NamedTuple):
    """The weather of some hours in AREAS: arrays (hours, areas)."""

    temperature: Array
    """Degrees C, 2 m above the ground."""
    wind_speed: Array
    """Metres per second, 10 m above the ground."""
    radiation: Array
    """Solar radiation on a horizontal plane, mean of the hour, W/m2."""


def weather(hours: Hours) -> Weather:
    """The weather as it was."""
    clouds = _cloudiness(hours)
    return _weather(hours, clouds, clouds)


def forecast(issued: int, hours: Hours) -> Weather:
    """The weather of later hours as it was forecast at the start of the hour `issued`.

    Errors grow with the square root of the hours ahead. They resemble those of neighbouring hours,
    and those of the forecasts issued shortly before and after.
    """
    ahead = np.sqrt(np.clip(hours - issued, 0, None) / 24)[:, None]
    clouds = _cloudiness(hours)
    expected = np.clip(clouds + 0.2 * ahead * _errors("clouds", issued, hours), 0, 1)
    actual = _weather(hours, clouds, expected)
    return actual._replace(
        temperature=actual.temperature
        + _ERROR_AFTER_A_DAY * ahead * _errors("temperature", issued, hours),
        wind_speed=actual.wind_speed * np.exp(0.25 * ahead * _errors("wind", issued, hours)),
    )


def daily_temperature(hours: Hours, year: Array) -> Array:
    """The temperature in degrees C without its course of the day: array (hours, areas).

    It changes within days, as high and low pressure pass. This is what heated houses feel, because
    they warm and cool within a day or two. `year` is the elapsed share of the year.
    """
    scales = {60: 0.6, 240: 0.8}
    national, regional = _shared_and_regional("weather", hours, scales)
    usual = 8.3 - 8.2 * np.cos(2 * np.pi * (year - 0.075))
    return usual[:, None] + 3.2 * national + 1.2 * regional


def height_of_the_sun(hours: Hours, year: Array) -> Array:
    """The sine of the sun's elevation in the middle of each hour: array (hours)."""
    declination = np.radians(-23.44) * np.cos(2 * np.pi * (year + 10 / 365.25))
    angle = 2 * np.pi * ((hours % 24 + 0.5) / 24 + _LONGITUDE / 360) - np.pi
    latitude = np.radians(_LATITUDE)
    sine = np.sin(latitude) * np.sin(declination)
    return sine + np.cos(latitude) * np.cos(declination) * np.cos(angle)


def local_time(hours: Hours) -> pd.DatetimeIndex:
    """Danish local time, without a time zone."""
    utc = pd.DatetimeIndex(hours.astype("datetime64[h]").astype("datetime64[ns]"), tz="UTC")
    return utc.tz_convert(TIMEZONE).tz_localize(None)


def share_of_year(local: pd.DatetimeIndex) -> Array:
    """The share of the year that has elapsed."""
    return (local.dayofyear.to_numpy() + local.hour.to_numpy() / 24) / 365.25


def _weather(hours: Hours, clouds: Array, clouds_before_the_sun: Array) -> Weather:
    year = share_of_year(local_time(hours))
    sun = np.clip(height_of_the_sun(hours, year), 1e-6, None)
    # Haurwitz (1945) for a clear sky; Kasten and Czeplak (1980) for what clouds let through.
    clear_sky = 1098 * sun * np.exp(-0.059 / sun)
    radiation = clear_sky[:, None] * (1 - 0.75 * clouds_before_the_sun**3.4)
    # Warmest in the middle of the afternoon; more so in summer, and under a clear sky.
    range_of_day = 2.0 - 1.4 * np.cos(2 * np.pi * (year - 0.03))
    course = range_of_day * np.cos(2 * np.pi * (hours % 24 - 14) / 24)
    national, regional = _shared_and_regional("air", hours, {4: 0.5, 16: 0.87})
    temperature = daily_temperature(hours, year) + course[:, None] * (1.5 - clouds)
    temperature += 0.5 * national + 0.4 * regional
    national, regional = _shared_and_regional("wind", hours, {6: 0.4, 30: 0.7, 90: 0.6})
    usual = 5.8 + 0.9 * np.cos(2 * np.pi * (year - 0.04))
    wind_speed = usual[:, None] * np.exp(0.35 * national + 0.2 * regional)
    return Weather(temperature, wind_speed, radiation)


def _cloudiness(hours: Hours) -> Array:
    """The share of the sky that is covered: array (hours, areas)."""
    national, regional = _shared_and_regional("clouds", hours, {5: 0.4, 30: 0.7, 100: 0.6})
    return np.clip(0.62 + 0.3 * national + 0.15 * regional, 0, 1)


def _shared_and_regional(name: str, hours: Hours, scales: dict[int, float]) -> tuple[Array, Array]:
    """Noise of all areas, array (hours, 1), and of each of them, array (hours, areas)."""
    regional = np.array([key(f"{name}/{area}") for area in AREAS])
    return smooth_noise(np.array([key(name)]), hours, scales), smooth_noise(regional, hours, scales)


def _errors(name: str, issued: int, hours: Hours) -> Array:
    """Errors of unit variance, smooth in the hour and in the time of issue."""
    share = issued % _ISSUES / _ISSUES
    before, after = (_errors_of_draw(name, issued // _ISSUES + n, hours) for n in (0, 1))
    return ((1 - share) * before + share * after) / np.hypot(1 - share, share)


def _errors_of_draw(name: str, draw: int, hours: Hours) -> Array:
    national, regional = _shared_and_regional(f"forecast/{name}/{draw}", hours, {6: 0.5, 30: 0.87})
    return 0.8 * national + 0.6 * regional
