"""Made-up households: a low base, and appliances that run now and then.

At which hours they are likely differs by house. Nothing tells when they run next, so a forecast can
only say how likely they are.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from energy_assets.forecasting.panel.matrix import Floats, Ints

START = "2023-01-02"
"""A Monday."""


def households(seed: int, houses: int = 60, days: int = 45) -> pd.DataFrame:
    """The kWh of every hour, as a panel with the index (series, datetime_utc)."""
    rng = np.random.default_rng(seed)
    hours = pd.date_range(START, periods=24 * days, freq="h", name="datetime_utc")
    of_day, weekend = np.arange(len(hours)) % 24, np.asarray(hours.weekday >= 5)
    columns = {f"house {number:02}": _house(rng, of_day, weekend) for number in range(houses)}
    wide = pd.DataFrame(columns, hours)
    rows = wide.melt(ignore_index=False, var_name="series", value_name="energy_consumption")
    return rows.set_index("series", append=True).swaplevel().sort_index()


def _house(rng: np.random.Generator, of_day: Ints, weekend: np.ndarray) -> Floats:
    count = len(of_day)
    daily = 1 + 0.3 * np.sin((of_day - rng.integers(24)) / 24 * 2 * np.pi)
    load = rng.uniform(0.05, 0.3) * daily * rng.lognormal(0.0, 0.15, count)
    for _ in range(rng.integers(2, 6)):
        power, runs_a_day = rng.lognormal(0.3, 0.7), rng.uniform(0.1, 1.2)
        away = np.abs(of_day - rng.integers(24))
        likely = np.exp(-0.5 * (np.minimum(away, 24 - away) / rng.uniform(1.0, 4.0)) ** 2)
        likely *= runs_a_day / (24 * likely.mean()) * np.where(weekend, rng.uniform(0.7, 1.6), 1.0)
        starts = rng.random(count) < likely
        for hour in range(rng.integers(1, 4)):
            load += power * rng.lognormal(0.0, 0.2, count) * np.roll(starts, hour)
    return load
