"""Scores of forecasts: metrics under the names of the field, by series, by horizon, by origin.

A *table of forecasts* has one row a forecast: the levels of the series, `origin`, `horizon`,
`datetime_utc` (the target hour), `actual`, `forecast`, and where known `lower`, `upper` and
`naive_error` (see `mase`). The held-out forecasts of a fitted `GlobalForecaster` and the result of
`rolling_origin` are such tables. Rows without an actual value are left out of every metric, rows
with an actual value of 0 out of those that divide by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from energy_assets.forecasting.models import seasonal_naive as baseline
from energy_assets.forecasting.panel.matrix import (
    DAY,
    HOUR,
    WEEK,
    Floats,
    HourlyMatrix,
    Ints,
    to_matrix,
    training_window,
)

if TYPE_CHECKING:
    from sktime.forecasting.base import BaseForecaster

NOT_SERIES = (
    *("method", "origin", "horizon", "datetime_utc", "actual"),
    *("forecast", "lower", "upper", "naive_error"),
)

Forecast = Callable[[pd.DataFrame, int], pd.DataFrame]
"""From a training window and a horizon in hours to the columns `forecast`[, `lower`, `upper`]."""


def mape(actual: Floats, forecast: Floats) -> float:
    """Mean absolute percentage error, as a share: mean of |forecast - actual| / |actual|."""
    return _mean(_percentage_errors(actual, forecast))


def rmspe(actual: Floats, forecast: Floats) -> float:
    """Root mean squared percentage error, as a share: sqrt(mean(((f - a) / a)^2))."""
    return float(np.sqrt(_mean(_percentage_errors(actual, forecast) ** 2)))


def wape(actual: Floats, forecast: Floats) -> float:
    """Weighted absolute percentage error, as a share: sum |forecast - actual| / sum |actual|."""
    total = float(np.nansum(np.abs(actual)))
    return float(np.nansum(np.abs(forecast - actual))) / total if total else np.nan


def mase(actual: Floats, forecast: Floats, naive_error: Floats) -> float:
    """Mean absolute scaled error: mean of |forecast - actual| / naive_error.

    `naive_error` is the mean absolute error that seasonal naive with 24 hours makes one step
    ahead in the history of the row's series (Hyndman and Koehler 2006, "Another look at measures
    of forecast accuracy"); rows where it is 0 are left out.
    """
    return _mean(_ratio(np.abs(forecast - actual), naive_error))


def coverage(actual: Floats, lower: Floats, upper: Floats) -> float:
    """Share of actual values within [lower, upper]."""
    return _mean(_inside(actual, lower, upper))


def pinball_loss(actual: Floats, quantile: Floats, alpha: float) -> float:
    """Mean of max(alpha (a - q), (alpha - 1) (a - q)), in the unit of the values."""
    error = actual - quantile
    return _mean(np.maximum(alpha * error, (alpha - 1) * error))


def by_series(table: pd.DataFrame) -> pd.DataFrame:
    """Metrics of each series of a table of forecasts, indexed by the levels of the series."""
    levels = _series_levels(table)
    terms = _terms(table)
    if not levels:
        return _metrics(terms.mean().to_frame().T)
    return _metrics(terms.groupby([table[level] for level in levels]).mean())


def by_horizon(table: pd.DataFrame) -> pd.DataFrame:
    """Metrics at each horizon in hours, each the mean over series of that series' metric."""
    keys = [table[column] for column in ("horizon", *_series_levels(table))]
    return _metrics(_terms(table).groupby(keys).mean()).groupby("horizon").mean()


def summary(table: pd.DataFrame) -> dict[str, float]:
    """The scores of a table of forecasts as one number each.

    `mape` is the mean, and `mape_median` the median, over series of each series' MAPE, so that a
    small series counts as much as a large one; `rmspe`, `mase` and `coverage` are such means too.
    `wape` is over all rows, so that a series counts by its size.
    """
    series = by_series(table)
    scores = {str(metric): float(value) for metric, value in series.mean().items()}
    actual = table["actual"].to_numpy(dtype=float)
    scores["wape"] = wape(actual, table["forecast"].to_numpy(dtype=float))
    return scores | {"mape_median": float(series["mape"].median())}


def scores(holdout: pd.DataFrame, panel: pd.DataFrame) -> dict[str, float]:
    """Scores of a table of forecasts beside seasonal naive at the same origins and horizons.

    `panel` holds the observations up to the last target. The names are those of `summary`, and
    for the naives the same with `_seasonal_naive_24` or `_seasonal_naive_168` behind.
    """
    matrix = to_matrix(panel)
    errors = _naive_errors(matrix.until(holdout["origin"].min()))
    table = holdout.assign(naive_error=errors[_series_rows(holdout, matrix)])
    result = summary(table)
    for season in (DAY, WEEK):
        naive = summary(with_naive(table, panel, season))
        result |= {f"{metric}_seasonal_naive_{season}": value for metric, value in naive.items()}
    return result


def with_naive(table: pd.DataFrame, panel: pd.DataFrame, season: int) -> pd.DataFrame:
    """`table` with the forecasts of seasonal naive in place of its own, and without intervals.

    `panel` holds the observations up to the last origin; each forecast sees those up to its own.
    """
    matrix = to_matrix(panel)
    origins, at = np.unique(table["origin"].to_numpy(), return_inverse=True)
    horizon = table["horizon"].to_numpy(dtype=np.int64)
    naive = baseline.seasonal_naive(
        matrix,
        matrix.hours.get_indexer(pd.DatetimeIndex(origins)),
        np.arange(1, horizon.max() + 1),
        season,
    )
    rival = table.drop(columns=["lower", "upper"], errors="ignore")
    return rival.assign(forecast=naive[_series_rows(table, matrix), at, horizon - 1])


def rolling_origin(
    panel: pd.DataFrame,
    methods: Mapping[str, Forecast],
    origins: Iterable[pd.Timestamp],
    window_days: int = 30,
    horizon: int = DAY,
    on_origin: Callable[[pd.Timestamp], None] = lambda origin: None,
) -> pd.DataFrame:
    """The table of forecasts that each of `methods` makes from each of `origins`, by `method`.

    A method sees the `window_days` days up to and with the origin, and nothing later. Targets
    that were not observed are left out. `on_origin` is called after each origin.

    Raises ForecastError where an origin has no observations before it.
    """
    tables = []
    for origin in origins:
        window = training_window(panel, origin, window_days)
        matrix = to_matrix(window)
        errors = _naive_errors(matrix)
        for name, method in methods.items():
            made = method(window, horizon)
            made["actual"] = panel.iloc[:, 0].reindex(made.index)
            made.index.names = [*made.index.names[:-1], "datetime_utc"]
            table = made.dropna(subset="actual").reset_index().assign(method=name, origin=origin)
            table["horizon"] = (table["datetime_utc"] - origin) // HOUR
            table["naive_error"] = errors[_series_rows(table, matrix)]
            tables.append(table)
        on_origin(origin)
    return pd.concat(tables, ignore_index=True)


def from_forecaster(forecaster: BaseForecaster, coverage: float = 0.8) -> Forecast:
    """A method for `rolling_origin` that fits a clone of `forecaster` to each window."""

    def method(window: pd.DataFrame, horizon: int) -> pd.DataFrame:
        fitted = forecaster.clone().fit(window)
        steps = list(range(1, horizon + 1))
        made = fitted.predict(fh=steps).set_axis(["forecast"], axis=1)
        if getattr(fitted, "calibration_", None) is not None:
            bounds = fitted.predict_interval(fh=steps, coverage=coverage)
            made[["lower", "upper"]] = bounds.to_numpy()
        return made

    return method


def _series_levels(table: pd.DataFrame) -> list[str]:
    return [column for column in table.columns if column not in NOT_SERIES]


def _series_rows(table: pd.DataFrame, matrix: HourlyMatrix) -> Ints:
    """The row of `matrix` that holds the series of each row of `table`."""
    if matrix.series is None:
        return np.zeros(len(table), dtype=np.int64)
    keys = pd.MultiIndex.from_frame(table[_series_levels(table)])
    return matrix.series.get_indexer(keys if keys.nlevels > 1 else keys.get_level_values(0))


def _naive_errors(history: HourlyMatrix) -> Floats:
    """Mean absolute error of seasonal naive with 24 hours in `history`, shape (series,)."""
    errors = np.abs(history.array[:, DAY:] - history.array[:, :-DAY])
    known = np.isfinite(errors)
    return _ratio(np.where(known, errors, 0.0).sum(axis=1), known.sum(axis=1).astype(float))


def _terms(table: pd.DataFrame) -> pd.DataFrame:
    """What each row of a table of forecasts adds to the metrics; NaN where it adds nothing."""
    actual, forecast = (table[name].to_numpy(dtype=float) for name in ("actual", "forecast"))
    share = _percentage_errors(actual, forecast)
    terms = {
        "mape": share,
        "rmspe": share**2,
        "error": np.abs(forecast - actual),
        "size": np.abs(np.where(np.isfinite(forecast), actual, np.nan)),
    }
    if "naive_error" in table:
        terms["mase"] = _ratio(terms["error"], table["naive_error"].to_numpy(dtype=float))
    if "lower" in table and table["lower"].notna().any():
        bounds = (table[name].to_numpy(dtype=float) for name in ("lower", "upper"))
        terms["coverage"] = _inside(actual, *bounds)
    return pd.DataFrame(terms, index=table.index)


def _metrics(means: pd.DataFrame) -> pd.DataFrame:
    """Metrics from the means of `_terms`."""
    size = means.pop("size")
    error = means.pop("error")
    return means.assign(rmspe=means["rmspe"] ** 0.5, wape=error / size.where(size > 0))


def _percentage_errors(actual: Floats, forecast: Floats) -> Floats:
    return _ratio(np.abs(forecast - actual), np.abs(actual))


def _inside(actual: Floats, lower: Floats, upper: Floats) -> Floats:
    known = np.isfinite(actual) & np.isfinite(lower)
    return np.where(known, (lower <= actual) & (actual <= upper), np.nan)


def _ratio(part: Floats, whole: Floats) -> Floats:
    """`part` / `whole`, NaN where `whole` is 0 or missing."""
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _mean(terms: Floats) -> float:
    known = terms[np.isfinite(terms)]
    return float(known.mean()) if known.size else np.nan
