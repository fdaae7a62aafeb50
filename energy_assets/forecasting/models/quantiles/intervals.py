"""Prediction intervals from residuals on held-out data (split conformal).

The half-width of an interval is a product of three parts: the typical error of the series, the
growth of errors with the horizon, and a quantile of the remaining variation. The quantiles are
pooled over all series and horizons, because a few days of residuals say little about a single one.

A few held-out days are unlike other days in how large errors are: all errors of a day are small or
large together. The errors that a simple regression makes on every day of the window tell how much
(see `usual_errors`), and what is usual for each series.

Intervals are symmetric on the transformed scale. The signs of residuals of few days say which way
these days went, not which way the next one will go: with them, intervals cover less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from energy_assets.errors import ForecastError
from energy_assets.forecasting.features import transform
from energy_assets.forecasting.models.held_out import TINY, UsualErrors, mean_of_known
from energy_assets.forecasting.models.quantiles.same_hour import Key, SameHour
from energy_assets.forecasting.panel.matrix import Floats, Ints

LEVELS = np.linspace(0.0, 0.99, 100)
"""The coverages whose quantiles are stored. Others are interpolated, up to the last one."""

SHRINKAGE = 24.0
"""The spread of all series counts as much as this many residuals of a series."""

USUAL_RESIDUALS = 960.0
"""The usual errors of a series, where they are known, count as much as this many residuals."""

SMALLEST = 0.01
"""No spread follows residuals that are smaller than this share of what is expected of them."""

HOLIDAY = 0.4
"""Intervals of public holidays are this much wider, if the window has none of them. By trials on
forty holidays in the US, from 30 days each."""

FEW_HOLIDAYS = 3.0
"""With so many holidays in the window, half as much."""

POINTS = 1000
"""So many evenly spaced quantiles of the residuals are mixed with the sizes of days."""


@dataclass(frozen=True)
class Calibration:
    """Half-widths of intervals on the transformed scale.

    `spread` is the mean absolute residual of each series, `typical` the mean over all
    series, and `share` the usual ratio of residuals to `UsualErrors`, NaN without them. `growth`,
    shape (horizon,), is the relative size of residuals by horizon. `quantiles`, shape (100,), are
    the quantiles at `LEVELS` of the absolute residuals divided by both. `holiday` is a factor of
    the half-widths of holidays. `same_hour` are means and quantiles of the history, for series
    whose own do not follow from the forecast alone.
    """

    spread: Mapping[Key, float]
    typical: float
    growth: Floats
    quantiles: Floats
    share: float = np.nan
    holiday: float = 1.0
    same_hour: SameHour | None = None

    @classmethod
    def joined(cls, parts: Sequence[Calibration]) -> Calibration:
        """Those of groups of series that have the pooled parts in common."""
        spread = {key: value for part in parts for key, value in part.spread.items()}
        tables = [part.same_hour for part in parts if part.same_hour is not None]
        same_hour = SameHour.joined(tables) if tables else None
        return replace(parts[0], spread=dict(sorted(spread.items())), same_hour=same_hour)

    def half_width(self, coverage: float, keys: list[Key], steps: Ints) -> Floats:
        """The half-widths on the transformed scale, shape (series, steps).

        `steps` are horizons, counted from 1. A series without residuals gets the typical spread.
        """
        spread = np.array([self.spread.get(key, self.typical) for key in keys])
        quantile = np.interp(coverage, LEVELS, self.quantiles)
        return quantile * spread[:, None] * self.growth[steps - 1][None, :]

    def quantile(
        self,
        probability: float,
        forecast: Floats,
        scale: Floats,
        keys: list[Key],
        steps: Ints,
        hours: Ints | None = None,
        wider: Floats | float = 1.0,
        factor: Floats | float = 1.0,
    ) -> Floats:
        """The quantile at a probability, in the shape of `forecast`: (series, ..., steps).

        `scale`, which broadcasts to it, is the scale of the transform. `hours`, shape (..., steps),
        are the local hours of the day; without them, the residuals alone decide. `wider`, shape
        (series, steps), is a factor of half-widths, and `factor`, in the same shape, that of the
        response. Quantiles never cross.
        """
        width = wider * self.half_width(abs(2 * probability - 1), keys, steps)
        width = width.reshape(len(width), *(1 for _ in forecast.shape[2:]), -1)
        by_residuals = around(forecast, scale, [width], [probability])[..., 0]
        if self.same_hour is None or hours is None:
            return by_residuals
        return self.same_hour.mixed(probability, by_residuals, forecast, keys, hours, factor)


def calibrate(
    residuals: Floats,
    keys: list[Key],
    pooled: Calibration | None = None,
    usual: UsualErrors | None = None,
) -> Calibration:
    """Calibrate on `residuals` on the transformed scale, shape (series, origins, horizons).

    Residuals are NaN where nothing was observed. `pooled` is what other series have taught; by
    default these series. Split conformal prediction with normalised residuals: Lei et al. (2018),
    "Distribution-Free Predictive Inference for Regression", section 5.2.

    Raises ForecastError if there are no residuals at all, and no `pooled`.
    """
    pooled = pooled or pool(residuals, usual)
    spread = _spread(np.abs(residuals), pooled.typical, pooled.share, usual)
    return replace(pooled, spread=dict(zip(keys, spread.tolist(), strict=True)))


def pool(residuals: Floats, usual: UsualErrors | None = None) -> Calibration:
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
    typical = max(float(np.where(observed, size, 0.0).sum() / observed.sum()), TINY)
    share = _share(size, usual)
    spread = _spread(size, typical, share, usual)
    relative = np.where(observed, size, 0.0) / spread[:, None, None]
    count = observed.sum(axis=(0, 1))
    growth = np.where(count > 0, relative.sum(axis=(0, 1)) / np.maximum(count, 1), 1.0)
    growth = np.maximum(growth, TINY)
    ordered = np.sort((relative / growth)[observed])
    if usual is not None:
        ordered = _on_any_day(ordered, usual.of_days)
    # The k-th smallest of n with k = ceil(c (n + 1)) covers a new residual with probability c.
    ranks = np.ceil(LEVELS * (len(ordered) + 1)).astype(int)
    quantiles = ordered[np.clip(ranks, 1, len(ordered)) - 1]
    quantiles[0] = 0.0
    few = 1.0 if usual is None else FEW_HOLIDAYS / (FEW_HOLIDAYS + usual.holidays)
    return Calibration({}, typical, growth, quantiles, share, 1.0 + HOLIDAY * few)


def _on_any_day(ordered: Floats, of_days: Floats) -> Floats:
    """Sorted residuals as they would be on other days, given the relative sizes of days."""
    if len(ordered) > POINTS:
        ordered = ordered[((np.arange(POINTS) + 0.5) / POINTS * len(ordered)).astype(int)]
    return np.sort(np.multiply.outer(ordered, of_days).ravel())


def _share(size: Floats, usual: UsualErrors | None) -> float:
    """The geometric mean over the series of the size of residuals as a share of usual errors."""
    if usual is None:
        return np.nan
    mean, of_series = mean_of_known(size, axis=(1, 2)), usual.of_series
    both = (mean > TINY) & np.isfinite(of_series)
    return float(np.exp(np.log(mean[both] / of_series[both]).mean())) if both.any() else np.nan


def _spread(size: Floats, typical: float, share: float, usual: UsualErrors | None) -> Floats:
    """The mean absolute residual of each series, shrunk towards what is expected of it.

    This is a share of its usual errors, or else the typical residual. Shrunk on the logarithmic
    scale, because spreads differ by factors between series.
    """
    counts = np.isfinite(size).sum(axis=(1, 2))
    none = np.full(len(size), np.nan)
    expected = none if usual is None else share * usual.of_series
    prior = np.where(np.isfinite(expected), USUAL_RESIDUALS, SHRINKAGE)
    expected = np.where(np.isfinite(expected), expected, typical)
    mean = np.where(counts > 0, mean_of_known(size, axis=(1, 2)), expected)
    mean = np.maximum(mean, np.maximum(SMALLEST * expected, TINY))
    weight = counts / (counts + prior)
    return np.exp(weight * np.log(mean) + (1 - weight) * np.log(expected))


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
