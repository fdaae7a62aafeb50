"""Prediction intervals from residuals on held-out data (split conformal).

The half-width of an interval is a product of three parts: the typical error of the series, the
growth of errors with the horizon, and a quantile of the remaining variation. The quantiles are
pooled over all series and horizons, because a few days of residuals say little about a single one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from energy_assets.errors import ForecastError
from energy_assets.forecasting.features import transform
from energy_assets.forecasting.panel.matrix import Floats, Ints

LEVELS = np.linspace(0.0, 0.99, 100)
"""The coverages whose quantiles are stored. Others are interpolated, up to the last one."""

SHRINKAGE = 24.0
"""The spread of all series counts as much as this many residuals of a series."""

Key = tuple[object, ...]

_TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True)
class Calibration:
    """Half-widths of intervals on the transformed scale.

    `spread` is the mean absolute residual of each series, `typical` the mean over all
    series. `growth`, shape (horizon,), is the relative size of residuals by horizon. `quantiles`,
    shape (100,), are the quantiles at `LEVELS` of the absolute residuals divided by both.
    """

    spread: Mapping[Key, float]
    typical: float
    growth: Floats
    quantiles: Floats

    def half_width(self, coverage: float, keys: list[Key], steps: Ints) -> Floats:
        """The half-widths on the transformed scale, shape (series, steps).

        `steps` are horizons, counted from 1. A series without residuals gets the typical spread.
        """
        spread = np.array([self.spread.get(key, self.typical) for key in keys])
        quantile = np.interp(coverage, LEVELS, self.quantiles)
        return quantile * spread[:, None] * self.growth[steps - 1][None, :]


def calibrate(residuals: Floats, keys: list[Key], pooled: Calibration | None = None) -> Calibration:
    """Calibrate on `residuals` on the transformed scale, shape (series, origins, horizons).

    Residuals are NaN where nothing was observed. `pooled` is what other series have taught; by
    default these series. Split conformal prediction with normalised residuals: Lei et al. (2018),
    "Distribution-Free Predictive Inference for Regression", section 5.2.

    Raises ForecastError if there are no residuals at all, and no `pooled`.
    """
    pooled = pooled or pool(residuals)
    spread = _spread(np.abs(residuals), pooled.typical)
    return replace(pooled, spread=dict(zip(keys, spread.tolist(), strict=True)))


def pool(residuals: Floats) -> Calibration:
    """What is the same for all series: everything but the spread of each.

    Raises ForecastError if there are no residuals at all.
    """
    size = np.abs(residuals)
    observed = np.isfinite(size)
    if not observed.any():
        raise ForecastError(
            "There are no observations in the held-out days: set calibration_days so that they "
            "reach back to observed hours, or to 0 for forecasts without intervals."
        )
    typical = max(float(np.where(observed, size, 0.0).sum() / observed.sum()), _TINY)
    relative = np.where(observed, size, 0.0) / _spread(size, typical)[:, None, None]
    count = observed.sum(axis=(0, 1))
    growth = np.where(count > 0, relative.sum(axis=(0, 1)) / np.maximum(count, 1), 1.0)
    growth = np.maximum(growth, _TINY)
    ordered = np.sort((relative / growth)[observed])
    # The k-th smallest of n with k = ceil(c (n + 1)) covers a new residual with probability c.
    ranks = np.ceil(LEVELS * (len(ordered) + 1)).astype(int)
    quantiles = ordered[np.clip(ranks, 1, len(ordered)) - 1]
    quantiles[0] = 0.0
    return Calibration({}, typical, growth, quantiles)


def _spread(size: Floats, typical: float) -> Floats:
    """The mean absolute residual of each series, shrunk towards the typical one.

    Shrunk on the logarithmic scale, because spreads differ by factors between series.
    """
    observed = np.isfinite(size)
    counts = observed.sum(axis=(1, 2))
    total = np.where(observed, size, 0.0).sum(axis=(1, 2))
    mean_size = np.maximum(total / np.maximum(counts, 1), _TINY)
    weight = counts / (counts + SHRINKAGE)
    return np.exp(weight * np.log(mean_size) + (1 - weight) * np.log(typical))


def quantiles(
    calibration: Calibration,
    forecast: Floats,
    scale: Floats,
    probabilities: Sequence[float],
    keys: list[Key],
    steps: Ints,
    wider: Floats,
) -> Floats:
    """The quantiles at `probabilities`, shape (series, steps, probabilities).

    `forecast` has the shape (series, steps); `scale`, shape (series, 1), is the scale of the
    transform. `wider`, shape (series, 1), is a factor of the half-widths.
    """
    widths = [wider * calibration.half_width(c, keys, steps) for c in coverages(probabilities)]
    return around(forecast, scale, widths, probabilities)


def coverages(probabilities: Sequence[float]) -> list[float]:
    """The coverage of the interval that each quantile is an end of."""
    return [abs(2 * probability - 1) for probability in probabilities]


def around(
    forecast: Floats, scale: Floats, widths: Iterable[Floats], probabilities: Sequence[float]
) -> Floats:
    """The quantiles at `probabilities` of intervals around a forecast; they are the last axis.

    `widths` are the half-widths of their intervals on the transformed scale. Intervals are
    symmetric on that scale, so the quantile at 0.5 is the forecast. Quantiles never cross.
    """
    centre = transform.asinh(forecast, scale)

    def quantile(probability: float, width: Floats) -> Floats:
        if probability == 0.5:
            return forecast
        # There and back, the transform rounds: a bound of no width could cross the forecast.
        if probability < 0.5:
            return np.minimum(transform.sinh(centre - width, scale), forecast)
        return np.maximum(transform.sinh(centre + width, scale), forecast)

    return np.stack([*map(quantile, probabilities, widths)], axis=-1)


def pool_by_day(residuals: Floats, days: Ints) -> list[Calibration]:
    """What the other days teach about each day; a single day has to teach about itself.

    `days`, shape (origins,), says which origins belong to a day.
    """
    pooled = []
    for day in np.unique(days):
        others = residuals[:, days != day]
        pooled.append(pool(others if np.isfinite(others).any() else residuals))
    return pooled


def cross_calibrated(
    residuals: Floats,
    forecast: Floats,
    scale: Floats,
    days: Ints,
    coverage: float,
    pooled: Sequence[Calibration] | None = None,
) -> tuple[Floats, Floats]:
    """Lower and upper bounds of held-out forecasts, shape (series, origins, horizons).

    The bounds of each day are calibrated on the other days only, so that their coverage can be
    trusted. `pooled` is the result of `pool_by_day`; by default that of these series.
    """
    keys: list[Key] = [(row,) for row in range(len(residuals))]
    steps = np.arange(1, residuals.shape[2] + 1)
    lower, upper = np.empty_like(forecast), np.empty_like(forecast)
    scale = np.broadcast_to(scale, forecast.shape)
    centre = transform.asinh(forecast, scale)
    pooled = pooled or pool_by_day(residuals, days)
    several = len(pooled) > 1
    for day, of_others in zip(np.unique(days), pooled, strict=True):
        on_day = days == day
        others = residuals[:, ~on_day] if several else residuals
        calibration = calibrate(others, keys, of_others)
        width = calibration.half_width(coverage, keys, steps)[:, None, :]
        lower[:, on_day] = transform.sinh(centre[:, on_day] - width, scale[:, on_day])
        upper[:, on_day] = transform.sinh(centre[:, on_day] + width, scale[:, on_day])
    return lower, upper
