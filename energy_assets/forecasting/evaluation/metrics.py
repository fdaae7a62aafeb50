"""Metrics under their usual names, each defined once.

Every metric is a mean of terms, one per forecast. Functions such as `percentage_errors` give the
terms as an array, for tables that group them; `mape` and so on give the metric itself. A term is
NaN if there is no actual value, or if it would divide by 0. Means leave NaN out.
"""

from __future__ import annotations

import numpy as np

from energy_assets.forecasting.panel.matrix import Floats


def percentage_errors(actual: Floats, forecast: Floats) -> Floats:
    """Absolute percentage errors as shares: |forecast - actual| / |actual|."""
    return ratio(np.abs(forecast - actual), np.abs(actual))


def scaled_errors(actual: Floats, forecast: Floats, naive_error: Floats) -> Floats:
    """Absolute scaled errors: |forecast - actual| / naive_error; see `mase`."""
    return ratio(np.abs(forecast - actual), naive_error)


def covered(actual: Floats, lower: Floats, upper: Floats) -> Floats:
    """1 if the actual value is in [lower, upper], else 0."""
    defined = np.isfinite(actual) & np.isfinite(lower)
    return np.where(defined, (lower <= actual) & (actual <= upper), np.nan)


def mape(actual: Floats, forecast: Floats) -> float:
    """Mean absolute percentage error, as a share."""
    return _mean(percentage_errors(actual, forecast))


def rmspe(actual: Floats, forecast: Floats) -> float:
    """Root mean squared percentage error, as a share."""
    return float(np.sqrt(_mean(percentage_errors(actual, forecast) ** 2)))


def wape(actual: Floats, forecast: Floats) -> float:
    """Weighted absolute percentage error, as a share: sum |forecast - actual| / sum |actual|."""
    total = float(np.nansum(np.abs(actual)))
    return float(np.nansum(np.abs(forecast - actual))) / total if total else np.nan


def mase(actual: Floats, forecast: Floats, naive_error: Floats) -> float:
    """Mean absolute scaled error.

    `naive_error` is the mean absolute error of the 24-hour seasonal naive in the history of the
    series (Hyndman and Koehler 2006, "Another look at measures of forecast accuracy").
    """
    return _mean(scaled_errors(actual, forecast, naive_error))


def coverage(actual: Floats, lower: Floats, upper: Floats) -> float:
    """The share of actual values in [lower, upper]."""
    return _mean(covered(actual, lower, upper))


def pinball_loss(actual: Floats, quantile: Floats, alpha: float) -> float:
    """Mean of max(alpha (a - q), (alpha - 1) (a - q)), in the unit of the values."""
    error = actual - quantile
    return _mean(np.maximum(alpha * error, (alpha - 1) * error))


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """`numerator` / `denominator`, NaN where `denominator` is not positive."""
    empty = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=empty, where=denominator > 0)


def _mean(terms: Floats) -> float:
    defined = terms[np.isfinite(terms)]
    return float(defined.mean()) if defined.size else np.nan
