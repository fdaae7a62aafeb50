"""Optuna's search: the whole grid once, seeded samplers within the space, learning from scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from energy_assets.forecasting.tuning.objective import Objective
from energy_assets.forecasting.tuning.optuna_search import search_with_optuna
from energy_assets.forecasting.tuning.search_space import Configuration, SearchSpace


def space(method: str = "random", **parameters: Any) -> SearchSpace:
    return SearchSpace.model_validate({"method": method, "parameters": parameters})


def tried(
    searched: SearchSpace,
    trials: int,
    score: Callable[[Configuration], float] = lambda configuration: 0.0,
    seed: int = 0,
    first: list[Configuration] | None = None,
) -> list[Configuration]:
    """The configurations of a search after `first`, by default after the default one."""
    objective = Objective(
        searched,
        searched.count(trials),
        [pd.Timestamp("2023-03-01")],
        lambda configuration, cutoff: score(configuration),
        seed=seed,
    )
    for configuration in first or [searched.default_configuration()]:
        objective(configuration)
    search_with_optuna(objective)
    return [trial.parameters for trial in objective.trials]


def test_a_grid_is_tried_once_and_the_default_is_not_repeated() -> None:
    grid = space("grid", num_leaves={"values": [15, 31]}, min_child_samples={"min": 19, "max": 21})
    configurations = tried(grid, 100)
    assert configurations[0] == {"num_leaves": 31, "min_child_samples": 20}
    assert len(configurations) == 6 == grid.count(100)
    assert len({tuple(configuration.values()) for configuration in configurations}) == 6
    assert len(tried(grid, 4)) == 4 == grid.count(4)


def test_a_grid_goes_on_where_another_search_has_stopped() -> None:
    grid = space("grid", num_leaves={"values": [15, 31, 63]})
    default, last = {"num_leaves": 31}, {"num_leaves": 63}
    assert tried(grid, 100, first=[default, last]) == [default, last, {"num_leaves": 15}]


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_the_same_seed_gives_the_same_configurations_within_the_space(method: str) -> None:
    searched = space(
        method,
        learning_rate={"distribution": "log_uniform_values", "min": 0.01, "max": 0.2},
        num_leaves={"min": 7, "max": 63},
        colsample_bytree={"distribution": "q_uniform", "min": 0.3, "max": 1.05, "q": 0.1},
        n_estimators={"distribution": "q_uniform", "min": 50, "max": 210, "q": 50},
        reg_lambda={"min": 0.0, "max": 1.0},
        min_child_samples={"values": [5, 20]},
        horizon={"value": 24},
    )
    configurations = tried(searched, 15)
    assert configurations == tried(searched, 15)
    assert configurations != tried(searched, 15, seed=1)
    for configuration in configurations[1:]:
        assert list(configuration) == list(searched.parameters)
        assert searched.contains(configuration)
        assert configuration["colsample_bytree"] in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
        assert configuration["n_estimators"] in (50, 100, 150, 200)
        assert isinstance(configuration["num_leaves"], int)


def _distance(configuration: Configuration) -> float:
    value = configuration["reg_lambda"]
    assert isinstance(value, float)
    return abs(value - 7)


def test_a_bayesian_search_moves_to_where_scores_are_low() -> None:
    searched = space("bayes", reg_lambda={"min": 0.0, "max": 10.0})
    configurations = tried(searched, 40, score=lambda c: _distance(c) ** 2)
    assert sum(map(_distance, configurations[-15:])) / 15 < 1.5


def test_a_bayesian_search_learns_from_the_trials_of_another_one() -> None:
    searched = space("bayes", reg_lambda={"min": 0.0, "max": 10.0})
    first: list[Configuration] = [{"reg_lambda": value / 3} for value in range(31)]
    configurations = tried(searched, 41, score=lambda c: _distance(c) ** 2, first=first)
    assert sum(map(_distance, configurations[-10:])) / 10 < 1.5
