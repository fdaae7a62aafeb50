"""Training the blend: which rows the models are fitted to, and what is held out.

Two models are fitted: the final one to the whole window, and one that does not see the held-out
hours and forecasts them.
"""

from __future__ import annotations

import itertools
import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from energy_assets.forecasting.features import feature_matrix, transform
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.features.feature_matrix import FeatureMatrix
from energy_assets.forecasting.models import autoregression, ridge, trees
from energy_assets.forecasting.models.autoregression import Autoregression
from energy_assets.forecasting.models.blas import single_blas_thread
from energy_assets.forecasting.models.blend import CHUNK_ROWS, BlendedModel, Shares, slices
from energy_assets.forecasting.models.held_out import HeldOut, Pair
from energy_assets.forecasting.models.trees import TreeParameters
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, Floats, Ints, PanelMatrix

MAX_ROWS = 600_000
"""Rows that trees and pooled weights are trained on; more hardly change the forecasts."""

MAX_ORIGINS = 700
"""Training origins per series: five months of them, five hours apart."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TrainingWindow:
    """The data to train on.

    Gaps in `observed` are not used as targets; `filled` is the same panel without gaps, for the
    features. `exogenous` has the shape (columns, series, hours + horizon). The last `held_out`
    hours are held out once, then trained on.
    """

    observed: PanelMatrix
    filled: PanelMatrix
    exogenous: Floats | None = None
    held_out: int = 0


@dataclass(frozen=True)
class Sampling:
    """Which rows of a window are trained on.

    Origins are `origin_step` hours apart, and trees see one row in `thinning`. A panel with more
    than `max_rows` rows trains trees and pooled weights on evenly spaced series only. Each thread
    holds up to `chunk_rows` rows of features at once.
    """

    origin_step: int
    thinning: int
    max_rows: int = MAX_ROWS
    chunk_rows: int = CHUNK_ROWS


class _Rows:
    """The rows of a window: its origins and horizons, and which of them each model may see."""

    def __init__(self, window: TrainingWindow, design: Design, origin_step: int) -> None:
        hours = window.observed.hours
        self.window = window
        self.design = design
        self.calendar = design.calendar(hours)
        self.start = time_axis.first_hour(hours)
        self.steps = np.arange(1, design.horizon + 1)
        self.origins = _origins(len(hours), design.horizon, origin_step)
        self.target = self.origins[:, None] + self.steps
        # The first column that the held-out model does not see.
        self.cutoff = len(hours) - window.held_out
        self.ends = Pair(len(hours), self.cutoff if window.held_out else None)
        # The (origins, horizons) whose target lies before the end.
        self.masks: Pair[Bools] = self.ends.map(lambda end: self.target < end)
        # The origins whose whole horizon is held out.
        self.held_out = (self.origins >= self.cutoff - 1) & (self.target[:, -1] < len(hours))

    def scale(self, part: slice | Ints) -> Floats:
        """The scale of the transform, from hours that both models may see."""
        return transform.series_scale(self.window.observed.array[part], self.cutoff)

    def level(self) -> Floats:
        """The filled values of all series on the transformed scale."""
        return transform.asinh(self.window.filled.array, self.scale(slice(None)))

    def features(self, part: slice | Ints) -> tuple[FeatureMatrix, Floats]:
        """The features of some series, and the residuals to learn."""
        filled, x = self.window.filled.array[part], self.window.exogenous
        x = None if x is None else x[:, part]
        matrix = feature_matrix.build_features(
            filled,
            self.scale(part),
            self.origins,
            self.steps,
            self.calendar,
            x,
            self.design.features,
        )
        actual = _with_hours_ahead(
            self.window.observed.array[part], self.target, self.design.horizon
        )
        level = transform.asinh(actual, matrix.scale)
        return matrix, level - matrix.centre - matrix.base

    def moments(self, matrix: FeatureMatrix, residual: Floats) -> Pair[ridge.Moments]:
        """The moments of the rows that each model may see."""
        final, held_out = self.masks.final, self.masks.held_out
        if held_out is None:
            return Pair(ridge.moments(matrix, residual, final), None)
        # The held-out model's rows are part of the final model's: no row is summed twice.
        sums = ridge.moments(matrix, residual, held_out)
        return Pair(sums + ridge.moments(matrix, residual, final & ~held_out), sums)


@single_blas_thread
def train(
    window: TrainingWindow,
    design: Design,
    shares: Shares,
    parameters: TreeParameters,
    sampling: Sampling,
    n_jobs: int | None,
) -> tuple[BlendedModel, HeldOut | None]:
    """Fit the final model, and forecast the held-out hours with one that has not seen them.

    Every series gets its own ridge weights, even if trees and pooled weights are trained on a
    sample of the series. Chunks of series are fitted in parallel, each in one thread, because BLAS
    threads, like LightGBM's, would wait for each other. `n_jobs` is as in `GlobalForecaster`.

    Raises ForecastError if LightGBM rejects `parameters`.
    """
    workers = n_jobs or os.cpu_count() or 1
    rows = _Rows(window, design, sampling.origin_step)
    empty = BlendedModel(design, shares, series=window.observed.series)
    count = len(window.observed.array)
    rows_per_series = max(1, len(rows.origins) * design.horizon)
    whole = count * rows_per_series <= sampling.max_rows
    sample_size = count if whole else max(1, sampling.max_rows // rows_per_series)
    sample = np.linspace(0, count - 1, sample_size).astype(int)
    matrix, residual = rows.features(sample)

    # Neighbouring origins and horizons are nearly the same, and trees cost time for every row.
    thinned = (np.arange(len(rows.origins))[:, None] + rows.steps) % sampling.thinning == 0
    usable = _usable(matrix, residual) & thinned
    tree_masks: Pair[Bools] = rows.masks.map(lambda mask: usable & mask)
    if not all(mask.any() for mask in tree_masks.parts):
        return empty, None

    boosters: Pair[lgb.Booster] | None = None
    if shares.linear < 1:
        boosters = trees.train(
            matrix.features, residual, tree_masks, design.names, parameters, n_jobs
        )
    level, hourly = None, None
    if shares.autoregression > 0 and rows.cutoff >= autoregression.MIN_HOURS:
        level = rows.level()
        hourly = _autoregressions(rows, level, workers)
    sums = rows.moments(matrix, residual) if shares.linear > 0 else None
    pools = sums.map(ridge.Moments.pooled) if sums else None
    priors = pools.map(ridge.pooled) if pools else None

    def fit(part: slice) -> tuple[ridge.Weights | None, Floats | None]:
        """The final weights of some series, and forecasts of their held-out hours."""
        part_matrix, part_residual = (matrix, residual) if whole else rows.features(part)
        weights: Pair[ridge.Weights] | None = None
        if sums and pools and priors:
            part_sums = sums if whole else rows.moments(part_matrix, part_residual)
            weights = part_sums.map(ridge.solve, pools, priors)
        final = weights.final if weights else None
        if not window.held_out:
            return final, None
        model = replace(
            empty,
            booster=boosters.held_out if boosters else None,
            weights=weights.held_out if weights else None,
        )
        hourly_forecast = None
        if level is not None and hourly is not None and hourly.held_out is not None:
            hourly_forecast = hourly.held_out.forecast(
                level[part],
                np.arange(count)[part],
                rows.origins[rows.held_out],
                rows.calendar,
                rows.start,
            )
        positions = np.arange(len(part_residual))
        held_out_matrix = part_matrix.at(rows.held_out)
        return final, model.blend(held_out_matrix, positions, n_jobs, hourly_forecast)

    chunk = count if whole else max(1, sampling.chunk_rows // rows_per_series)
    with ThreadPoolExecutor(workers) as pool:
        weights, forecasts = zip(*pool.map(fit, slices(count, chunk)), strict=True)
    model = replace(
        empty,
        booster=boosters.final if boosters else None,
        weights=ridge.joined([*weights, priors.final]) if priors else None,
        hourly=hourly.final if hourly else None,
    )
    if not window.held_out:
        return model, None
    origins = rows.origins[rows.held_out]
    actual = window.observed.array[:, origins[:, None] + rows.steps]
    scale = rows.scale(slice(None))[:, :, None]
    forecast = np.concatenate(forecasts)
    return model, HeldOut(window.observed, origins, actual, forecast, scale)


def base_errors(window: TrainingWindow, design: Design) -> HeldOut:
    """The errors within the window of the base forecast, which needs no training."""
    array, hours = window.observed.array, len(window.observed.hours)
    steps = np.arange(1, design.horizon + 1)
    origins = np.arange(0, max(1, hours - 1))
    calendar = design.calendar(window.observed.hours)
    scale = transform.series_scale(array)
    matrix = feature_matrix.build_features(window.filled.array, scale, origins, steps, calendar)
    forecast = matrix.forecast(np.zeros(matrix.base.shape))
    actual = _with_hours_ahead(array, origins[:, None] + steps, design.horizon)
    return HeldOut(window.observed, origins, actual, forecast, matrix.scale)


def _with_hours_ahead(array: Floats, target: Ints, horizon: int) -> Floats:
    """The values at `target`, NaN for hours after the window."""
    return np.pad(array, ((0, 0), (0, horizon)), constant_values=np.nan)[:, target]


def _autoregressions(rows: _Rows, level: Floats, workers: int) -> Pair[Autoregression]:
    observed = np.isfinite(rows.window.observed.array)
    fit = partial(
        autoregression.fit, level, observed, rows.design.horizon, rows.calendar, rows.start
    )
    with ThreadPoolExecutor(workers) as pool:
        return rows.ends.map(fit, apply=pool.map)


def _origins(hours: int, horizon: int, step: int) -> Ints:
    """The training origins; they include the last one that has a whole horizon after it.

    In a long window they are farther apart, but still at every hour of the day.
    """
    if hours > MAX_ORIGINS * step:
        shortest = hours // MAX_ORIGINS + 1
        step = next(n for n in itertools.count(shortest) if math.gcd(n, HOURS_PER_DAY) == 1)
    last = hours - 2 - (horizon - 1) % step
    return np.arange(last, HOURS_PER_DAY - 2, -step)[::-1]


def _usable(matrix: FeatureMatrix, residual: Floats) -> Bools:
    """The rows that trees may be trained on.

    Rows of a series' first week lack lags and are unlike the rows to forecast. A series trains
    on them only if it has few others.
    """
    observed = np.isfinite(residual)
    longest_lag = matrix.names.index(f"lag_{max(feature_matrix.LAGS)}")
    complete = observed & np.isfinite(matrix.features[longest_lag])
    few = 2 * complete.sum(axis=(1, 2)) < observed.sum(axis=(1, 2))
    return np.where(few[:, None, None], observed, complete)
