"""Fitting to a panel by shards: groups of series, of which few are in memory at the same time.

What all series share is fitted to evenly spaced series of some shards; then each shard is fitted by
itself. The result is that of `fitted.fit` if all series together are no more than the sample, and
there are no more shards than are sampled.

Each step is a function of one shard, so `apply` may run it in other processes or on other machines:
it works like the built-in `map`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from energy_assets.errors import ShortHistoryError
from energy_assets.forecasting.doubts.treatment import treated
from energy_assets.forecasting.evaluation.scores import SeriesScores, joined_scores, series_scores
from energy_assets.forecasting.fitted import Fitted, fit_panel, levels_of, training_of
from energy_assets.forecasting.models import autoregression, calibrating, ridge, usual_errors
from energy_assets.forecasting.models.autoregression import Autoregression
from energy_assets.forecasting.models.blend import BlendedModel
from energy_assets.forecasting.models.holiday import Holidays
from energy_assets.forecasting.models.intervals import Calibration
from energy_assets.forecasting.models.kinds import Kinds
from energy_assets.forecasting.models.training import Pooled, Training, fit_series, pool
from energy_assets.forecasting.models.training_rows import TrainingRows, TrainingWindow
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.horizons import require_hours
from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, PanelMatrix, to_matrix
from energy_assets.forecasting.parameters import Parameters

T = TypeVar("T")

Shard: TypeAlias = Callable[[], pd.DataFrame]
"""Reads the panel of some series; empty if it has none."""

Apply: TypeAlias = Callable[..., Iterable[Any]]
"""Like the built-in `map`."""


SAMPLED_SHARDS = 10
"""So many shards at most are read for the sample."""


@dataclass(frozen=True)
class Outline:
    """The hours of a shard, and its part of the sample."""

    hours: Any
    sample: PanelMatrix


@dataclass(frozen=True)
class Shared:
    """What a shard is fitted with: all that comes from the sample."""

    hours: Any
    training: Training
    held_out_hours: int
    coverage: float
    pooled: Pooled
    calibration: Calibration | None
    by_day: Sequence[Calibration] | None
    kinds: Kinds | None


@dataclass(frozen=True)
class FittedShard:
    """What is fitted to the series of a shard, and the scores of their held-out days."""

    series: pd.Index
    weights: ridge.Weights | None
    hourly: Autoregression | None
    contrasts: npt.NDArray[np.float32] | None
    calibration: Calibration | None
    scores: SeriesScores | None


def fit(
    shards: Sequence[Shard], parameters: Parameters, apply: Apply = map
) -> tuple[Fitted, Mapping[str, float]]:
    """Fit to the series of all shards. Returns the scores of the held-out days as well.

    The result has no history. Without held-out days there are no scores.

    Raises ShortHistoryError if there are too few hours, ForecastError if a panel or a parameter
    cannot be used.
    """
    sampled = shards[:: math.ceil(len(shards) / SAMPLED_SHARDS)]
    outlines = _present(apply(partial(outline, parameters=parameters, of=len(sampled)), sampled))
    if not outlines:
        raise ShortHistoryError("The panel is empty: there is nothing to forecast from.")
    hours = reduce(time_axis.joined, (found.hours for found in outlines))
    sample = reduce(PanelMatrix.joined, (found.sample for found in outlines)).at(hours)
    require_hours(sample, parameters.horizon, parameters.calibration_days)
    shared = fit_sample(sample, parameters)
    if shared is None:
        return replace(fit_panel(sample, parameters), past=None), {}
    parts = _present(apply(partial(fit_shard, shared=shared), shards))
    scores = [part.scores for part in parts if part.scores is not None]
    return _joined(parts, shared, parameters), joined_scores(scores) if scores else {}


def sample(shards: Sequence[Shard], series: int, apply: Apply = map) -> pd.DataFrame:
    """The panel of about so many series: evenly spaced ones of some shards."""
    sampled = shards[:: math.ceil(len(shards) / SAMPLED_SHARDS)]
    few = partial(_few, count=math.ceil(series / len(sampled)))
    return pd.concat(apply(few, sampled)).sort_index()


def _few(shard: Shard, count: int) -> pd.DataFrame:
    panel = shard()
    series = panel.index.droplevel(-1)
    every = series.unique().sort_values()
    chosen = every[np.linspace(0, len(every) - 1, min(count, len(every))).astype(int)]
    return panel[series.isin(chosen)]


def outline(shard: Shard, parameters: Parameters, of: int) -> Outline | None:
    """Read a shard, one of so many, and keep its part of the sample; None if it is empty."""
    panel = shard()
    if panel.empty:
        return None
    matrix = to_matrix(panel)
    training = training_of(parameters)
    rows = TrainingRows(TrainingWindow(matrix, matrix), training.design, parameters.origin_step)
    wanted = max(training.sampling.max_rows // rows.per_series, autoregression.SAMPLE_SERIES)
    count = len(matrix.array)
    chosen = np.linspace(0, count - 1, min(count, math.ceil(wanted / of))).astype(int)
    return Outline(matrix.hours, matrix.take(chosen))


def fit_sample(sample: PanelMatrix, parameters: Parameters) -> Shared | None:
    """What all shards share; None if the sample has no rows to train on."""
    training = training_of(parameters)
    held_out_hours = HOURS_PER_DAY * parameters.calibration_days
    window = training_window(sample, held_out_hours)
    pooled, prepared = pool(window, training)
    if pooled is None:
        return None
    calibration, by_day = None, None
    if held_out_hours:
        _, held_out = fit_series(window, training, pooled, prepared)
        if held_out is not None and np.isfinite(held_out.residuals).any():
            held_out = usual_errors.with_history(held_out, window, training.design)
            calibration = calibrating.pool(held_out)
            by_day = calibrating.pool_by_day(held_out)
    return Shared(
        sample.hours,
        training,
        held_out_hours,
        parameters.coverage,
        pooled,
        calibration,
        by_day,
        Kinds.of(window.observed),
    )


def fit_shard(shard: Shard, shared: Shared) -> FittedShard | None:
    """Fit the series of a shard; None if it is empty."""
    panel = shard()
    if panel.empty:
        return None
    observed = to_matrix(panel).at(shared.hours)
    window = training_window(observed, shared.held_out_hours)
    model, held_out = fit_series(window, shared.training, shared.pooled)
    contrasts = model.holidays.contrasts if model.holidays else None
    series = observed.required_series
    part = FittedShard(series, model.weights, model.hourly, contrasts, None, None)
    if held_out is None or shared.calibration is None:
        return part
    held_out = usual_errors.with_history(held_out, window, shared.training.design)
    calibration = calibrating.calibrate(held_out, observed.keys, shared.calibration)
    scores = series_scores(held_out, shared.coverage, shared.by_day)
    return replace(part, calibration=calibration, scores=scores)


def training_window(observed: PanelMatrix, held_out_hours: int) -> TrainingWindow:
    """The window to train on: without doubtful values, and without gaps for the features."""
    found = treated(observed)
    return TrainingWindow(found.panel, found.filled(), held_out=held_out_hours)


def _joined(parts: Sequence[FittedShard], shared: Shared, parameters: Parameters) -> Fitted:
    """One model of the series of all shards, sorted."""
    series = parts[0].series.append([part.series for part in parts[1:]])
    order = series.argsort()
    # Each part has a last row of pooled weights, the same in all of them.
    shift = np.repeat(np.arange(len(parts)), [len(part.series) for part in parts])
    rows = np.append((np.arange(len(series)) + shift)[order], -1)
    weights = [part.weights for part in parts if part.weights is not None]
    hourly = [part.hourly.weights for part in parts if part.hourly is not None]
    contrasts = [part.contrasts for part in parts if part.contrasts is not None]
    boosters, training = shared.pooled.boosters, shared.training
    model = BlendedModel(
        training.design,
        training.shares,
        boosters.final if boosters else None,
        ridge.joined(weights).take(rows) if weights else None,
        Autoregression(np.concatenate(hourly)[rows]) if hourly else None,
        series.take(order),
        Holidays(shared.pooled.holidays.final.shares, np.concatenate(contrasts)[rows])
        if contrasts
        else None,
    )
    calibrations = _present(part.calibration for part in parts)
    calibration = Calibration.joined(calibrations) if calibrations else None
    return Fitted(parameters, model, calibration, levels_of(series), shared.kinds)


def _present(found: Iterable[T | None]) -> list[T]:
    return [one for one in found if one is not None]
