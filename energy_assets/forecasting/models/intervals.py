"""Prediction intervals from residuals on data the model had not seen (split conformal).

The half-width of an interval is a product of three parts: how far off the series usually is, how
the error grows with the horizon, and a quantile of what is left, pooled over everything. Pooling
matters because a few days of residuals say little about a single series at a single horizon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from energy_assets.errors import ForecastError
from energy_assets.forecasting.features.matrix import from_log, to_log
from energy_assets.forecasting.panel.matrix import Floats, Ints

LEVELS = np.linspace(0.0, 0.99, 100)
"""Coverages whose quantiles are kept; those between are interpolated, those above are the last."""

SHRINKAGE = 24.0
"""Residuals' worth of weight that a series' spread gives to that of all series."""

Key = tuple[object, ...]


@dataclass(frozen=True)
class Calibration:
    """Half-widths of intervals on the transformed scale.

    `spread` is the mean absolute residual of each series, `typical` that of all; `growth`, shape
    (horizon,), is the relative size of residuals by horizon; `quantiles`, shape (100,), are those
    of the absolute residuals relative to both, at `LEVELS`.
    """

    spread: Mapping[Key, float]
    typical: float
    growth: Floats
    quantiles: Floats

    def half_width(self, coverage: float, keys: list[Key], steps: Ints) -> Floats:
        """Half-width for each series and horizon, shape (series, steps), on the log scale.

        `steps` are horizons from 1. A series without residuals gets the typical spread.
        """
        spread = np.array([self.spread.get(key, self.typical) for key in keys])
        quantile = np.interp(coverage, LEVELS, self.quantiles)
        return quantile * spread[:, None] * self.growth[steps - 1][None, :]


def calibrate(residuals: Floats, keys: list[Key]) -> Calibration:
    """The calibration from `residuals` on the log scale, shape (series, origins, horizons).

    NaN where there was no observation. Split conformal prediction with normalised residuals:
    Lei et al. (2018), "Distribution-Free Predictive Inference for Regression", section 5.2.

    Raises ForecastError if there are no residuals at all.
    """
    size = np.abs(residuals)
    known = np.isfinite(size)
    if not known.any():
        raise ForecastError(
            "Nothing was observed in the held-out days: set calibration_days so that they reach "
            "back to observed hours, or to 0 for forecasts without intervals."
        )
    size = np.where(known, size, 0.0)
    tiny = np.finfo(float).tiny
    typical = max(float(size.sum() / known.sum()), tiny)
    counts = known.sum(axis=(1, 2))
    own = np.maximum(size.sum(axis=(1, 2)) / np.maximum(counts, 1), tiny)
    # Shrunk as logarithms: spreads differ by factors from series to series.
    weight = counts / (counts + SHRINKAGE)
    spread = np.exp(weight * np.log(own) + (1 - weight) * np.log(typical))
    relative = size / spread[:, None, None]
    count = known.sum(axis=(0, 1))
    growth = np.where(count > 0, relative.sum(axis=(0, 1)) / np.maximum(count, 1), 1.0)
    growth = np.maximum(growth, tiny)
    left = np.sort((relative / growth)[known])
    # The k-th smallest of n with k = ceil(c (n + 1)) covers a new residual with probability c.
    ranks = np.ceil(LEVELS * (len(left) + 1)).astype(int)
    quantiles = left[np.clip(ranks, 1, len(left)) - 1]
    quantiles[0] = 0.0
    return Calibration(dict(zip(keys, spread.tolist(), strict=True)), typical, growth, quantiles)


def quantiles(
    calibration: Calibration,
    forecast: Floats,
    scale: Floats,
    shares: list[float],
    keys: list[Key],
    steps: Ints,
) -> Floats:
    """The quantiles at the probabilities `shares`, shape (series, steps, shares).

    `forecast` has the shape (series, steps), `scale`, that of the transform, (series, 1).
    Intervals are symmetric around the forecast on the transformed scale, so that the quantile at
    0.5 is the forecast and quantiles never cross.
    """
    centre = to_log(forecast, scale)
    widths = [calibration.half_width(abs(2 * share - 1), keys, steps) for share in shares]
    bounds = [
        from_log(centre + np.sign(share - 0.5) * width, scale)
        for share, width in zip(shares, widths, strict=True)
    ]
    return np.stack(bounds, axis=-1)


def cross_calibrated(
    residuals: Floats, forecast: Floats, scale: Floats, days: Ints, coverage: float
) -> tuple[Floats, Floats]:
    """Lower and upper bounds of held-out forecasts, shape (series, origins, horizons).

    Those of each of `days`, shape (origins,), are calibrated on the other days alone, so that
    their coverage is an honest one; with a single day there is only that one.
    """
    keys: list[Key] = [(row,) for row in range(len(residuals))]
    steps = np.arange(1, residuals.shape[2] + 1)
    lower, upper = np.empty_like(forecast), np.empty_like(forecast)
    centre = to_log(forecast, scale)
    for day in np.unique(days):
        own = days == day
        others = residuals[:, ~own]
        calibration = calibrate(others if np.isfinite(others).any() else residuals, keys)
        width = calibration.half_width(coverage, keys, steps)[:, None, :]
        lower[:, own] = from_log(centre[:, own] - width, scale)
        upper[:, own] = from_log(centre[:, own] + width, scale)
    return lower, upper
