"""What a search found: scheme, trials and the configuration that won, as tables and JSON."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal

import pandas as pd
from pydantic import BaseModel, NaiveDatetime, TypeAdapter

from energy_assets.errors import ForecastError, ShortHistoryError
from energy_assets.forecasting.panel.matrix import DAY, HOUR, WEEK
from energy_assets.forecasting.tuning.proposals import Configuration, default_configuration
from energy_assets.forecasting.tuning.search_space import SearchSpace

FoldScore = float | None
"""None for a fold in which nothing was observed: it does not count."""


class Scheme(BaseModel):
    """How a configuration is scored: the folds of an expanding window.

    Each fold is fitted to the hours up to and with its cutoff, and forecasts `horizon` hours from
    origins `origin_hours` apart whose targets lie within `fold_days` days after the cutoff. The
    last fold ends where the panel ends; `cutoffs` are UTC.
    """

    folds: int = 3
    fold_days: int = 2
    origin_hours: int = 6
    horizon: int = DAY
    cutoffs: list[NaiveDatetime] = []

    def on(self, hours: pd.DatetimeIndex) -> Scheme:
        """The same scheme with its cutoffs over a panel's `hours`.

        A short panel has fewer folds: as many as leave a fortnight for the first to train on, or
        a single one that leaves a week. Raises ShortHistoryError if not even that is left.
        """
        if self.folds < 1 or self.horizon > DAY * self.fold_days or self.origin_hours < 1:
            raise ForecastError(
                f"folds={self.folds}, fold_days={self.fold_days}, origin_hours={self.origin_hours}"
                f" cannot hold horizon={self.horizon} hours: each must be positive, and a fold "
                "at least as long as the horizon."
            )
        first, last = hours.min(), hours.max()
        known, each = (last - first) // HOUR + 1, DAY * self.fold_days
        if known < WEEK + each:
            raise ShortHistoryError(
                f"the history has {known} hours, from {first} to {last}, and {WEEK + each} are "
                "needed: a week to train on and a fold to score"
            )
        folds = min(self.folds, max(1, (known - 2 * WEEK) // each))
        cutoffs = [last - pd.Timedelta(hours=each * left) for left in range(folds, 0, -1)]
        return self.model_copy(update={"folds": folds, "cutoffs": cutoffs})

    def origins(self, cutoff: pd.Timestamp) -> pd.DatetimeIndex:
        """The origins of the fold that is fitted up to `cutoff`."""
        last = cutoff + pd.Timedelta(hours=DAY * self.fold_days - self.horizon)
        return pd.date_range(cutoff, last, freq=f"{self.origin_hours}h")


State = Literal["complete", "pruned", "stopped"]
"""Scored on all folds; given up because it fell behind; cut short by the end of the time."""


class Trial(BaseModel):
    """One configuration with its score: the mean of those of the folds.

    A trial that is not complete has the scores of its first folds. Its `score` is an estimate:
    that of the best trial before it, plus by how much it was worse than that one in its folds.
    """

    number: int
    parameters: Configuration
    score: float
    fold_scores: list[FoldScore]
    seconds: float
    state: State

    @property
    def outcome(self) -> str:
        """The score as a person reads it, with what it is worth."""
        if self.state == "complete":
            return f"{self.score:.4f}"
        return f"about {self.score:.4f}, {self.state} after fold {len(self.fold_scores)}"


class TuningResult(BaseModel):
    """What a search found. `model_dump_json` and `model_validate_json` write and read it."""

    metric: str
    method: str
    seed: int
    best_parameters: Configuration
    best_score: float
    fold_scores: list[FoldScore]
    default_score: float
    baseline_scores: dict[str, float]
    scheme: Scheme
    planned: int
    """How many trials there would have been without an end of the time."""
    trials: list[Trial]

    @property
    def best(self) -> Trial:
        """The trial that won."""
        complete = (trial for trial in self.trials if trial.state == "complete")
        return next(trial for trial in complete if trial.parameters == self.best_parameters)

    def trials_table(self) -> pd.DataFrame:
        """One row a trial, in order: parameters, score, score of each fold, seconds, state."""
        rows = [
            {"number": trial.number}
            | trial.parameters
            | {"score": trial.score}
            | dict(
                itertools.zip_longest(
                    (f"fold_{k + 1}" for k in range(self.scheme.folds)),
                    (math.nan if score is None else score for score in trial.fold_scores),
                    fillvalue=math.nan,
                )
            )
            | {"seconds": trial.seconds, "state": trial.state}
            for trial in self.trials
        ]
        return pd.DataFrame(rows).set_index("number")

    def scores_table(self) -> pd.DataFrame:
        """The best configuration's score beside those of its rivals on the same folds."""
        scores = {"best": self.best_score, "default": self.default_score} | self.baseline_scores
        return pd.DataFrame({"method": list(scores), self.metric: list(scores.values())})


class Unsearched(BaseModel):
    """The configuration where the history is too short for a search: the default one."""

    best_parameters: Configuration
    unsearched: str
    """Why there was no search."""

    @classmethod
    def because(cls, reason: str, space: SearchSpace) -> Unsearched:
        """The default configuration of `space`."""
        return cls(best_parameters=default_configuration(space), unsearched=reason)


def best_of(trials: Sequence[Trial]) -> Trial:
    """Of the trials that are complete the one with the lowest score."""
    complete = (trial for trial in trials if trial.state == "complete")
    return min(complete, key=lambda trial: trial.score)


def read_result(document: bytes) -> TuningResult | Unsearched:
    """What was kept as JSON; raises ValueError for anything else."""
    outcome: TypeAdapter[TuningResult | Unsearched] = TypeAdapter(TuningResult | Unsearched)
    return outcome.validate_json(document)
