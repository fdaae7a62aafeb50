"""Seasonal naive forecasts: the value of the same hour one season ago."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from energy_assets.errors import ForecastError
from energy_assets.forecasting.features import transform
from energy_assets.forecasting.models.quantiles import intervals
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.matrix import (
    HOURS_PER_DAY,
    HOURS_PER_WEEK,
    Floats,
    Ints,
    PanelMatrix,
    to_matrix,
)


@dataclass(frozen=True)
class SeasonalNaive:
    """A seasonal naive forecast: the value of the same hour `season` hours ago."""

    name: str
    season: int
    label: str
    """Its name in tables and plots."""


SEASONAL_NAIVES = (
    SeasonalNaive("seasonal_naive_24", HOURS_PER_DAY, "same hour yesterday"),
    SeasonalNaive("seasonal_naive_168", HOURS_PER_WEEK, "same hour last week"),
)
"""The two benchmarks that every model and every forecast is compared with."""

INTERVAL: Mapping[float, str] = {0.1: "lower", 0.9: "upper"}
"""The quantiles that are the ends of the 80 % interval."""

MIN_RESIDUALS = HOURS_PER_DAY
"""A series with fewer past errors gets its interval from the errors of all series."""


def forecast(
    panel: pd.DataFrame,
    horizon: int = HOURS_PER_DAY,
    season: int = HOURS_PER_WEEK,
    quantiles: Mapping[float, str] = INTERVAL,
) -> pd.DataFrame:
    """Seasonal naive forecasts of every series for the `horizon` hours after the panel.

    Returns the column `forecast` and one for each of `quantiles` (probability -> column), indexed
    like the panel. If the value a season ago is missing, the rule steps back by whole seasons until
    it finds one; a series with none gets its last value. Quantiles are as far from the forecast as
    those of the absolute errors, on the transformed scale, that the same rule makes within the
    panel.

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
    scale = transform.series_scale(matrix.array)
    probabilities = list(quantiles)
    widths = _widths(matrix, scale, season, intervals.coverages(probabilities))
    bounds = intervals.around(point, scale, widths, probabilities)
    return pd.DataFrame(
        np.concatenate([point[..., None], bounds], axis=-1).reshape(-1, 1 + len(quantiles)),
        index=matrix.index(time_axis.ahead(matrix.hours, steps)),
        columns=["forecast", *quantiles.values()],
    )


def seasonal_naive(matrix: PanelMatrix, origins: Ints, steps: Ints, season: int) -> Floats:
    """Seasonal naive forecasts, shape (series, origins, steps), from column positions `origins`.

    Only values up to each origin are used. A series without any is NaN.
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
    """The last value up to each hour, NaN before the first."""
    newest = np.where(np.isfinite(values), np.arange(values.shape[1]), -1)
    newest = np.maximum.accumulate(newest, axis=1)
    last = np.take_along_axis(values, np.maximum(newest, 0), axis=1)
    return np.where(newest >= 0, last, np.nan)


def _widths(matrix: PanelMatrix, scale: Floats, season: int, coverages: Sequence[float]) -> Floats:
    """The half-widths of each series' intervals on the transformed scale.

    They have the shape (coverages, series, 1), and are zero if there are no errors to tell them by.
    """
    level = transform.asinh(matrix.array, scale)
    errors = np.abs(level[:, season:] - level[:, :-season])
    pooled = errors[np.isfinite(errors)]
    if not pooled.size:
        return np.zeros((len(coverages), len(level), 1))
    counts = np.isfinite(errors).sum(axis=1, keepdims=True)
    enough = counts >= MIN_RESIDUALS
    widths = np.nanquantile(np.where(enough, errors, 0.0), coverages, axis=1, keepdims=True)
    return np.where(enough, widths, np.quantile(pooled, coverages)[:, None, None])
