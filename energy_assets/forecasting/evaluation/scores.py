"""Scores of tables of forecasts: by series, by horizon, and as one number per metric.

A *table of forecasts* has one row per forecast, with the series levels, `origin`, `horizon`,
`datetime_utc` (the target hour), `actual` and `forecast`. It may have `lower`, `upper`,
`naive_error` (see `metrics.scaled_errors`), and the terms of `metrics.distribution_terms`.
`GlobalForecaster.holdout_` and `rolling_origin` return such tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from energy_assets.forecasting.evaluation import metrics
from energy_assets.forecasting.evaluation.held_out import columns_of
from energy_assets.forecasting.models.held_out import HeldOut
from energy_assets.forecasting.models.quantiles.intervals import Calibration
from energy_assets.forecasting.models.seasonal_naive import SEASONAL_NAIVES, seasonal_naive
from energy_assets.forecasting.panel.matrix import (
    HOURS_PER_DAY,
    Floats,
    Ints,
    PanelMatrix,
    to_matrix,
)

COMPARED = ("mape", "mape_median", "wape", "mase")
NOT_SERIES = (
    *("method", "origin", "horizon", "datetime_utc", "actual"),
    *("forecast", "lower", "upper", "naive_error", *metrics.DISTRIBUTION),
)


def by_series(table: pd.DataFrame) -> pd.DataFrame:
    """The metrics of each series, indexed by the series levels."""
    levels = _series_levels(table)
    terms = _table_terms(table)
    if not levels:
        return _metrics(terms.mean().to_frame().T)
    return _metrics(terms.groupby([table[level] for level in levels]).mean())


def by_horizon(table: pd.DataFrame) -> pd.DataFrame:
    """The metrics at each horizon in hours, averaged over the series."""
    keys = [table[column] for column in ("horizon", *_series_levels(table))]
    return _metrics(_table_terms(table).groupby(keys).mean()).groupby("horizon").mean()


def summary(table: pd.DataFrame) -> dict[str, float]:
    """One number per metric.

    `mape`, `rmspe`, `mase` and `coverage` are means over the series, and `mape_median` is the
    median, so that a small series counts as much as a large one. So are `pinball`, the pinball loss
    of nine quantiles as a share of the mean of the series, and `above_q95` and `above_q99`, the
    shares of values above these quantiles. `wape` is taken over all rows, so that a series counts
    by its size.
    """
    return _summary(_with_totals(table))


def scores(holdout: pd.DataFrame, panel: pd.DataFrame) -> dict[str, float]:
    """The summary of a table, and those of the seasonal naives at the same origins and horizons.

    `panel` holds the observations up to the last target. The names are those of `summary`; for the
    naives they end in `_seasonal_naive_24` or `_seasonal_naive_168`.
    """
    matrix = to_matrix(panel)
    errors = naive_errors(matrix.until(holdout["origin"].min()))
    table = holdout.assign(naive_error=errors[series_rows(holdout, matrix)])
    naives = {
        f"_{naive.name}": _with_totals(_with_naive(table, matrix, naive.season))
        for naive in SEASONAL_NAIVES
    }
    return joined_scores([{"": _with_totals(table), **naives}])


SeriesScores = Mapping[str, pd.DataFrame]
"""Ending of a metric's name, which tells the seasonal naives, -> the metrics of each series."""


def series_scores(
    held_out: HeldOut, coverage: float, pooled: Sequence[Calibration] | None = None
) -> SeriesScores:
    """What the `scores` of held-out days are made from, which can be had by groups of series.

    `pooled` is what the intervals of all groups have in common, see `calibrating.ByDay`.
    """
    panel, origins, actual = held_out.panel, held_out.origins, held_out.actual
    steps = np.arange(1, actual.shape[2] + 1)
    naive_error = naive_errors(panel.until(panel.hours[origins[0]]))[:, None, None]

    def score(forecast: Floats, others: Mapping[str, Floats]) -> pd.DataFrame:
        terms = _terms(actual, forecast, naive_error, others)
        means = {name: _mean(values) for name, values in terms.items()}
        totals = {
            name: np.nansum(values, axis=(1, 2))
            for name, values in _totals(actual, forecast).items()
        }
        return _metrics(pd.DataFrame(means)).assign(**totals)

    naives = {
        f"_{naive.name}": score(seasonal_naive(panel, origins, steps, naive.season), {})
        for naive in SEASONAL_NAIVES
    }
    columns = columns_of(held_out, coverage, pooled)
    return {"": score(columns.pop("forecast"), columns), **naives}


def joined_scores(parts: Sequence[SeriesScores]) -> dict[str, float]:
    """The `scores` of all series, from those of some series each."""
    return {
        f"{metric}{ending}": value
        for ending in parts[0]
        for metric, value in _summary(pd.concat([part[ending] for part in parts])).items()
    }


def comparison(scored: Mapping[str, float]) -> pd.DataFrame:
    """The result of `scores` as a table: a row for the model, and one for each seasonal naive."""
    suffixes = {"model": "", **{naive.label: f"_{naive.name}" for naive in SEASONAL_NAIVES}}
    rows = {
        method: {metric: scored[f"{metric}{suffix}"] for metric in COMPARED}
        for method, suffix in suffixes.items()
        if scored
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method").reset_index()


def with_naive(table: pd.DataFrame, panel: pd.DataFrame, season: int) -> pd.DataFrame:
    """`table` with seasonal naive forecasts instead of its own, and without intervals.

    `panel` holds the observations up to the last origin; each forecast uses those up to its origin.
    """
    return _with_naive(table, to_matrix(panel), season)


def _with_naive(table: pd.DataFrame, matrix: PanelMatrix, season: int) -> pd.DataFrame:
    origins, origin_rows = np.unique(table["origin"].to_numpy(), return_inverse=True)
    horizon = table["horizon"].to_numpy(dtype=np.int64)
    positions = matrix.hours.get_indexer(pd.DatetimeIndex(origins))
    naive = seasonal_naive(matrix, positions, np.arange(1, horizon.max() + 1), season)
    points = table.drop(columns=["lower", "upper", *metrics.DISTRIBUTION], errors="ignore")
    return points.assign(forecast=naive[series_rows(table, matrix), origin_rows, horizon - 1])


def series_rows(table: pd.DataFrame, matrix: PanelMatrix) -> Ints:
    """The row of `matrix` that holds the series of each row of `table`."""
    if matrix.series is None:
        return np.zeros(len(table), dtype=np.int64)
    keys = pd.MultiIndex.from_frame(table[_series_levels(table)])
    return matrix.series.get_indexer(keys if keys.nlevels > 1 else keys.get_level_values(0))


def naive_errors(history: PanelMatrix) -> Floats:
    """The mean absolute error of the 24-hour seasonal naive in `history`, shape (series,)."""
    errors = np.abs(history.array[:, HOURS_PER_DAY:] - history.array[:, :-HOURS_PER_DAY])
    observed = np.isfinite(errors)
    total = np.where(observed, errors, 0.0).sum(axis=1)
    return metrics.ratio(total, observed.sum(axis=1).astype(float))


def _with_totals(table: pd.DataFrame) -> pd.DataFrame:
    """The metrics of each series, and the totals that the WAPE of all rows is made from."""
    totals = pd.DataFrame(_totals(table["actual"], table["forecast"]))
    levels = [table[level] for level in _series_levels(table)]
    summed = totals.groupby(levels).sum() if levels else totals.sum().to_frame().T
    return by_series(table).join(summed)


def _summary(series: pd.DataFrame) -> dict[str, float]:
    total = series.pop("total_actual").sum()
    error = series.pop("total_error").sum()
    scores = {str(metric): float(value) for metric, value in series.mean().items()}
    scores["wape"] = float(error / total) if total else np.nan
    return scores | {"mape_median": float(series["mape"].median())}


def _series_levels(table: pd.DataFrame) -> list[str]:
    return [column for column in table.columns if column not in NOT_SERIES]


def _table_terms(table: pd.DataFrame) -> pd.DataFrame:
    """The terms of each metric, one row per forecast."""

    def column(name: str) -> Floats:
        return table[name].to_numpy(dtype=float)

    others = {
        name: column(name)
        for name in ("lower", "upper", *metrics.DISTRIBUTION)
        if name in table and table[name].notna().any()
    }
    naive_error = column("naive_error") if "naive_error" in table else None
    terms = _terms(column("actual"), column("forecast"), naive_error, others)
    return pd.DataFrame(terms, index=table.index)


def _terms(
    actual: Floats,
    forecast: Floats,
    naive_error: Floats | None,
    others: Mapping[str, Floats],
) -> dict[str, Floats]:
    """The terms of each metric, in the shape of the forecasts; NaN where one does not count.

    `others` are the columns of intervals and of `metrics.DISTRIBUTION` that there are.
    """
    share = metrics.percentage_errors(actual, forecast)
    terms = {
        "mape": share,
        "rmspe": share**2,
        "error": np.abs(forecast - actual),
        "size": np.abs(np.where(np.isfinite(forecast), actual, np.nan)),
    }
    if naive_error is not None:
        terms["mase"] = metrics.scaled_errors(actual, forecast, naive_error)
    if "lower" in others:
        terms["coverage"] = metrics.covered(actual, others["lower"], others["upper"])
    return terms | {name: others[name] for name in metrics.DISTRIBUTION if name in others}


def _totals(actual: Any, forecast: Any) -> dict[str, Any]:
    return {"total_error": np.abs(forecast - actual), "total_actual": np.abs(actual)}


def _mean(terms: Floats) -> Floats:
    """The mean of each series' terms, without those that do not count."""
    return metrics.ratio(
        np.nansum(terms, axis=(1, 2)), np.isfinite(terms).sum(axis=(1, 2)).astype(float)
    )


def _metrics(means: pd.DataFrame) -> pd.DataFrame:
    """The metrics from the means of `_terms`."""
    size = means.pop("size")
    error = means.pop("error")
    size = size.where(size > 0)
    if "pinball" in means:
        means["pinball"] = means["pinball"] / size
    return means.assign(rmspe=means["rmspe"] ** 0.5, wape=error / size)
