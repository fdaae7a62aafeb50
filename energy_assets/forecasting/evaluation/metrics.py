"""Metrics under their usual names, each defined once.

Most are means of terms, one per forecast; functions such as `percentage_errors` give the terms, and
`scores` their means by series or horizon. A term is NaN if there is no actual value, or if it would
divide by 0. Means leave NaN out.
"""

from __future__ import annotations

import numpy as np

from energy_assets.forecasting.panel.matrix import Floats


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


def pinball_loss(actual: Floats, quantile: Floats, alpha: float) -> float:
    """Mean of max(alpha (a - q), (alpha - 1) (a - q)), in the unit of the values."""
    error = actual - quantile
    terms = np.maximum(alpha * error, (alpha - 1) * error)
    return float(np.nanmean(terms)) if np.isfinite(terms).any() else np.nan


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """`numerator` / `denominator`, NaN where `denominator` is not positive."""
    empty = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=empty, where=denominator > 0)
