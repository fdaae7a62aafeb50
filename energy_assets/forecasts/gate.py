"""Training a model, and the gate it has to pass before forecasts are made with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from energy_assets.errors import ForecastError, ShortHistoryError
from energy_assets.forecasting import sharded
from energy_assets.forecasting.evaluation.scores import scores
from energy_assets.forecasting.fitted import Fitted, fit
from energy_assets.forecasting.models.seasonal_naive import SEASONAL_NAIVES
from energy_assets.forecasting.panel.horizons import require_hours
from energy_assets.forecasting.panel.matrix import to_matrix
from energy_assets.forecasting.parameters import Parameters
from energy_assets.forecasting.sharded import Apply, Columns, Scores, Shard

PROMOTED = "promoted"

WORTH = 0.97
"""Columns known ahead are used if they bring the error to so much of the error without them.

On a few held-out days, smaller gains are chance.
"""


@dataclass(frozen=True)
class TrainedModel:
    """The outcome of training: a forecaster, its scores on held-out days, and the verdict."""

    forecaster: Fitted | None
    """None if the history is too short for any model."""
    scores: Scores
    verdict: str
    """`promoted`, or the reason why the model is not used."""
    lineage: Mapping[str, str] = field(default_factory=dict)
    """Where the model comes from, for the tags in the registry; not part of the model's files."""

    @property
    def promoted(self) -> bool:
        """Whether the model passed the gate."""
        return self.verdict == PROMOTED


def train(
    panel: pd.DataFrame,
    parameters: Mapping[str, Any],
    country: str | None,
    timezone: str,
    n_jobs: int | None = None,
    columns: Columns | None = None,
) -> TrainedModel:
    """Fit a forecaster to a training window, and gate it on its held-out days.

    With `columns` known ahead, such as the weather, a second forecaster is fitted to them too. If
    it is clearly better on the held-out days, it is the one to use, and the first one stands by in
    its `plain`, for hours in which these columns are not known.

    `panel` has one column and the index (series levels ..., UTC hour). `country` (ISO 3166 code, or
    None) and `timezone` (IANA name) are those of the data set; `n_jobs` is as in
    `GlobalForecaster`. A window that is too short gives a TrainedModel without a forecaster, not an
    error: forecasts then fall back to earlier models.

    Raises ForecastError if the parameters cannot be used.
    """
    chosen = _chosen(parameters, country, timezone, n_jobs)
    try:
        require_hours(to_matrix(panel), chosen.horizon, chosen.calibration_days)
        forecaster = fit(panel, None, chosen)
    except ShortHistoryError as error:
        return TrainedModel(None, {}, f"not trained: {error}")
    found = _scores(forecaster, panel)
    X, X_ahead = columns(panel.index.droplevel(-1).unique()) if columns else (None, None)
    if X is not None and len(X):
        informed = fit(panel, X, chosen, X_ahead)
        with_columns = _scores(informed, panel)
        if informed.response is not None and _worth(with_columns, found):
            forecaster, found = replace(informed, plain=forecaster), with_columns
    return _judged(forecaster, found)


def _worth(with_columns: Scores, without: Scores) -> bool:
    """Whether columns known ahead are used. Without held-out days there are no scores: they are."""
    return with_columns.get("mase", 0) <= WORTH * without.get("mase", 0)


def _scores(forecaster: Fitted, panel: pd.DataFrame) -> Scores:
    holdout = forecaster.holdout
    return {} if holdout is None else scores(holdout, panel)


def train_by_shard(
    shards: Sequence[Shard],
    parameters: Mapping[str, Any],
    country: str | None,
    timezone: str,
    apply: Apply = map,
    columns: Columns | None = None,
) -> TrainedModel:
    """The same, for a panel of which each of the `shards` reads a part.

    `apply` works like the built-in `map`. Whether `columns` are used is decided by the held-out
    days of a sample; only then a second forecaster is fitted to all shards. The held-out days are
    scored, but not kept.
    """
    chosen = _chosen(parameters, country, timezone, None)
    try:
        return _judged(*sharded.fit(shards, chosen, apply, columns, _worth))
    except ShortHistoryError as error:
        return TrainedModel(None, {}, f"not trained: {error}")


def _chosen(
    parameters: Mapping[str, Any], country: str | None, timezone: str, n_jobs: int | None
) -> Parameters:
    """The parameters of the forecaster; raises ForecastError if they are not its parameters."""
    try:
        place = {"country": country, "timezone": timezone}
        return Parameters(**{**place, "n_jobs": n_jobs, **parameters})
    except TypeError as error:
        raise ForecastError(
            f"The configuration {dict(parameters)} does not fit this version of the forecaster "
            f"({error}): run the hyperparameter search again for a new one."
        ) from error


def _judged(forecaster: Fitted, held_out_scores: Scores) -> TrainedModel:
    if not held_out_scores:
        return TrainedModel(forecaster, {}, "not scored: calibration_days=0 holds out no days")
    return TrainedModel(forecaster, held_out_scores, gate(held_out_scores))


def gate(held_out_scores: Scores) -> str:
    """The verdict on a model: it must beat both seasonal naives on the held-out days, by MASE.

    MASE is defined for series near zero, where MAPE would let a single small series decide.
    """
    mase = held_out_scores["mase"]
    if not np.isfinite(mase):
        return "its forecasts of the held-out days are not finite"
    for naive in SEASONAL_NAIVES:
        naive_mase = held_out_scores[f"mase_{naive.name}"]
        if not mase < naive_mase:
            return (
                f"not better than {naive.name}: MASE {mase:.3f} against {naive_mase:.3f} on the "
                "held-out days"
            )
    return PROMOTED
