"""Series whose true values look like faults: zeros, negative values, plateaus and changes of level.

Each is a function of the hours, of which the last 24 are to be forecast, and of random numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from energy_assets.forecasting.panel.matrix import Floats


@dataclass(frozen=True)
class Hours:
    """The hours of a series, and what its values are made from."""

    index: pd.DatetimeIndex
    random: np.random.Generator

    @property
    def hour(self) -> Floats:
        """The hour of the day."""
        return self.index.hour.to_numpy(dtype=float)

    @property
    def weekend(self) -> Floats:
        """Whether it is Saturday or Sunday."""
        return self.index.weekday.to_numpy() >= 5

    @property
    def sun(self) -> Floats:
        """The height of the sun, from 0 to 1."""
        return np.clip(np.sin(np.pi * (self.hour - 6) / 12), 0, None)

    @property
    def clouds(self) -> Floats:
        """The share of the light that gets through, another one each day."""
        days = -(-len(self.index) // 24)
        return np.repeat(self.random.uniform(0.1, 1, days), 24)[: len(self.index)]

    @property
    def load(self) -> Floats:
        """An ordinary load of about 100."""
        day = 1 + 0.4 * np.sin(2 * np.pi * (self.hour - 7) / 24)
        noise = np.exp(0.04 * self.random.standard_normal(len(self.index)))
        return 100 * day * np.where(self.weekend, 0.8, 1.0) * noise

    def since(self, hours: int) -> Floats:
        """Whether an hour is among the last so many before the origin, or after it."""
        return np.arange(len(self.index)) >= len(self.index) - 24 - hours


History = Callable[[Hours], Floats]


def _vehicle(at: Hours) -> Floats:
    days = len(at.index) // 24
    values = np.zeros(len(at.index))
    for day in np.flatnonzero(at.random.random(days) < 0.4):
        start = 24 * day + 19
        values[start : start + at.random.integers(2, 6)] = 7.0
    return values


ZEROS: Mapping[str, History] = {
    "solar, zero at noon": lambda at: np.maximum(at.load - 200 * at.sun, 0),
    "solar, negative at noon": lambda at: at.load - 200 * at.sun * at.clouds,
    "always negative": lambda at: -at.load,
    "a solar plant": lambda at: -200 * at.sun * (0.5 + at.clouds / 2),
    "street lamps": lambda at: np.where((at.hour >= 17) | (at.hour < 6), 50.0, 0.0),
    "a factory with free weekends": lambda at: np.where(at.weekend, 0, at.load),
    "a household that is often at zero": lambda at: (
        at.random.gamma(2, 1, len(at.index)) * (at.random.random(len(at.index)) > 0.3)
    ),
    "a vehicle": _vehicle,
    "whole numbers": lambda at: at.random.poisson(2, len(at.index)).astype(float),
}
"""Series that are zero or negative by nature."""

PLATEAUS: Mapping[str, History] = {
    "always the same": lambda at: np.full(len(at.index), 42.0),
    "the same at night and on weekends": lambda at: np.where(
        (at.hour >= 8) & (at.hour < 17) & ~at.weekend, at.load, 20.0
    ),
    "few distinct values": lambda at: np.round(at.load / 40) * 10,
    "on Sundays only": lambda at: np.where(
        (at.index.weekday == 6) & (at.hour > 8) & (at.hour < 13), 50.0, 2.0
    ),
    "all zero": lambda at: np.zeros(len(at.index)),
}
"""Series that stay the same for hours by nature, or have peaks."""

CHANGES: Mapping[str, History] = {
    "closed 80 hours ago": lambda at: np.where(at.since(80), 0, at.load),
    "closed 5 days ago": lambda at: np.where(at.since(120), 0, at.load),
    "closed 10 days ago": lambda at: np.where(at.since(240), 0, at.load),
    "closed for 10 days, open again": lambda at: np.where(
        at.since(300) & ~at.since(60), 0, at.load
    ),
    "three times as much for 4 days": lambda at: np.where(at.since(100), 3, 1) * at.load,
    "a third for 4 days": lambda at: np.where(at.since(100), 0.33, 1) * at.load,
    "twice as much for 12 days": lambda at: np.where(at.since(288), 2, 1) * at.load,
    "another unit for 4 days": lambda at: np.where(at.since(100), 1000, 1) * at.load,
    "another unit for 5 days": lambda at: np.where(at.since(120), 0.001, 1) * at.load,
}
"""Series that have changed and stay so."""
