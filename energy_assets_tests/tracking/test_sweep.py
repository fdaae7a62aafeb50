"""Sweeps: W&B proposes configurations within our limits, and Optuna goes on when W&B fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting.tuning.objective import Objective
from energy_assets.forecasting.tuning.search_space import (
    Configuration,
    SearchSpace,
    read_search_space,
)
from energy_assets.partitions import HOUR
from energy_assets.tracking import sweep
from energy_assets_tests.tracking.samples import (
    IMPATIENT,
    ORIGIN,
    PARTITION,
    SOURCE_ID,
    WRONG_KEY,
    a_world,
    online,
    unused_url,
)
from energy_assets_tests.tracking.wandb_operations import ENTITY, PROJECT, Run
from energy_assets_tests.tracking.wandb_server import KEY, WandbServer

SPACE = SearchSpace.model_validate(
    {
        "method": "bayes",
        "parameters": {
            "n_estimators": {"values": [2, 20]},
            "colsample_bytree": {"min": 0.3, "max": 1, "q": 0.1, "distribution": "q_uniform"},
        },
    }
)
CUTOFFS = [pd.Timestamp("2023-03-09 21:00"), pd.Timestamp("2023-03-11 21:00")]


def an_objective(*scores: float, when_scoring: Callable[[int], None] | None = None) -> Objective:
    """An objective with a trial for each of `scores`, the default configuration tried already.

    `when_scoring` is called with the number of the trial for each of its folds.
    """

    def score_fold(configuration: Configuration, cutoff: pd.Timestamp) -> float:
        number = len(objective.trials) + 1
        if when_scoring is not None:
            when_scoring(number)
        return scores[number - 1]

    objective = Objective(SPACE, len(scores), CUTOFFS, score_fold)
    objective(SPACE.default_configuration())
    return objective


def proposals(*trees: int) -> list[dict[str, Any]]:
    # As W&B steps through a range.
    return [{"n_estimators": number, "colsample_bytree": 0.7000000000000001} for number in trees]


def runs_of_the_sweep(server: WandbServer) -> list[Run]:
    return [run for run in server.runs.values() if run.sweep]


def test_a_sweep_tries_what_wandb_proposes_and_logs_every_trial(
    server: WandbServer, tmp_path: Path
) -> None:
    server.proposals = proposals(20, 2, 2)
    objective = an_objective(0.5, 0.375, 0.25, 0.75)
    search = online(tmp_path, server.url).search(PARTITION)
    search(objective)

    default = f"{SOURCE_ID}-best_config-2023-03-13-21-00-default"
    assert server.sweep["priors"] == [default]
    assert server.sweep["config"]["method"] == "bayes"
    assert server.sweep["config"]["metric"] == {"name": "mape", "goal": "minimize"}
    assert server.sweep["config"]["parameters"] == {
        "n_estimators": {"values": [2, 20], "distribution": "categorical"},
        "colsample_bytree": {"min": 0.3, "max": 1, "q": 0.1, "distribution": "q_uniform"},
    }
    configurations = [trial.parameters for trial in objective.trials[1:]]
    assert configurations == [
        {**parameters, "colsample_bytree": 0.7} for parameters in proposals(20, 2, 2)
    ]
    runs = runs_of_the_sweep(server)
    assert [run.summary["mape"] for run in runs] == [0.375, 0.25, 0.75]
    assert [run.summary["state"] for run in runs] == ["complete", "complete", "pruned"]
    assert {(run.group, run.job_type) for run in server.runs.values()} == {
        (PARTITION, "hyperparameter_tuning")
    }
    assert server.runs[default].summary["mape"] == 0.5
    assert search.notes == {
        "engine": "Weights & Biases sweep",
        "sweep": f"{server.url}/{ENTITY}/{PROJECT}/sweeps/sw33p",
        "best run": runs[1].name,
    }


def test_without_a_better_trial_the_default_configuration_is_the_best_run(
    server: WandbServer, tmp_path: Path
) -> None:
    server.proposals = proposals(20)
    search = online(tmp_path, server.url).search(PARTITION)
    search(an_objective(0.2, 0.201))
    assert search.notes["best run"] == f"{SOURCE_ID}-best_config-2023-03-13-21-00-default"


def test_a_stopped_trial_is_logged_without_a_score(server: WandbServer, tmp_path: Path) -> None:
    server.proposals = proposals(20, 2)
    objective = an_objective(0.5, 0.4, 0.3)
    seconds = [0.0, 0.0]  # until the second trial begins
    objective.clock, objective.deadline = lambda: seconds.pop() if seconds else 9.0, 9.0
    online(tmp_path, server.url).search(PARTITION)(objective)
    assert [trial.state for trial in objective.trials] == ["complete", "stopped"]
    (run,) = runs_of_the_sweep(server)
    assert run.summary["state"] == "stopped"
    assert "mape" not in run.summary


def test_a_sweep_that_somebody_stops_ends_the_search(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wandb

    # On an exit command, the real agent sleeps for ten seconds and returns.
    monkeypatch.setattr(wandb, "agent", create_autospec(wandb.agent))
    objective = an_objective(0.5, 0.4, 0.3)
    search = online(tmp_path, server.url).search(PARTITION)
    search(objective)
    assert [trial.score for trial in objective.trials] == [0.5]
    assert "sweep failed" not in search.notes


def test_optuna_goes_on_after_somebody_stops_a_run(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent raises an exception in the run's thread."""
    from wandb.agents import pyagent

    monkeypatch.setattr(pyagent.Agent, "HEARTBEAT_SLEEP_SECONDS", 0.05)

    def wait(number: int) -> None:
        if number == 2:
            for _ in range(100):
                time.sleep(0.01)

    server.proposals, server.stops_runs = proposals(20), True
    objective = an_objective(0.5, 0.4, 0.3, when_scoring=wait)
    search = online(tmp_path, server.url).search(PARTITION)
    search(objective)
    assert [trial.score for trial in objective.trials] == [0.5, 0.4, 0.3]
    assert "its run was stopped" in search.notes["sweep failed"]


def test_a_configuration_that_cannot_be_scored_ends_the_search_and_marks_its_run(
    server: WandbServer, tmp_path: Path
) -> None:
    def refuse(number: int) -> None:
        if number == 2:
            raise ForecastError("LightGBM refuses the value")

    server.proposals = proposals(20)
    objective = an_objective(0.5, 0.4, 0.3, when_scoring=refuse)
    with pytest.raises(ForecastError, match="LightGBM refuses"):
        online(tmp_path, server.url).search(PARTITION)(objective)
    (run,) = runs_of_the_sweep(server)
    assert run.exit_code == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("unreachable", "unreachable at {}"),
        ("wrong key", "refuses WANDB_API_KEY"),
        ("no command for the agent", "failed, TimeoutError: no configuration within 1 s"),
    ],
)
def test_without_wandb_optuna_searches(
    server: WandbServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    reason: str,
) -> None:
    server.silent_sweep = True
    url = unused_url() if fault == "unreachable" else server.url
    key = WRONG_KEY if fault == "wrong key" else KEY
    search = online(tmp_path, url, key, IMPATIENT).search(PARTITION)
    objective = an_objective(0.5, 0.375, 0.25)
    search(objective)
    assert [trial.score for trial in objective.trials] == [0.5, 0.375, 0.25]
    assert search.notes["engine"] == "optuna, because the sweep failed"
    assert reason.format(url) in search.notes["sweep failed"]
    assert f"{PARTITION}: no sweep of Weights & Biases" in caplog.text


def test_if_wandb_goes_down_halfway_optuna_runs_the_remaining_trials(
    server: WandbServer, tmp_path: Path
) -> None:
    def go_down(number: int) -> None:
        server.down = server.down or number == 3

    server.proposals = proposals(20, 2, 20)
    objective = an_objective(0.5, 0.4, 0.3, 0.2, 0.25, when_scoring=go_down)
    search = online(tmp_path, server.url, timeouts=IMPATIENT).search(PARTITION)
    search(objective)
    assert [trial.score for trial in objective.trials] == [0.5, 0.4, 0.3, 0.2, 0.25]
    assert len(runs_of_the_sweep(server)) == 2
    assert f"unreachable at {server.url}" in search.notes["sweep failed"]
    assert "best run" not in search.notes  # the best trial was Optuna's


def test_wandb_accepts_the_packaged_search_space() -> None:
    """Its server wants a distribution where the ends of a range differ in type."""
    config = sweep._config(read_search_space(), PARTITION, 5)
    assert config["run_cap"] == 5
    for parameter in config["parameters"].values():
        assert parameter["distribution"] in {
            *("constant", "categorical", "int_uniform", "uniform", "q_uniform"),
            "log_uniform_values",
        }
        assert None not in parameter.values()


def test_tuning_online_is_a_sweep_and_its_lineage_reaches_the_model(
    server: WandbServer, tmp_path: Path
) -> None:
    server.proposals = [
        {
            "learning_rate": 0.1,
            "num_leaves": 15,
            "min_child_samples": 20,
            "colsample_bytree": 0.5,
            "n_estimators": 25,
            "linear_weight": 0.5,
        }
    ]
    world = a_world(tmp_path, online(tmp_path, server.url))
    world.put_history(ORIGIN - timedelta(days=12), ORIGIN + HOUR)
    world.run("tuning_job", ORIGIN)
    world.run("hourly_job", ORIGIN, assets=["model"])

    metadata = world.metadata("best_config", ORIGIN)
    assert metadata["engine"] == "Weights & Biases sweep"
    assert metadata["best run"] in server.runs
    assert metadata["Weights & Biases run"].endswith(f"/{SOURCE_ID}-best_config-2023-03-13-21-00")
    used = {
        name: server.artifact(f"{SOURCE_ID}-{name}:2023-03-13-21-00").used_by
        for name in ("feature_view", "split", "best_config", "model")
    }
    run = f"{SOURCE_ID}-{{}}-2023-03-13-21-00".format
    assert used == {
        "feature_view": [run("split"), run("model")],
        "split": [run("best_config")],
        "best_config": [run("model")],
        "model": [],
    }
    (model,) = world.stores.model_registry.promoted(ORIGIN)
    assert model.tags["wandb_run"] == f"{server.url}/{ENTITY}/{PROJECT}/runs/{run('model')}"
    assert "Weights & Biases" not in world.metadata("model", ORIGIN)
