"""Seasonal naive: the value of the same hour a season ago. The yardstick, and the last resort."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from energy_assets.errors import ForecastError
from energy_assets.forecasting.features import matrix as features
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.matrix import DAY, WEEK, Floats, HourlyMatrix, Ints, to_matrix


@dataclass(frozen=True)
class SeasonalNaive:
    """A seasonal naive forecast: the value of the same hour `season` hours ago."""

    name: str
    season: int
    label: str
    """The name in tables and plots that people read."""


SEASONAL_NAIVES = (
    SeasonalNaive("seasonal_naive_24", DAY, "same hour yesterday"),
    SeasonalNaive("seasonal_naive_168", WEEK, "same hour last week"),
)
"""The two that every model and every forecast is compared with."""

MIN_RESIDUALS = DAY
"""Fewer past errors than this say too little about a series: those of all series stand in."""


def forecast(
    panel: pd.DataFrame, horizon: int = DAY, season: int = WEEK, coverage: float = 0.8
) -> pd.DataFrame:
    """Seasonal naive forecasts of every series for the `horizon` hours after the panel's end.

    Returns the columns `forecast`, `lower` and `upper` on the panel's own index levels. Where the
    value a season ago is missing, whole seasons are stepped back until there is one; a series
    with none gets its last value. The interval is the `coverage` quantile of the absolute
    logarithmic errors that the same rule made within the panel.

    Raises ForecastError if `horizon` or `season` is not positive, or the panel is not hourly.
    """
    if horizon < 1 or season < 1:
        raise ForecastError(
            f"horizon={horizon} and season={season} must be positive numbers of hours."
        )
    matrix = to_matrix(panel)
    origin = np.array([len(matrix.hours) - 1])
    steps = np.arange(1, horizon + 1)
    point = seasonal_naive(matrix, origin, steps, season)[:, 0]
    scale = features.series_scale(matrix.array)
    centre = features.to_log(point, scale)
    width = _widths(matrix, scale, season, coverage)
    bounds = [point, *(features.from_log(centre + sign * width, scale) for sign in (-1, 1))]
    hours = time_axis.ahead(matrix.hours, steps)
    return pd.DataFrame(
        np.stack(bounds, axis=-1).reshape(-1, 3),
        index=matrix.index(hours),
        columns=["forecast", "lower", "upper"],
    )


def seasonal_naive(matrix: HourlyMatrix, origins: Ints, steps: Ints, season: int) -> Floats:
    """Seasonal naive forecasts, shape (series, origins, steps), from column positions `origins`.

    Only values up to each origin are used. NaN where a series has no value yet.
    """
    values = matrix.array
    point = np.full((len(values), len(origins), len(steps)), np.nan)
    source = origins[:, None] + steps - season * -(-steps // season)
    while (missing := np.isnan(point)).any() and (source >= 0).any():
        candidates = np.where(source >= 0, values[:, np.maximum(source, 0)], np.nan)
        point[missing] = candidates[missing]
        source = source - season
    last = _last_values(values)[:, origins, None]
    return np.where(np.isnan(point), last, point)


def _last_values(values: Floats) -> Floats:
    """At each hour the newest value up to it, NaN before the first."""
    newest = np.where(np.isfinite(values), np.arange(values.shape[1]), -1)
    newest = np.maximum.accumulate(newest, axis=1)
    last = np.take_along_axis(values, np.maximum(newest, 0), axis=1)
    return np.where(newest >= 0, last, np.nan)


def _widths(matrix: HourlyMatrix, scale: Floats, season: int, coverage: float) -> Floats:
    """Half-width of the interval of each series on the transformed scale, shape (series, 1)."""
    level = features.to_log(matrix.array, scale)
    errors = np.abs(level[:, season:] - level[:, :-season])
    pooled = errors[np.isfinite(errors)]
    if not pooled.size:
        return np.zeros((len(level), 1))
    counts = np.isfinite(errors).sum(axis=1, keepdims=True)
    enough = counts >= MIN_RESIDUALS
    own = np.nanquantile(np.where(enough, errors, 0.0), coverage, axis=1, keepdims=True)
    return np.where(enough, own, np.quantile(pooled, coverage))
