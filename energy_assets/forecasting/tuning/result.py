"""The result of a search: scheme, trials and winning configuration, as tables and JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

import pandas as pd
from pydantic import BaseModel, Field, NaiveDatetime, TypeAdapter

from energy_assets.errors import ForecastError, ShortHistoryError
from energy_assets.forecasting.tuning.search_space import Configuration, SearchSpace

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)

FoldScore = float | None
"""None for a fold in which nothing was observed. Such a fold does not count."""


class Scheme(BaseModel):
    """How a configuration is scored: the folds of an expanding window.

    In each fold the forecaster is fitted to the hours up to and including the cutoff. It then
    forecasts `horizon` hours from origins `origin_hours` apart, all of whose targets lie within
    `fold_days` days after the cutoff. The last fold ends where the panel ends. `cutoffs` are UTC.
    """

    folds: int = 3
    fold_days: int = 2
    origin_hours: int = 6
    horizon: int = 24
    cutoffs: list[NaiveDatetime] = []

    def on(self, hours: pd.DatetimeIndex) -> Scheme:
        """The same scheme with its cutoffs over a panel's `hours`.

        A short panel has fewer folds: as many as leave two weeks for the first one to train on, or
        a single one that leaves one week. Raises ShortHistoryError if the panel is shorter still.
        """
        fold = self.fold_days * DAY
        if self.folds < 1 or self.horizon * HOUR > fold or self.origin_hours < 1:
            raise ForecastError(
                f"folds={self.folds}, fold_days={self.fold_days}, origin_hours={self.origin_hours}"
                f" cannot hold horizon={self.horizon} hours: each must be positive, and a fold "
                "at least as long as the horizon."
            )
        first, last = hours.min(), hours.max()
        length = last - first + HOUR
        if length < WEEK + fold:
            raise ShortHistoryError(
                f"the history has {length // HOUR} hours, from {first} to {last}, and "
                f"{(WEEK + fold) // HOUR} are needed: a week to train on and a fold to score"
            )
        folds = min(self.folds, max(1, (length - 2 * WEEK) // fold))
        cutoffs = [last - fold * number for number in range(folds, 0, -1)]
        return self.model_copy(update={"folds": folds, "cutoffs": cutoffs})

    def origins(self, cutoff: pd.Timestamp) -> pd.DatetimeIndex:
        """The origins of the fold with a `cutoff`."""
        last = cutoff + self.fold_days * DAY - self.horizon * HOUR
        return pd.date_range(cutoff, last, freq=f"{self.origin_hours}h")


State = Literal["complete", "pruned", "stopped"]
"""Scored on all folds; abandoned because it fell too far behind; cut short by the deadline."""


class Trial(BaseModel):
    """One configuration with its score, the mean over the folds.

    A trial that is not complete has the scores of its first folds only. Its `score` is an
    estimate: the best trial's score, plus how much worse this one was on the same folds.
    """

    number: int
    parameters: Configuration
    score: float
    fold_scores: list[FoldScore]
    seconds: float
    state: State = "complete"
    """Older files, from before pruning, lack it."""

    @property
    def outcome(self) -> str:
        """The score for people to read; it says if it is an estimate, and why."""
        if self.state == "complete":
            return f"{self.score:.4f}"
        return f"about {self.score:.4f}, {self.state} after fold {len(self.fold_scores)}"


class TuningResult(BaseModel):
    """The outcome of a search."""

    metric: str
    method: str
    seed: int
    best_parameters: Configuration
    best_score: float
    fold_scores: list[FoldScore]
    default_score: float
    baseline_scores: dict[str, float]
    scheme: Scheme
    planned: int = 0
    """The number of trials if time does not run out; 0 in older files, which lack it."""
    trials: list[Trial]
    hour: str = Field(default="", exclude=True)
    """The key of the hour it was stored for, set when it is read. Not in the file."""

    @property
    def best(self) -> Trial:
        """The winning trial."""
        complete = (trial for trial in self.trials if trial.state == "complete")
        return next(trial for trial in complete if trial.parameters == self.best_parameters)

    def trials_table(self) -> pd.DataFrame:
        """One row per trial, in order: parameters, score, score of each fold, seconds, state."""
        folds = [f"fold_{number}" for number in range(1, self.scheme.folds + 1)]
        rows = []
        for trial in self.trials:
            scores = [math.nan if score is None else score for score in trial.fold_scores]
            row = {"number": trial.number, **trial.parameters, "score": trial.score}
            row |= dict.fromkeys(folds, math.nan) | dict(zip(folds, scores, strict=False))
            rows.append(row | {"seconds": trial.seconds, "state": trial.state})
        return pd.DataFrame(rows).set_index("number")

    def scores_table(self) -> pd.DataFrame:
        """The best score beside the default's and the seasonal naives' on the same folds."""
        scores = {"best": self.best_score, "default": self.default_score} | self.baseline_scores
        return pd.DataFrame({"method": list(scores), self.metric: list(scores.values())})


class NotTuned(BaseModel):
    """The default configuration, used when the history is too short for a search."""

    best_parameters: Configuration
    unsearched: str
    """Why there was no search."""
    hour: str = Field(default="", exclude=True)
    """As in `TuningResult`."""

    @classmethod
    def because(cls, reason: str, space: SearchSpace) -> NotTuned:
        """The default configuration of `space`."""
        return cls(best_parameters=space.default_configuration(), unsearched=reason)


BestConfig = TuningResult | NotTuned
"""The configuration that models are trained with, and where it comes from."""


def best_of(trials: Sequence[Trial]) -> Trial:
    """The complete trial with the lowest score."""
    complete = (trial for trial in trials if trial.state == "complete")
    return min(complete, key=lambda trial: trial.score)


def mean_of_folds(scores: Sequence[FoldScore]) -> float:
    """The mean of the folds in which something was observed; ForecastError if there is none."""
    observed = [score for score in scores if score is not None]
    if not observed:
        raise ForecastError(
            "Nothing was observed in any of the folds, so nothing can be scored: tune on a panel "
            "whose last days hold observations."
        )
    return sum(observed) / len(observed)


def read_result(document: bytes) -> BestConfig:
    """Read the JSON of a result; raises ValueError for anything else."""
    adapter: TypeAdapter[BestConfig] = TypeAdapter(BestConfig)
    return adapter.validate_json(document)
