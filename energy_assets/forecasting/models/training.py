"""Training the blend: what all series share is fitted to a sample, the rest to each series.

Two models are fitted: the final one to the whole window, and one that does not see the held-out
hours and forecasts them. Both steps work on any part of the series, so that a panel need not be in
memory at once.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import lightgbm as lgb
import numpy as np

from energy_assets.forecasting.features import feature_matrix, transform
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.features.feature_matrix import FeatureMatrix
from energy_assets.forecasting.models import autoregression, holiday, ridge, trees
from energy_assets.forecasting.models.blas import single_blas_thread
from energy_assets.forecasting.models.blend import BlendedModel, Shares, slices
from energy_assets.forecasting.models.held_out import HeldOut, Pair
from energy_assets.forecasting.models.training_rows import (
    RidgeSums,
    Sampling,
    TrainingRows,
    TrainingWindow,
    with_hours_ahead,
)
from energy_assets.forecasting.models.trees import TreeParameters
from energy_assets.forecasting.panel.matrix import Bools, Floats, Ints


@dataclass(frozen=True)
class Training:
    """How to train: everything but the data.

    `n_jobs` is as in `GlobalForecaster`.
    """

    design: Design
    shares: Shares
    trees: TreeParameters
    sampling: Sampling
    n_jobs: int | None = None

    @property
    def workers(self) -> int:
        """The number of threads that fit chunks of series."""
        return self.n_jobs or os.cpu_count() or 1


@dataclass(frozen=True)
class Pooled:
    """What the series of a panel share.

    `pools` are the moments of all rows, and `priors` the ridge weights that follow from them.
    `trial` says how strongly those of a series are drawn towards them.
    """

    holidays: Pair[holiday.Pooled]
    boosters: Pair[lgb.Booster] | None
    pools: Pair[ridge.Moments] | None
    priors: Pair[ridge.Weights] | None
    trial: ridge.Trial | None
    hourly: Pair[autoregression.Pooled] | None


@dataclass(frozen=True)
class Prepared:
    """The rows of the sample, to be used again if the sample is all there is."""

    matrix: FeatureMatrix
    residual: Floats
    sums: RidgeSums | None
    hourly_sums: Pair[autoregression.Sums] | None


def train(window: TrainingWindow, training: Training) -> tuple[BlendedModel, HeldOut | None]:
    """Fit the final model, and forecast the held-out hours with one that has not seen them.

    Raises ForecastError if LightGBM rejects the parameters.
    """
    pooled, prepared = pool(window, training)
    if pooled is None:
        design, shares = training.design, training.shares
        return BlendedModel(design, shares, series=window.observed.series), None
    return fit_series(window, training, pooled, prepared)


@single_blas_thread
def pool(window: TrainingWindow, training: Training) -> tuple[Pooled | None, Prepared | None]:
    """Fit what the series share, to a sample of the series of a window.

    None if the window has no rows to train on. What was prepared for it is returned as well if the
    sample is the whole window.
    """
    design, sampling, shares = training.design, training.sampling, training.shares
    sampled = autoregression.sample(len(window.observed.array))
    holidays = _ends(window).map(
        lambda end: holiday.pool(_level(window, sampled, end), design, window.observed.hours)
    )
    window, _, _ = _without_holidays(window, design, holidays)
    rows = TrainingRows(window, design, sampling.origin_step)
    count = len(window.observed.array)
    sample = rows.sample(sampling.max_rows)
    matrix, residual = rows.features(sample)

    # Neighbouring origins and horizons are nearly the same, and trees cost time for every row.
    thinned = (np.arange(len(rows.origins))[:, None] + rows.steps) % sampling.thinning == 0
    usable = _usable(matrix, residual) & thinned
    tree_masks: Pair[Bools] = rows.masks.map(lambda mask: usable & mask)
    if not all(mask.any() for mask in tree_masks.parts):
        return None, None
    boosters: Pair[lgb.Booster] | None = None
    if shares.linear < 1:
        boosters = trees.train(
            matrix.features, residual, tree_masks, design.names, training.trees, training.n_jobs
        )
    hourly_sums = _hourly_sums(rows, training, autoregression.sample(count))
    sums = rows.moments(matrix, residual) if shares.linear > 0 else None
    pools = sums.models.map(ridge.Moments.pooled) if sums else None
    priors = pools.map(ridge.pooled) if pools else None
    hourly = hourly_sums.map(autoregression.pool) if hourly_sums else None
    prepared = None
    if len(sample) == count:
        whole = count <= autoregression.SAMPLE_SERIES
        prepared = Prepared(matrix, residual, sums, hourly_sums if whole else None)
    trial = ridge.Trial.of(sums.common, sums.recent) if sums else None
    return Pooled(holidays, boosters, pools, priors, trial, hourly), prepared


@single_blas_thread
def fit_series(
    window: TrainingWindow, training: Training, pooled: Pooled, prepared: Prepared | None = None
) -> tuple[BlendedModel, HeldOut | None]:
    """The final model of the series of a window, and forecasts of their held-out hours.

    Every series gets its own ridge weights, shrunk towards the pooled ones. Chunks of series are
    fitted in parallel, each in one thread, because BLAS threads, like LightGBM's, would wait for
    each other.
    """
    design, sampling = training.design, training.sampling
    window, holidays, factor = _without_holidays(window, design, pooled.holidays)
    rows = TrainingRows(window, design, sampling.origin_step)
    empty = BlendedModel(design, training.shares, series=window.observed.series)
    count = len(window.observed.array)
    hourly = None
    if pooled.hourly is not None:
        with ThreadPoolExecutor(training.workers) as executor:
            hourly = autoregression.fit(
                _hourly_rows(rows),
                pooled.hourly,
                prepared.hourly_sums if prepared else None,
                executor.map,
            )
    level = None if hourly is None else rows.level()

    def fit(part: slice) -> tuple[ridge.Weights | None, Floats | None]:
        """The final weights of some series, and forecasts of their held-out hours."""
        if prepared is not None:
            matrix, residual, sums = prepared.matrix, prepared.residual, prepared.sums
        else:
            matrix, residual = rows.features(part)
            sums = rows.moments(matrix, residual) if pooled.priors else None
        weights: Pair[ridge.Weights] | None = None
        if sums and pooled.pools and pooled.priors and pooled.trial:
            strength = pooled.trial.strengths(sums.common, sums.recent)
            solve = partial(ridge.solve, strength=strength)
            weights = sums.models.map(solve, pooled.pools, pooled.priors)
        final = weights.final if weights else None
        if not window.held_out:
            return final, None
        model = replace(
            empty,
            booster=pooled.boosters.held_out if pooled.boosters else None,
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
        held_out_matrix = matrix.at(rows.held_out)
        positions = np.arange(len(residual))
        return final, model.blend(
            held_out_matrix, positions, rows.steps, training.n_jobs, hourly_forecast
        )

    chunk = count if prepared else max(1, sampling.chunk_rows // rows.per_series)
    with ThreadPoolExecutor(training.workers) as executor:
        weights, forecasts = zip(*executor.map(fit, slices(count, chunk)), strict=True)
    model = replace(
        empty,
        booster=pooled.boosters.final if pooled.boosters else None,
        weights=ridge.joined([*weights, pooled.priors.final]) if pooled.priors else None,
        hourly=hourly.final if hourly else None,
        holidays=holidays,
    )
    if not window.held_out:
        return model, None
    origins = rows.origins[rows.held_out]
    actual = window.observed.array[:, origins[:, None] + rows.steps]
    scale = rows.scale(slice(None))[:, :, None]
    forecast = np.concatenate(forecasts)
    held_out = HeldOut(window.observed, origins, actual, forecast, scale)
    return model, held_out if factor is None else held_out.times(factor)


def base_errors(window: TrainingWindow, design: Design) -> HeldOut:
    """The errors within the window of the base forecast, which needs no training."""
    array, hours = window.observed.array, len(window.observed.hours)
    steps = np.arange(1, design.horizon + 1)
    origins = np.arange(0, max(1, hours - 1))
    calendar = design.calendar(window.observed.hours)
    scale = transform.series_scale(array)
    matrix = feature_matrix.build_features(window.filled.array, scale, origins, steps, calendar)
    forecast = matrix.forecast(np.zeros(matrix.base.shape))
    actual = with_hours_ahead(array, origins[:, None] + steps, design.horizon)
    return HeldOut(window.observed, origins, actual, forecast, matrix.scale)


def _ends(window: TrainingWindow) -> Pair[int]:
    """Where the hours end that the final model sees, and the one of the held-out days."""
    hours = len(window.observed.hours)
    return Pair(hours, hours - window.held_out if window.held_out else None)


def _level(window: TrainingWindow, series: Ints, end: int) -> Floats:
    """The observed values of some series up to an hour, on the transformed scale."""
    array = window.observed.array[series, :end]
    return transform.asinh(array, transform.series_scale(array))


def _without_holidays(
    window: TrainingWindow, design: Design, pooled: Pair[holiday.Pooled]
) -> tuple[TrainingWindow, holiday.Holidays | None, Floats | None]:
    """The window without the effect of holidays, their effect, and the factor that was removed.

    What is removed is known before the held-out days; the effect is what the whole window says.
    """
    if design.country is None:
        return window, None, None
    hours, series = window.observed.hours, np.arange(len(window.observed.array))
    found = _ends(window).map(
        lambda end, of_all: holiday.fit(_level(window, series, end), design, hours, of_all), pooled
    )
    factor = found.parts[-1].factor(series, design, hours)
    if factor is None:
        return window, found.final, None
    observed, filled = (
        replace(panel, array=panel.array / factor) for panel in (window.observed, window.filled)
    )
    return replace(window, observed=observed, filled=filled), found.final, factor


def _hourly_rows(rows: TrainingRows) -> autoregression.Rows:
    """The rows of the autoregression."""
    observed = np.isfinite(rows.window.observed.array)
    horizon = rows.design.horizon
    return autoregression.Rows(
        rows.level(), observed, horizon, rows.calendar, rows.start, rows.ends
    )


def _hourly_sums(
    rows: TrainingRows, training: Training, sample: Ints
) -> Pair[autoregression.Sums] | None:
    """The sums of the autoregression for a sample of the series; None if it takes no part."""
    if training.shares.autoregression <= 0 or rows.cutoff < autoregression.MIN_HOURS:
        return None
    with ThreadPoolExecutor(training.workers) as executor:
        return _hourly_rows(rows).sums(sample, executor.map)


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
