"""How much a simulated consumer type uses: levels, shapes of the day, season, weather and noise.

Every number is a pure function of the series and the hour. The weather is that of `weather_model`.
What is published, and when, is decided in `simulator`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from holidays import country_holidays
from numpy.typing import NDArray

from energy_assets.sources.noise import Hours, key, smooth_noise, uniforms
from energy_assets.sources.weather_model import (
    AREAS,
    daily_temperature,
    height_of_the_sun,
    local_time,
    share_of_year,
)


@dataclass(frozen=True)
class Shape:
    """Percent of the level in each local hour of a workday, Saturday, and Sunday or holiday."""

    workday: str
    saturday: str
    sunday: str
    winter: float = 0.1
    """Share by which the July load is below the January load, apart from heating."""
    only_in_the_dark: bool = False

    @property
    def curves(self) -> NDArray[np.float64]:
        """Array (3 kinds of day, 24 local hours); 1 is the level."""
        days = (self.workday, self.saturday, self.sunday)
        return np.array([[float(percent) / 100 for percent in day.split()] for day in days])


HOME = Shape(
    "80 78 74 70 68 70 83 94 97 97 98 98 99 99 100 103 118 152 153 134 121 110 98 88",
    "88 81 75 70 66 65 70 84 102 109 110 111 111 110 110 109 118 147 152 131 117 107 98 90",
    "82 76 71 68 66 64 68 81 99 108 111 113 114 113 113 113 124 158 160 137 123 110 97 84",
    winter=0.25,
)
ELECTRIC_HEAT = Shape(
    "102 104 105 105 103 105 111 114 108 98 88 82 78 76 77 82 92 109 114 109 107 105 103 101",
    "104 104 103 101 100 102 106 113 114 106 96 89 85 83 82 85 94 111 118 113 110 109 108 106",
    "106 107 107 107 107 108 110 116 116 107 96 89 86 84 84 86 96 114 119 113 110 107 103 100",
)
SUMMER_HOUSE = Shape(
    "92 92 93 93 94 96 101 107 111 106 98 91 86 83 82 83 89 102 112 108 104 101 98 96",
    "108 106 106 106 107 108 113 125 135 131 121 112 104 99 97 97 102 119 132 127 119 114 111 108",
    "107 106 106 107 108 110 115 126 136 131 118 105 97 91 87 86 87 98 105 101 96 93 91 89",
)
FARM = Shape(
    "87 86 86 87 92 99 110 121 119 110 104 100 96 95 95 98 104 114 115 106 102 98 94 90",
    "87 87 86 87 91 97 105 114 114 106 99 94 91 90 90 93 101 113 115 106 102 98 95 91",
    "88 87 87 88 92 97 105 113 113 106 98 93 91 90 90 93 101 114 116 108 102 98 94 90",
)
GREENHOUSE = Shape(
    "113 138 149 152 157 163 160 176 145 109 92 82 75 73 75 77 76 64 56 54 56 60 70 82",
    "120 145 157 161 164 168 157 163 126 87 66 62 57 56 55 56 62 57 48 48 50 53 63 76",
    "121 146 152 155 157 158 149 152 104 80 71 64 62 58 60 68 70 57 48 48 50 53 60 71",
    winter=0.5,
)
FACTORY = Shape(
    "88 87 86 87 89 98 118 137 141 140 145 142 137 135 127 114 105 100 98 97 95 94 92 91",
    "72 71 71 71 70 70 72 73 73 73 73 73 72 71 70 69 68 68 67 67 66 66 66 66",
    "66 65 65 65 65 66 66 67 67 67 68 67 67 67 67 67 67 68 68 68 69 70 71 73",
)
SHOP = Shape(
    "65 64 65 66 70 78 97 115 126 136 146 146 144 143 141 138 133 125 113 103 91 80 71 66",
    "64 64 64 65 68 75 86 93 98 109 120 122 121 117 112 108 105 102 99 92 84 76 69 64",
    "63 62 63 64 66 72 81 89 91 95 101 104 104 104 104 102 101 99 96 90 82 74 67 62",
)
HOTEL = Shape(
    "68 65 63 62 64 71 81 90 98 108 116 121 121 120 120 123 130 138 140 132 118 101 87 77",
    "77 72 69 67 67 70 76 82 92 103 114 122 125 126 128 132 140 150 152 143 130 112 97 86",
    "79 74 70 68 67 69 74 81 88 97 104 108 110 109 110 112 117 122 121 112 100 86 75 68",
)
OFFICE = Shape(
    "72 71 71 72 75 84 104 131 153 158 160 157 150 146 136 124 113 108 104 99 93 86 79 75",
    "71 70 69 69 69 71 75 79 81 83 85 85 83 82 81 81 83 86 87 85 81 79 76 73",
    "70 70 69 69 70 71 74 77 79 81 83 83 81 80 79 80 81 84 85 83 80 77 75 72",
)
TELECOM = Shape(
    "95 93 92 92 92 93 97 102 105 106 106 107 107 107 107 106 105 104 104 104 104 103 101 98",
    "96 94 93 92 91 91 93 95 97 98 99 99 100 100 100 100 100 101 101 101 101 101 100 98",
    "95 92 91 90 90 91 92 95 97 98 99 99 99 99 99 100 100 101 102 102 102 101 100 97",
    winter=-0.05,
)
LIGHTING = Shape(
    "76 74 73 73 74 76 85 95 100 100 100 100 100 100 100 100 100 100 100 100 100 99 90 78",
    "78 76 74 74 74 75 80 90 100 100 100 100 100 100 100 100 100 100 100 100 100 99 91 80",
    "78 76 74 74 74 75 78 88 100 100 100 100 100 100 100 100 100 100 100 100 100 98 89 77",
    winter=0.0,
    only_in_the_dark=True,
)
RAILWAY = Shape(
    "77 56 52 60 68 100 136 153 146 132 121 118 119 121 127 135 136 130 121 109 96 86 83 81",
    "77 71 67 66 64 64 69 78 82 89 96 98 98 98 97 95 99 101 102 99 89 84 83 82",
    "81 74 68 66 65 66 68 74 78 82 88 91 92 91 91 91 91 93 94 89 84 79 77 77",
)


@dataclass(frozen=True)
class Consumer:
    """A consumer type: mean kWh of a winter hour in DK1 and DK2, and how it varies."""

    dk1: float
    dk2: float
    shape: Shape
    swing: float
    """Exponent of the shape: 1 leaves it as it is, more makes it steeper."""
    heat: float
    """Share of the winter load that follows the outdoor temperature."""
    noise: float
    """Relative standard deviation of the noise of this series alone."""


CONSUMERS = {
    "111": Consumer(82_000, 60_000, HOME, 1.0, 0.10, 0.035),
    "112": Consumer(2_900, 3_300, ELECTRIC_HEAT, 1.2, 0.40, 0.05),
    "119": Consumer(29_000, 39_000, HOME, 0.6, 0.10, 0.03),
    "121": Consumer(290_000, 170_000, HOME, 0.9, 0.20, 0.05),
    "122": Consumer(67_000, 68_000, ELECTRIC_HEAT, 0.9, 0.60, 0.06),
    "123": Consumer(33_000, 9_800, ELECTRIC_HEAT, 1.0, 0.65, 0.07),
    "130": Consumer(39_000, 34_000, SUMMER_HOUSE, 1.0, 0.55, 0.09),
    "211": Consumer(120_000, 26_000, FARM, 1.0, 0.05, 0.045),
    "212": Consumer(21_000, 5_800, FARM, 1.0, 0.35, 0.07),
    "215": Consumer(1_500, 300, FARM, 1.1, 0.20, 0.25),
    "220": Consumer(12_000, 1_200, GREENHOUSE, 0.7, 0.10, 0.15),
    "310": Consumer(69_000, 19_000, FACTORY, 0.9, 0.02, 0.035),
    "320": Consumer(8_200, 2_400, FACTORY, 0.9, 0.02, 0.07),
    "330": Consumer(12_000, 2_500, FACTORY, 1.9, 0.05, 0.07),
    "340": Consumer(10_000, 5_200, FACTORY, 1.5, 0.02, 0.045),
    "350": Consumer(48_000, 27_000, FACTORY, 0.6, 0.02, 0.06),
    "360": Consumer(46_000, 12_000, FACTORY, 0.45, 0.02, 0.10),
    "370": Consumer(14_000, 2_100, FACTORY, 2.1, 0.05, 0.12),
    "381": Consumer(9_400, 1_200, FACTORY, 1.7, 0.05, 0.08),
    "382": Consumer(41_000, 36_000, FACTORY, 1.0, 0.05, 0.035),
    "390": Consumer(10_000, 2_200, FACTORY, 1.5, 0.05, 0.055),
    "410": Consumer(19_000, 8_800, OFFICE, 0.8, 0.20, 0.05),
    "421": Consumer(88_000, 51_000, SHOP, 1.0, 0.02, 0.02),
    "422": Consumer(47_000, 24_000, OFFICE, 1.1, 0.05, 0.04),
    "431": Consumer(26_000, 16_000, HOTEL, 1.0, 0.10, 0.03),
    "432": Consumer(37_000, 44_000, OFFICE, 0.8, 0.05, 0.035),
    "433": Consumer(35_000, 52_000, SHOP, 0.9, 0.10, 0.035),
    "441": Consumer(110_000, 58_000, TELECOM, 1.0, 0.05, 0.28),
    "442": Consumer(21_000, 7_600, OFFICE, 0.4, 0.20, 0.09),
    "443": Consumer(30_000, 32_000, OFFICE, 1.1, 0.20, 0.06),
    "444": Consumer(14_000, 22_000, OFFICE, 0.8, 0.10, 0.025),
    "445": Consumer(23_000, 18_000, SHOP, 0.9, 0.10, 0.055),
    "446": Consumer(27_000, 24_000, TELECOM, 0.8, 0.00, 0.006),
    "447": Consumer(20_000, 23_000, OFFICE, 0.8, 0.15, 0.06),
    "450": Consumer(14_000, 7_500, LIGHTING, 1.0, 0.00, 0.04),
    "461": Consumer(4_900, 32_000, RAILWAY, 0.9, 0.05, 0.12),
    "462": Consumer(3_500, 15_000, OFFICE, 0.5, 0.15, 0.06),
    "999": Consumer(1_100_000, 610_000, FARM, 0.8, 0.15, 0.13),
}
"""The 38 codes of DE35, with levels as in February 2023."""

SERIES = tuple((area, code) for area in AREAS for code in CONSUMERS)


def consumption(hours: Hours) -> NDArray[np.float64]:
    """Consumption of every series in SERIES, kWh: array (hours, series)."""
    consumers = list(CONSUMERS.values()) * len(AREAS)
    level = np.array([c.dk1 for c in CONSUMERS.values()] + [c.dk2 for c in CONSUMERS.values()])
    heat = np.array([consumer.heat for consumer in consumers])
    winter = np.array([consumer.shape.winter for consumer in consumers])
    dark = np.array([consumer.shape.only_in_the_dark for consumer in consumers])
    noise = np.array([consumer.noise for consumer in consumers])
    curves = np.stack([consumer.shape.curves**consumer.swing for consumer in consumers], axis=-1)

    kind_of_day, local_hour, year = _calendar(hours)
    season = 1 - winter * (1 - np.cos(2 * np.pi * (year - 0.04)))[:, None] / 2
    lamps = np.where(dark, 0.08 + 0.92 * _darkness(hours, year)[:, None], 1.0)
    warmth = 1 - heat + heat * np.repeat(_heating(hours, year), len(CONSUMERS), axis=1)
    keys = np.array([key(f"{area}/{code}") for area, code in SERIES])
    wander = np.exp(noise * smooth_noise(keys, hours, {1: 0.2, 6: 0.45, 30: 0.57, 200: 0.66}))
    usual = level * season * curves[kind_of_day, local_hour]
    return usual * lamps * warmth * wander


def uniform_by_series(name: str, hours: Hours) -> NDArray[np.float64]:
    """A draw from [0, 1) for each hour and series in SERIES: array (hours, series)."""
    keys = np.array([key(f"{name}/{area}/{code}") for area, code in SERIES])
    return uniforms(keys, hours)


def _calendar(hours: Hours) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """For each hour: kind of day (row of `Shape.curves`), local hour, elapsed share of the year."""
    local = local_time(hours)
    weekday = local.dayofweek.to_numpy()
    holidays = [day for year in local.year.unique() for day in _holidays(int(year))]
    kind = np.where(weekday == 5, 1, np.where(weekday == 6, 2, 0))
    kind = np.where(local.normalize().isin(pd.DatetimeIndex(holidays)), 2, kind)
    return kind, local.hour.to_numpy(), share_of_year(local)


@cache
def _holidays(year: int) -> tuple[str, ...]:
    """The Danish holidays of a year, public and optional (such as Christmas Eve)."""
    days = country_holidays("DK", years=year, categories=("public", "optional"))
    return tuple(day.isoformat() for day in sorted(days))


def _darkness(hours: Hours, year: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 by day, 1 by night, from the height of the sun in the middle of each hour."""
    return np.clip((0.04 - height_of_the_sun(hours, year)) / 0.12, 0, 1)


def _heating(hours: Hours, year: NDArray[np.float64]) -> NDArray[np.float64]:
    """Demand for heat, 1 at 2 degrees C outdoors and hardly any from 16 on: array (hours, areas).

    Over all consumers, it makes 1 % of the winter load for each degree.
    """
    return np.clip((17 - daily_temperature(hours, year)) / 15, 0.05, None)
