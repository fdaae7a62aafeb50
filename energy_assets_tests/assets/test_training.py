"""feature_view, best_config and model: rows pinned, a search kept, models gated."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from energy_assets.forecasting import GlobalForecaster
from energy_assets.partitions import DAY, HOUR, key_of, window_of
from energy_assets.stores.training_datasets import read_reference
from energy_assets_tests.world import ORIGIN, SERIES, Changed, Only, World, root_error


def pinned_rows(world: World, hour: datetime) -> pd.DataFrame:
    reference = read_reference(world.stores.object_store, hour)
    return world.stores.feature_store.read_training_dataset(reference)


def test_a_training_dataset_ends_with_its_hour_and_is_a_whole_window_long(world: World) -> None:
    world.run("hourly_job", ORIGIN, assets=["feature_view"])
    rows = pinned_rows(world, ORIGIN)
    start, end = window_of(ORIGIN, 30)
    assert end - start == timedelta(days=30)
    assert rows["datetime_utc"].max() == pd.Timestamp(ORIGIN)
    assert rows["datetime_utc"].min() == pd.Timestamp(start)
    assert len(rows) == world.metadata("feature_view", ORIGIN)["dagster/partition_row_count"]


def test_a_training_dataset_reads_the_same_after_a_correction(world: World) -> None:
    world.run("hourly_job", ORIGIN, assets=["feature_view"])
    before = pinned_rows(world, ORIGIN)
    store = world.stores.feature_store
    rows = store.read(ORIGIN, ORIGIN + HOUR)
    store.upsert(rows.assign(energy_consumption=1.0, known_at=ORIGIN + DAY))
    pd.testing.assert_frame_equal(pinned_rows(world, ORIGIN), before)


def test_an_empty_feature_store_is_an_error_that_says_what_to_materialise(
    new_world: World,
) -> None:
    result = new_world.run("hourly_job", ORIGIN, assets=["feature_view"], succeeds=False)
    assert "materialise feature_group first" in root_error(result).message


def test_a_model_is_trained_with_the_newest_configuration_at_or_before_its_hour(
    world: World,
) -> None:
    world.put_config(ORIGIN, n_estimators=3)
    world.put_config(ORIGIN + HOUR, n_estimators=4)
    world.run("hourly_job", ORIGIN, assets=["feature_view", "model"])
    metadata = world.metadata("model", ORIGIN)
    assert metadata["parameters"] == {"n_estimators": 3}
    assert metadata["best_config"] == key_of(ORIGIN)


def evaluation(result: dg.ExecuteInProcessResult, name: str) -> dg.AssetCheckEvaluation:
    """The evaluation of a check in a run."""
    (check,) = (e for e in result.get_asset_check_evaluations() if e.check_name == name)
    return check


def test_without_any_configuration_a_model_uses_the_default_one_and_a_check_warns(
    world: World,
) -> None:
    earlier = ORIGIN - HOUR
    result = world.run("hourly_job", earlier, assets=["feature_view", "model"])
    check = evaluation(result, "tuned")
    assert not check.passed
    assert "run tuning_job" in check.metadata[key_of(earlier)].value
    assert world.metadata("model", earlier)["best_config"] == "default"


def test_tuning_keeps_every_trial_and_starts_with_the_default(world: World) -> None:
    paths = world.stores.object_store.list("best_config")
    assert paths == ["best_config/2023-03-13/21.json"]
    result = json.loads(world.stores.object_store.read(paths[0]))
    assert len(result["trials"]) == 2
    assert result["trials"][0]["score"] == result["default_score"]
    assert result["best_score"] <= result["default_score"]
    assert set(result["baseline_scores"]) == {"seasonal_naive_24", "seasonal_naive_168"}


def test_tuning_logs_each_trial_and_shows_all_of_them(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "energy_assets")
    world.defs.resolve_job_def("tuning_job").execute_in_process(
        instance=world.instance,
        partition_key=key_of(ORIGIN),
        run_config={"ops": {"best_config": {"config": {"trials": 3}}}},
    )
    trials = [record for record in caplog.records if hasattr(record, "trial")]
    assert [(vars(record)["trial"].number, vars(record)["total"]) for record in trials] == [
        *((1, 3), (2, 3), (3, 3))
    ]
    metadata = world.metadata("best_config", ORIGIN)
    assert metadata["picture of the trials"].startswith("![plot](data:image/png")
    rows = [record.data for record in metadata["trials"].records]
    assert [row["number"] for row in rows] == [1, 2, 3]
    assert {"learning_rate", "score", "fold_1", "seconds", "state"} <= set(rows[0])
    methods = [record.data["method"] for record in metadata["scores"].records]
    assert methods == ["best", "default", "seasonal_naive_24", "seasonal_naive_168"]


def test_a_good_model_is_promoted_with_its_scores_beside_both_naives(world: World) -> None:
    result = world.run("hourly_job", ORIGIN, assets=["feature_view", "model"])
    (model,) = world.stores.model_registry.promoted(ORIGIN)
    assert world.metadata("model", ORIGIN)["model_version"] == model.version
    assert model.metrics["mase"] < model.metrics["mase_seasonal_naive_24"]
    assert model.metrics["mase"] < model.metrics["mase_seasonal_naive_168"]
    check = evaluation(result, "beats_seasonal_naive")
    assert check.passed


def test_training_an_hour_again_gives_the_same_version(world: World) -> None:
    versions = set()
    for _ in range(2):
        world.run("hourly_job", ORIGIN, assets=["feature_view", "model"])
        versions.add(world.metadata("model", ORIGIN)["model_version"])
    assert len(versions) == 1


def test_a_range_of_hours_gives_a_model_for_each_that_saw_nothing_later(
    world: World, simulated: Only
) -> None:
    hours = [ORIGIN, ORIGIN + HOUR]
    world.run("ingestion_job", ORIGIN + HOUR)
    world.run("hourly_job", *hours, assets=["feature_view", "model"])
    versions = [world.metadata("model", hour)["model_version"] for hour in hours]
    assert versions[0] != versions[1]

    world.run("hourly_job", ORIGIN, assets=["feature_view", "model"])
    assert world.metadata("model", ORIGIN)["model_version"] == versions[0]


def test_a_history_too_short_for_a_model_is_reported_and_stops_nothing(
    tmp_path: Path, simulated: Only
) -> None:
    """The same if it is too short for a search: the default configuration is stored."""

    source = Only(simulated, start=ORIGIN - 40 * HOUR)
    young = World.build(tmp_path, source)
    young.load_history(ORIGIN)
    young.run("tuning_job", ORIGIN)
    assert "DAYS_EXPORT=30" in young.metadata("best_config", ORIGIN)["not searched"]
    parameters = young.metadata("best_config", ORIGIN)["best parameters"]
    assert parameters["n_estimators"] == GlobalForecaster().n_estimators

    result = young.run("hourly_job", ORIGIN)
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert not checks["beats_seasonal_naive"].passed
    assert "hours" in young.metadata("model", ORIGIN)["verdict"]
    assert not list(young.stores.model_registry.promoted(ORIGIN))
    forecast = young.frame("predictions_parquet", ORIGIN)
    assert set(forecast["quality"]) == {"baseline"}
    assert len(forecast) == 24 * len(SERIES)


def test_a_model_that_is_not_better_than_the_baseline_is_kept_but_not_used(
    tmp_path: Path, simulated: Only
) -> None:
    """Where every day is like the one before, the seasonal naive has no error."""

    def the_same_every_day(records: pd.DataFrame) -> pd.DataFrame:
        hours = simulated.profile.hours(records).dt.hour
        return records.assign(TotalCon=(1000 + 10 * hours).astype(str))

    source = Changed(simulated, the_same_every_day, start=ORIGIN - 10 * DAY)
    world = World.build(tmp_path, source)
    world.put_history(window_of(ORIGIN, 30)[0], ORIGIN + HOUR)
    world.put_config(ORIGIN, n_estimators=10)
    result = world.run("hourly_job", ORIGIN)
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert not checks["beats_seasonal_naive"].passed
    assert "not better than seasonal_naive_24" in world.metadata("model", ORIGIN)["verdict"]
    assert world.metadata("model", ORIGIN)["model_version"].startswith("2023-03-13T21-")
    assert set(world.frame("predictions_parquet", ORIGIN)["quality"]) == {"baseline"}
    assert not checks["from_newest_model"].passed
