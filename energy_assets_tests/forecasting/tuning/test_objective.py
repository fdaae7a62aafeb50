"""The objective of a search: pruning, the time limit, and what is kept and logged of a trial."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting.tuning.objective import Objective, is_far_behind
from energy_assets.forecasting.tuning.result import FoldScore
from energy_assets.forecasting.tuning.search_space import Configuration, SearchSpace

SPACE = SearchSpace.model_validate(
    {"method": "bayes", "parameters": {"n_estimators": {"min": 1, "max": 30}}}
)
CUTOFFS = list(pd.date_range("2023-03-01", periods=3, freq="2D"))


class Clock:
    """A clock that stands still unless somebody moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def scored_objective(
    *trials: Sequence[FoldScore], deadline: float = float("inf"), workers: int = 1
) -> Objective:
    """An objective whose trials get these scores. A fold takes a second."""
    clock = Clock()

    def score_fold(configuration: Configuration, cutoff: pd.Timestamp) -> FoldScore:
        clock.seconds += 1
        number = configuration["n_estimators"]
        assert isinstance(number, int)
        return trials[number - 1][CUTOFFS.index(cutoff)]

    return Objective(
        *(SPACE, len(trials), CUTOFFS, score_fold),
        deadline=deadline,
        clock=clock,
        workers=workers,
    )


def try_all(objective: Objective) -> list[str]:
    """Try one configuration after another until the search is over; returns the states."""
    while not objective.is_over:
        objective({"n_estimators": len(objective.trials) + 1})
    return [trial.state for trial in objective.trials]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_trial_that_falls_behind_is_pruned_however_many_folds_are_scored_at_a_time(
    workers: int,
) -> None:
    """Even if its own folds score lower than the mean of the best trial."""
    objective = scored_objective(
        *([0.2, 0.5, 0.5], [0.3, 0.0, 0.0], [0.2, 0.5, 0.51]), workers=workers
    )
    assert try_all(objective) == ["complete", "pruned", "complete"]
    assert objective.trials[1].fold_scores == [0.3]


def test_a_pruned_trial_gets_an_estimate_above_the_best_score() -> None:
    objective = scored_objective([0.2, 0.5, 0.5], [0.3, 0.0, 0.0])
    try_all(objective)
    assert objective.trials[1].score == pytest.approx(0.4 + (0.3 - 0.2))
    assert objective.trials[1].outcome == "about 0.5000, pruned after fold 1"


def test_the_first_trial_is_never_pruned_and_later_ones_compete_with_the_best() -> None:
    objective = scored_objective([0.9, 0.9, 0.9], [0.1, 0.1, 0.1], [0.9, 0.9, 0.9])
    assert try_all(objective) == ["complete", "complete", "pruned"]


def test_a_fold_without_observations_does_not_count() -> None:
    objective = scored_objective([None, 0.5, 0.5], [None, 0.45, 0.45], [None, 0.9, 0.1])
    assert try_all(objective) == ["complete", "complete", "pruned"]
    assert objective.trials[1].score == pytest.approx(0.45)
    assert objective.trials[2].fold_scores == [None, 0.9]
    assert objective.trials[2].score == pytest.approx(0.9)


def test_a_configuration_cannot_be_scored_if_nothing_was_observed() -> None:
    with pytest.raises(ForecastError, match="Nothing was observed"):
        try_all(scored_objective([None, None, None]))


@pytest.mark.parametrize(
    ("scores", "best", "expected"),
    [
        ([0.103], [0.1, 0.2, 0.1], False),
        ([0.105], [0.1, 0.2, 0.1], True),
        ([0.105, 0.2], [0.1, 0.2, 0.1], False),
        ([0.1, 0.21], [0.1, 0.2, 0.1], True),
        ([None, 0.21], [None, 0.2, 0.1], True),
        ([None], [None, 0.2, 0.1], False),
        ([0.05], [0.0, 0.0], True),
        ([0.0], [0.0, 0.0], False),
    ],
)
def test_the_margin_shrinks_with_the_folds_to_come(
    scores: list[FoldScore], best: list[FoldScore], expected: bool
) -> None:
    assert is_far_behind(scores, best) == expected


@pytest.mark.parametrize(
    ("deadline", "states"),
    [
        (0, ["complete"]),
        (3, ["complete"]),
        (4, ["complete", "stopped"]),
        (5, ["complete", "stopped"]),
        (6, ["complete", "complete"]),
        (7, ["complete", "complete", "stopped"]),
    ],
)
def test_when_time_runs_out_only_the_first_trial_and_the_current_fold_finish(
    deadline: float, states: list[str]
) -> None:
    """A fold takes a second, the first trial three."""
    objective = scored_objective(*([score] * 3 for score in (0.5, 0.4, 0.1)), deadline=deadline)
    assert try_all(objective) == states
    assert sum(len(trial.fold_scores) for trial in objective.trials) == max(3, deadline)
    assert [trial.seconds for trial in objective.trials] == [
        len(trial.fold_scores) for trial in objective.trials
    ]


def test_every_trial_is_logged_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "energy_assets")
    objective = scored_objective([0.2, 0.2, 0.2], [0.3, 0.3, 0.3])
    try_all(objective)
    assert [record.getMessage() for record in caplog.records] == [
        "trial 1 of 2: 0.2000",
        "trial 2 of 2: about 0.3000, pruned after fold 1",
    ]
    assert [vars(record)["trial"] for record in caplog.records] == objective.trials
    assert [vars(record)["total"] for record in caplog.records] == [2, 2]
