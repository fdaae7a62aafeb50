"""What is recorded of a search, a model, a forecast and its errors."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from energy_assets.forecasting.tuning.result import NotTuned, Scheme, Trial, TuningResult, best_of
from energy_assets.forecasts.gate import TrainedModel
from energy_assets.partitions import HOUR, key_of, window_of
from energy_assets.stores.feature_store import TrainingDataset
from energy_assets.tracking import records
from energy_assets.tracking.tracking import JOB_TYPES, NoTracking
from energy_assets_tests.tracking.samples import (
    ORIGIN,
    PARTITION,
    SERIES,
    SOURCE_ID,
    a_loaded_world,
    a_world,
    offline,
    png,
    run_of,
    written,
)
from energy_assets_tests.tracking.wandb_file import WrittenRun
from energy_assets_tests.world import World


def a_search(*trials: Trial) -> TuningResult:
    trials = trials or (
        trial(1, [0.06, 0.06]),
        trial(2, [0.05, 0.05]),
        trial(3, [0.08], state="pruned"),
    )
    return TuningResult(
        metric="mape",
        method="bayes",
        seed=0,
        best_parameters=best_of(trials).parameters,
        best_score=best_of(trials).score,
        fold_scores=best_of(trials).fold_scores,
        default_score=trials[0].score,
        baseline_scores={"seasonal_naive_24": 0.09, "seasonal_naive_168": 0.08},
        scheme=Scheme(folds=2, cutoffs=[ORIGIN - timedelta(days=4), ORIGIN - timedelta(days=2)]),
        planned=5,
        trials=list(trials),
    )


def trial(number: int, folds: list[float], state: Any = "complete") -> Trial:
    return Trial(
        number=number,
        parameters={"n_estimators": 10 * number},
        score=sum(folds) / len(folds),
        fold_scores=list(folds),
        seconds=1.0,
        state=state,
    )


def table_of(run: WrittenRun, artifact: str) -> list[list[Any]]:
    ((_, table),) = run.artifacts[artifact]["files"].items()
    return table["data"]


def test_a_search_is_recorded_with_its_folds_trials_and_baselines(tmp_path: Path) -> None:
    tracking, result = offline(tmp_path), a_search()
    split = written(tracking.log(partial(records.split, PARTITION, result)))
    notes = {"engine": "optuna"}
    run = written(tracking.log(partial(records.best_config, PARTITION, result, notes, png())))

    assert (split.name, split.job_type) == (f"split {PARTITION}", "split")
    assert split.config["cutoffs"] == ["2023-03-09T21:00:00", "2023-03-11T21:00:00"]
    assert split.config["inputs"] == [f"{SOURCE_ID}-feature_view:2023-03-13-21-00"]
    folds = table_of(split, f"run-{SOURCE_ID}-split-2023-03-13-21-00-folds")
    assert folds[1] == [2, "2023-03-11 21:00", "2023-03-13 21:00", 5]

    assert (run.name, run.job_type) == (f"best_config {PARTITION}", "hyperparameter_tuning")
    assert (run.config["n_estimators"], run.config["engine"]) == (20, "optuna")
    assert run.config["inputs"] == [f"{SOURCE_ID}-split:2023-03-13-21-00"]
    assert [row["trial_mape"] for row in run.history if "trial_mape" in row] == [0.06, 0.05, 0.08]
    assert (run.summary["mape"], run.summary["mape_default"]) == (0.05, 0.06)
    assert run.summary["mape_seasonal_naive_168"] == 0.08
    assert len(table_of(run, f"run-{SOURCE_ID}-best_config-2023-03-13-21-00-trials")) == 3
    document = run.artifacts[f"{SOURCE_ID}-best_config"]["files"]["best_config.json"]
    assert TuningResult.model_validate(document) == result


def test_without_a_search_or_a_model_the_reason_is_recorded(tmp_path: Path) -> None:
    tracking = offline(tmp_path)
    default = NotTuned(best_parameters={"n_estimators": 40}, unsearched="too short")
    run = written(tracking.log(partial(records.default_config, PARTITION, default)))
    assert (run.config["not_searched"], run.config["n_estimators"]) == ("too short", 40)

    config = default.model_copy(update={"hour": PARTITION})
    dataset = TrainingDataset(3, ORIGIN - HOUR, ORIGIN + HOUR, 2, "table")
    untrained = TrainedModel(None, {}, "not trained: 2 hours")
    run = written(
        tracking.log(partial(records.model, PARTITION, untrained, pd.DataFrame(), config, dataset))
    )
    assert (run.summary["promoted"], run.summary["verdict"]) == (False, "not trained: 2 hours")


@pytest.fixture(scope="module")
def offline_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world in which two hours are forecast and scored with W&B offline."""
    root = tmp_path_factory.mktemp("offline")
    world = a_loaded_world(root, offline(root))
    world.run("hourly_job", ORIGIN - HOUR, ORIGIN)
    return world


def test_every_asset_of_the_hourly_job_has_a_run_in_its_partitions_group(
    offline_world: World,
) -> None:
    for asset in ("feature_view", "model", "predictions_parquet", "monitoring_metrics"):
        run = run_of(offline_world, asset)
        assert (run.group, run.job_type) == (PARTITION, JOB_TYPES[asset])
        assert (run.name, run.exit_code) == (f"{asset} {PARTITION}", 0)


def test_a_model_is_recorded_beside_both_naives_by_series_and_by_horizon(
    offline_world: World,
) -> None:
    run, metadata = run_of(offline_world, "model"), offline_world.metadata("model", ORIGIN)
    for name in ("mase", "mase_seasonal_naive_24", "mase_seasonal_naive_168"):
        assert run.summary[name] == pytest.approx(metadata[name], abs=1e-4)
    by_series = table_of(run, f"run-{run.id}-by_series")
    assert {(area, code) for area, code, *_ in by_series} == SERIES
    assert sum(row[2] for row in by_series) / len(SERIES) == pytest.approx(run.summary["mape"])
    assert [row[0] for row in table_of(run, f"run-{run.id}-by_horizon")] == list(range(1, 25))
    assert run.summary["error_by_horizon._type"] == "image-file"


def test_lineage_leads_from_the_pinned_rows_to_the_forecast(offline_world: World) -> None:
    dataset = run_of(offline_world, "feature_view").artifacts[f"{SOURCE_ID}-feature_view"]["files"]
    version = offline_world.metadata("feature_view", ORIGIN)["version of the table"]
    pinned = dataset["feature_view.json"]
    assert pinned.pop("table")
    assert pinned == {
        "version": version,
        "start": str(window_of(ORIGIN, 30)[0]),
        "end": str(window_of(ORIGIN, 30)[1]),
        "rows": 4 * 720,
        "shard_rows": [],
        "known_by": str(ORIGIN + HOUR),
    }
    model = run_of(offline_world, "model")
    assert model.config["inputs"] == [
        f"{SOURCE_ID}-feature_view:2023-03-13-21-00",
        f"{SOURCE_ID}-best_config:2023-03-13-16-00",
    ]
    assert model.artifacts[f"{SOURCE_ID}-model"]["files"]["model.json"]["best_config"] == key_of(
        ORIGIN - 5 * HOUR
    )
    assert (
        f"{SOURCE_ID}-model:2023-03-13-21-00"
        in (run_of(offline_world, "predictions_parquet").config["inputs"])
    )


def test_forecasts_and_their_errors_are_recorded_as_sums_not_as_rows(offline_world: World) -> None:
    forecast = run_of(offline_world, "predictions_parquet")
    frame = offline_world.frame("predictions_parquet", ORIGIN)
    total = frame["energy_consumption"].sum() / 1000
    assert forecast.summary["day_ahead_mwh"] == pytest.approx(total)
    assert len(table_of(forecast, f"run-{forecast.id}-day_ahead_by_series")) == len(SERIES)
    assert forecast.summary["forecast._type"] == "image-file"

    monitoring = run_of(offline_world, "monitoring_metrics")
    scored = offline_world.frame("monitoring_metrics", ORIGIN)
    assert monitoring.summary["forecasts"] == len(scored)
    assert monitoring.summary["mape"] == pytest.approx(scored["ape"].mean())
    assert monitoring.summary["mape_seasonal_naive_168"] > 0
    (hour,) = [row for row in monitoring.history if "hourly_mape" in row]
    assert hour["hour"] == str(ORIGIN)


def test_a_registered_model_is_tagged_with_its_origins(offline_world: World) -> None:
    (model, earlier) = offline_world.stores.model_registry.promoted(ORIGIN)
    assert model.tags == {
        "gate": "promoted",
        "training_dataset_version": str(
            offline_world.metadata("feature_view", ORIGIN)["version of the table"]
        ),
        "training_dataset_first_hour": key_of(window_of(ORIGIN, 30)[0]),
        "training_dataset_last_hour": PARTITION,
        "best_config": key_of(ORIGIN - 5 * HOUR),
        "wandb_run": run_of(offline_world, "model").id,
    }
    assert earlier.tags["training_dataset_last_hour"] == key_of(ORIGIN - HOUR)


def test_running_again_without_tracking_gives_the_same_bytes(offline_world: World) -> None:
    """Tracking changes no table, file or model version; a model keeps its lineage."""

    def stored() -> dict[str, bytes]:
        return {
            str(path): path.read_bytes()
            for folder in ("models", "objects")
            for path in (offline_world.stores.folder / folder).rglob("*")
            if path.is_file() and path.parents[1].name != "feature_view"
        }

    before, root = stored(), offline_world.stores.folder.parent
    assert any("model.txt" in path for path in before)
    a_world(root, NoTracking()).run("hourly_job", ORIGIN - HOUR, ORIGIN)
    assert stored() == before
