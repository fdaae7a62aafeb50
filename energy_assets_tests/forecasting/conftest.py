"""A small synthetic panel, the same for every test and on every machine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from energy_assets.forecasting import GlobalForecaster

HOURS = pd.date_range("2023-02-01", periods=28 * 24, freq="h", name="datetime_utc")
DAY_AHEAD = list(range(1, 25))
DENMARK = {"country": "DK", "timezone": "Europe/Copenhagen"}
KEYS = [("DK1", "111"), ("DK1", "121"), ("DK2", "111"), ("DK2", "215")]


def until(panel, hour):
    """The panel up to and including an hour."""
    return panel[panel.index.get_level_values(-1) <= hour]


def _panel(keys: list[tuple[str, str]], hours: pd.DatetimeIndex) -> pd.DataFrame:
    """Daily and weekly shapes with noise, at levels from a hundred to a hundred thousand kWh."""
    rng = np.random.default_rng(7)
    day = np.sin(2 * np.pi * (hours.hour - 7) / 24)
    weekend = np.where(hours.weekday >= 5, 0.8, 1.0)
    series = [
        10.0 ** (5 - row)
        * (1 + 0.4 * day)
        * weekend
        * np.exp(0.03 * rng.standard_normal(len(hours)))
        for row in range(len(keys))
    ]
    index = pd.MultiIndex.from_tuples(
        [(*key, hour) for key in keys for hour in hours],
        names=["area", "consumer_type", "datetime_utc"],
    )
    return pd.DataFrame({"energy_consumption": np.concatenate(series)}, index=index)


@pytest.fixture(scope="session")
def panel() -> pd.DataFrame:
    """Four series over four weeks, index (area, consumer_type, datetime_utc)."""
    return _panel(KEYS, HOURS)


@pytest.fixture
def small() -> GlobalForecaster:
    """A forecaster that fits in a fraction of a second."""
    return GlobalForecaster(n_estimators=20, n_jobs=1, **DENMARK)


@pytest.fixture(scope="session")
def fitted(panel: pd.DataFrame) -> GlobalForecaster:
    """A forecaster fitted to `panel`, for tests that do not change it."""
    return GlobalForecaster(n_estimators=20, n_jobs=1, **DENMARK).fit(panel)
