"""Sweeps: W&B proposes, the search decides, and goes on alone where W&B does not answer."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting.tuning import search as tuning
from energy_assets.forecasting.tuning.result import Scheme
from energy_assets.forecasting.tuning.search_space import read_search_space
from energy_assets.partitions import HOUR
from energy_assets.tracking import (
    open_tracking,
    sweep,
)
from energy_assets_tests.tracking.conftest import (
    ORIGIN,
    OWNER,
    PARTITION,
    SPACE,
    a_world,
    nobody,
    online,
)
from energy_assets_tests.tracking.wandb_server import ENTITY, PROJECT, WandbServer


@pytest.fixture
def panel() -> pd.DataFrame:
    """A month of zeros: what is forecast of it does not matter."""
    hours = pd.date_range("2023-02-12", periods=30 * 24, freq="h", name="datetime_utc")
    return pd.DataFrame({"energy_consumption": 1.0}, index=hours)


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The scores of the trials to come, each that of all folds of its trial."""
    scores: list[float] = []
    current: dict[int, float] = {}

    def score(panel: Any, prepare: Any, scheme: Scheme, metric: str, cutoff: Any) -> float:
        fold = scheme.cutoffs.index(cutoff)
        if fold == 0:
            current[0] = scores.pop(0)
        return current[0]

    monkeypatch.setattr(tuning, "_score", score)
    monkeypatch.setattr(tuning, "_naive_scores", lambda *_: {"seasonal_naive_24": 0.9})
    monkeypatch.setattr(tuning.os, "cpu_count", lambda: 1)
    return scores


def proposed(*trees: int) -> list[dict[str, Any]]:
    # As W&B steps through a range.
    return [{"n_estimators": number, "colsample_bytree": 0.7000000000000001} for number in trees]


def test_a_sweep_tries_what_wandb_proposes_and_its_best_run_wins(
    server: WandbServer, tmp_path: Path, panel: pd.DataFrame, scored: list[float]
) -> None:
    server.proposals, scored[:] = proposed(20, 2, 2), [0.5, 0.375, 0.25, 0.75]
    search = open_tracking(online(tmp_path, server.url)).search(PARTITION)
    found = tuning.tune(panel, SPACE, trials=4, engine=search.engine)

    default = f"{OWNER}-best_config-2023-03-13-21-00-default"
    assert server.sweep["priors"] == [default]
    assert server.sweep["config"]["method"] == "bayes"
    assert server.sweep["config"]["metric"] == {"name": "mape", "goal": "minimize"}
    assert server.sweep["config"]["parameters"] == {
        "n_estimators": {"values": [2, 20], "distribution": "categorical"},
        "colsample_bytree": {"min": 0.3, "max": 1, "q": 0.1, "distribution": "q_uniform"},
    }
    tried = [trial.parameters for trial in found.trials[1:]]
    assert tried == [{**parameters, "colsample_bytree": 0.7} for parameters in proposed(20, 2, 2)]
    runs = [run for run in server.runs.values() if run.sweep]
    assert [run.summary["mape"] for run in runs] == [0.375, 0.25, 0.75]
    assert [run.summary["state"] for run in runs] == ["complete", "complete", "pruned"]
    assert {(run.group, run.job_type) for run in server.runs.values()} == {
        (PARTITION, "hyperparameter_tuning")
    }
    assert server.runs[default].summary["mape"] == 0.5
    assert found.best == found.trials[2]
    assert search.found == {
        "engine": "Weights & Biases sweep",
        "sweep": f"{server.url}/{ENTITY}/{PROJECT}/sweeps/sw33p",
        "best run": runs[1].name,
    }


@pytest.mark.parametrize(
    ("scores", "named", "winner"),
    [
        ([0.5, 0.3, 0.301], 2, 3),  # the run that W&B names, whatever else was measured
        ([0.2, 0.201, 0.4], 1, 1),  # unless the default is better
        ([0.5, 0.3, 0.4], None, 2),  # or it is no run of the search
    ],
)
def test_the_winner_is_the_run_that_wandb_names_by_its_id(
    server: WandbServer,
    tmp_path: Path,
    panel: pd.DataFrame,
    scored: list[float],
    scores: list[float],
    named: int | None,
    winner: int,
) -> None:
    server.proposals, scored[:] = proposed(20, 2), scores
    server.best = lambda: "somebody-elses" if named is None else list(server.runs)[named]
    search = open_tracking(online(tmp_path, server.url)).search(PARTITION)
    found = tuning.tune(panel, SPACE, trials=3, engine=search.engine)
    assert found.best.number == winner


def test_a_sweep_that_somebody_stops_ends_the_search(
    server: WandbServer,
    tmp_path: Path,
    panel: pd.DataFrame,
    scored: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import wandb

    # Told to exit, the real one sleeps for ten seconds and returns.
    monkeypatch.setattr(wandb, "agent", create_autospec(wandb.agent))
    scored[:] = [0.5]
    server.best = lambda: next(iter(server.runs))
    search = open_tracking(online(tmp_path, server.url)).search(PARTITION)
    found = tuning.tune(panel, SPACE, trials=9, engine=search.engine)
    assert found.best == found.trials[0]
    assert len(found.trials) == 1


def test_a_trial_that_cannot_be_scored_ends_the_search_and_marks_its_run(
    server: WandbServer,
    tmp_path: Path,
    panel: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    scored: list[float],
) -> None:
    server.proposals, scored[:] = proposed(20), [0.5]
    good = tuning._score

    def score(*arguments: Any) -> float:
        if not scored and len(server.runs) > 1:
            raise ForecastError("LightGBM refuses the value")
        return good(*arguments)

    monkeypatch.setattr(tuning, "_score", score)
    search = open_tracking(online(tmp_path, server.url)).search(PARTITION)
    with pytest.raises(ForecastError, match="LightGBM refuses"):
        tuning.tune(panel, SPACE, trials=3, engine=search.engine)
    (run,) = [run for run in server.runs.values() if run.sweep]
    assert run.exit_code == 1


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("unreachable", "unreachable at {}"),
        ("no answer to the agent", "failed, TimeoutError: no configuration within 1 s"),
    ],
)
def test_without_wandb_the_embedded_engine_searches(
    server: WandbServer,
    tmp_path: Path,
    panel: pd.DataFrame,
    scored: list[float],
    impatient: None,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    told: str,
) -> None:
    scored[:] = [0.5, 0.375, 0.25]
    server.silent_sweep = True
    url = nobody() if fault == "unreachable" else server.url
    search = open_tracking(online(tmp_path, url)).search(PARTITION)
    found = tuning.tune(panel, SPACE, trials=3, engine=search.engine)
    assert [trial.score for trial in found.trials] == [0.5, 0.375, 0.25]
    assert found.best == found.trials[2]
    assert search.found["engine"] == "optuna, in the place of a sweep"
    assert told.format(url) in search.found["sweep failed"]
    assert f"{PARTITION}: no sweep of Weights & Biases" in caplog.text


def test_the_search_space_that_comes_with_the_package_is_one_that_wandb_takes() -> None:
    """Its server wants to be told the distribution where the ends of a range differ in type."""
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

    shown = world.metadata("best_config", ORIGIN)
    assert shown["engine"] == "Weights & Biases sweep"
    assert shown["best run"] in server.runs
    assert shown["Weights & Biases run"].endswith(f"/{OWNER}-best_config-2023-03-13-21-00")
    used = {
        name: server.artifact(f"{OWNER}-{name}:2023-03-13-21-00").used_by
        for name in ("feature_view", "split", "best_config", "model")
    }
    run = f"{OWNER}-{{}}-2023-03-13-21-00".format
    assert used == {
        "feature_view": [run("split"), run("model")],
        "split": [run("best_config")],
        "best_config": [run("model")],
        "model": [],
    }
    (model,) = world.stores.model_registry.promoted(ORIGIN)
    assert model.tags["wandb_run"] == f"{server.url}/{ENTITY}/{PROJECT}/runs/{run('model')}"
    assert "Weights & Biases" not in world.metadata("model", ORIGIN)
