"""Fitting to a panel by shards: groups of series, of which few are in memory at the same time.

What all series share is fitted to evenly spaced series of some shards; then each shard is fitted by
itself. The result is that of `fitted.fit` if all series together are no more than the sample, and
there are no more shards than are sampled. Whether columns known ahead are used is decided once, by
the held-out days of the sample.

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
from energy_assets.forecasting.evaluation.scores import SeriesScores, joined_scores, series_scores
from energy_assets.forecasting.features.known_ahead import response_fit
from energy_assets.forecasting.features.known_ahead.response import Response
from energy_assets.forecasting.fitted import Fitted, fit_panel, levels_of, training_of
from energy_assets.forecasting.models import autoregression, ridge
from energy_assets.forecasting.models.autoregression import Autoregression
from energy_assets.forecasting.models.blend import BlendedModel
from energy_assets.forecasting.models.held_out import HeldOut
from energy_assets.forecasting.models.holiday import Holidays
from energy_assets.forecasting.models.kinds import Kinds
from energy_assets.forecasting.models.quantiles import calibrating
from energy_assets.forecasting.models.quantiles.intervals import Calibration
from energy_assets.forecasting.models.training import Pooled, Training, fit_series, pool
from energy_assets.forecasting.models.training_rows import TrainingRows, TrainingWindow
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.horizons import require_hours
from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, PanelMatrix, to_matrix
from energy_assets.forecasting.parameters import Parameters
from energy_assets.forecasting.usual_panel import UsualPanel

T = TypeVar("T")

Shard: TypeAlias = Callable[[], pd.DataFrame]
"""Reads the panel of some series; empty if it has none."""

Apply: TypeAlias = Callable[..., Iterable[Any]]
"""Like the built-in `map`."""

Columns: TypeAlias = Callable[[pd.Index], tuple[pd.DataFrame, pd.DataFrame | None]]
"""The columns known ahead of the series with these keys: `X` and `X_ahead` of `fitted.fit`."""

Scores: TypeAlias = Mapping[str, float]

Worth: TypeAlias = Callable[[Scores, Scores], bool]
"""Whether columns are worth it, by the scores of held-out days with them and without them."""


SAMPLED_SHARDS = 10
"""So many shards at most are read for the sample."""


@dataclass(frozen=True)
class Outline:
    """The hours of a shard, and its part of the sample."""

    hours: Any
    sample: PanelMatrix


@dataclass(frozen=True)
class Shared:
    """What a shard is fitted with: all that comes from the sample.

    `response` is None if it is fitted without columns known ahead.
    """

    hours: Any
    training: Training
    held_out_hours: int
    coverage: float
    pooled: Pooled
    calibration: Calibration | None
    by_day: Sequence[Calibration] | None
    kinds: Kinds | None
    response: response_fit.Pooled | None


@dataclass(frozen=True)
class FittedShard:
    """What is fitted to the series of a shard, and the scores of their held-out days."""

    series: pd.Index
    weights: ridge.Weights | None
    hourly: Autoregression | None
    contrasts: npt.NDArray[np.float32] | None
    response: Response | None
    calibration: Calibration | None = None
    scores: SeriesScores | None = None


def fit(
    shards: Sequence[Shard],
    parameters: Parameters,
    apply: Apply = map,
    columns: Columns | None = None,
    worth: Worth | None = None,
) -> tuple[Fitted, Scores]:
    """Fit to the series of all shards. Returns the scores of the held-out days as well.

    With `columns`, the shards are fitted both with and without them, if that is `worth` it on the
    sample; by default it is. The model without them then stands by in `plain`.

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
    ways = fit_sample(sample, parameters, columns, worth)
    if not ways:
        return replace(fit_panel(sample, parameters), past=None), {}
    parts = _present(apply(partial(fit_shard, ways=ways, columns=columns), shards))
    fitted = [
        _joined(of_way, shared, parameters)
        for of_way, shared in zip(zip(*parts, strict=True), ways, strict=True)
    ]
    scores = [part[-1].scores for part in parts if part[-1].scores is not None]
    model = replace(fitted[-1], plain=fitted[0] if len(ways) > 1 else None)
    return model, joined_scores(scores) if scores else {}


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


def fit_sample(
    sample: PanelMatrix, parameters: Parameters, columns: Columns | None, worth: Worth | None
) -> list[Shared]:
    """The ways to fit the shards: without columns, and also with them if they are worth it.

    There is none if the sample has no rows to train on.
    """
    usual = UsualPanel.of(sample, HOURS_PER_DAY * parameters.calibration_days)
    if (plain := _shared(usual, parameters)) is None:
        return []
    without, held_out = plain
    if columns is None:
        return [without]
    usual = usual.divided(*columns(sample.required_series), without.training)
    if usual.factors is None or (informed := _shared(usual, parameters)) is None:
        return [without]
    found, of_found = informed
    if worth is None or worth(_scores(found, of_found), _scores(without, held_out)):
        return [without, found]
    return [without]


def _shared(usual: UsualPanel, parameters: Parameters) -> tuple[Shared, HeldOut | None] | None:
    """What all shards share, and the forecasts of the held-out days of the sample.

    None if the sample has no rows to train on.
    """
    training = training_of(parameters)
    pooled, prepared = pool(usual.window, training)
    if pooled is None:
        return None
    calibration, by_day, held_out = None, None, None
    if usual.held_out_hours:
        _, held_out = fit_series(usual.window, training, pooled, prepared)
    if held_out is not None and np.isfinite(held_out.residuals).any():
        held_out = usual.judged(held_out, training.design)
        calibration = calibrating.pool(held_out)
        held_out = usual.in_its_unit(held_out)
        by_day = calibrating.pool_by_day(held_out)
    shared = Shared(
        usual.panel.hours,
        training,
        usual.held_out_hours,
        parameters.coverage,
        pooled,
        calibration,
        by_day,
        Kinds.of(usual.found.panel),
        usual.factors.pooled if usual.factors else None,
    )
    return shared, held_out


def _scores(shared: Shared, held_out: HeldOut | None) -> Scores:
    """The scores of the held-out days of the sample."""
    if held_out is None or shared.by_day is None:
        return {}
    return joined_scores([series_scores(held_out, shared.coverage, shared.by_day)])


def fit_shard(
    shard: Shard, ways: Sequence[Shared], columns: Columns | None
) -> list[FittedShard] | None:
    """Fit the series of a shard in each of the ways; None if it is empty."""
    panel = shard()
    if panel.empty:
        return None
    observed = to_matrix(panel).at(ways[0].hours)
    usual = UsualPanel.of(observed, ways[0].held_out_hours)
    found = []
    for shared in ways:
        if columns is not None and shared.response is not None:
            X = columns(observed.required_series)
            usual = usual.divided(*X, shared.training, shared.response)
        found.append(_fitted(usual, shared))
    return found


def _fitted(usual: UsualPanel, shared: Shared) -> FittedShard:
    model, held_out = fit_series(usual.window, shared.training, shared.pooled)
    part = FittedShard(
        usual.panel.required_series,
        model.weights,
        model.hourly,
        model.holidays.contrasts if model.holidays else None,
        usual.factors.response if usual.factors else None,
    )
    if held_out is None or shared.calibration is None:
        return part
    held_out = usual.judged(held_out, shared.training.design)
    calibration = calibrating.calibrate(held_out, usual.panel.keys, shared.calibration)
    scores = series_scores(usual.in_its_unit(held_out), shared.coverage, shared.by_day)
    return replace(part, calibration=calibration, scores=scores)


def _joined(parts: Sequence[FittedShard], shared: Shared, parameters: Parameters) -> Fitted:
    """One model of the series of all shards, sorted."""
    series = parts[0].series.append([part.series for part in parts[1:]])
    series, order = series.sort_values(return_indexer=True)
    # Each part has a last row of pooled weights, the same in all of them.
    shift = np.repeat(np.arange(len(parts)), [len(part.series) for part in parts])
    rows = np.append((np.arange(len(series)) + shift)[order], -1)
    weights = [part.weights for part in parts if part.weights is not None]
    hourly = [part.hourly.weights for part in parts if part.hourly is not None]
    contrasts = [part.contrasts for part in parts if part.contrasts is not None]
    responses = [part.response for part in parts if part.response is not None]
    boosters, training = shared.pooled.boosters, shared.training
    model = BlendedModel(
        training.design,
        training.shares,
        boosters.final if boosters else None,
        ridge.joined(weights).take(rows) if weights else None,
        Autoregression(np.concatenate(hourly)[rows]) if hourly else None,
        series,
        Holidays(shared.pooled.holidays.final.shares, np.concatenate(contrasts)[rows])
        if contrasts
        else None,
    )
    calibrations = _present(part.calibration for part in parts)
    calibration = Calibration.joined(calibrations) if calibrations else None
    response = Response.joined(responses, series, rows) if responses else None
    return Fitted(
        parameters, model, calibration, levels_of(series), shared.kinds, response=response
    )


def _present(found: Iterable[T | None]) -> list[T]:
    return [one for one in found if one is not None]
