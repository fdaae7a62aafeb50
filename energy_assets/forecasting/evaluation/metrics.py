"""Metrics under their usual names, each defined once.

Most are means of terms, one per forecast; functions such as `percentage_errors` give the terms, and
`scores` their means by series or horizon. A term is NaN if there is no actual value, or if it would
divide by 0. Means leave NaN out.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from energy_assets.forecasting.panel.matrix import Floats

QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""The probabilities of the quantiles that distributions are scored by."""

UPPER_TAIL = {0.95: "above_q95", 0.99: "above_q99"}
"""The quantiles that few values should be above, with the names of the shares that are."""

DISTRIBUTION = ("pinball", *UPPER_TAIL.values())
"""The names of the terms that score quantiles together."""


def percentage_errors(actual: Floats, forecast: Floats) -> Floats:
    """Absolute percentage errors as shares: |forecast - actual| / |actual|.

    Their mean is the MAPE; the root of the mean of their squares is the RMSPE.
    """
    return ratio(np.abs(forecast - actual), np.abs(actual))


def scaled_errors(actual: Floats, forecast: Floats, naive_error: Floats) -> Floats:
    """Absolute scaled errors: |forecast - actual| / naive_error. Their mean is the MASE.

    `naive_error` is the mean absolute error of the 24-hour seasonal naive in the history of the
    series (Hyndman and Koehler 2006, "Another look at measures of forecast accuracy").
    """
    return ratio(np.abs(forecast - actual), naive_error)


def covered(actual: Floats, lower: Floats, upper: Floats) -> Floats:
    """1 if the actual value is in [lower, upper], else 0. The mean is the coverage."""
    defined = np.isfinite(actual) & np.isfinite(lower)
    return np.where(defined, (lower <= actual) & (actual <= upper), np.nan)


def above(actual: Floats, quantile: Floats) -> Floats:
    """1 if the actual value is above the quantile, else 0. The mean is the share that is."""
    defined = np.isfinite(actual) & np.isfinite(quantile)
    return np.where(defined, actual > quantile, np.nan)


def pinball_losses(actual: Floats, quantile: Floats, alpha: float) -> Floats:
    """max(alpha (a - q), (alpha - 1) (a - q)), in the unit of the values."""
    error = actual - quantile
    return np.maximum(alpha * error, (alpha - 1) * error)


def pinball_loss(actual: Floats, quantile: Floats, alpha: float) -> float:
    """The mean of the pinball losses."""
    terms = pinball_losses(actual, quantile, alpha)
    return float(np.nanmean(terms)) if np.isfinite(terms).any() else np.nan


def distribution_terms(
    actual: Floats, quantiles: Iterable[tuple[float, Floats]]
) -> dict[str, Floats]:
    """The terms that score quantiles together, given by probability.

    `pinball` is the mean of their pinball losses, and those of `UPPER_TAIL` tell which values are
    above a quantile. All are NaN where a quantile is.
    """
    losses, terms = [], {}
    for probability, values in quantiles:
        losses.append(pinball_losses(actual, values, probability))
        if probability in UPPER_TAIL:
            terms[UPPER_TAIL[probability]] = above(actual, values)
    return {"pinball": sum(losses[1:], losses[0]) / len(losses), **terms}


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """`numerator` / `denominator`, NaN where `denominator` is not positive."""
    empty = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=empty, where=denominator > 0)
