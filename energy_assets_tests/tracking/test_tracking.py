"""Tracking: what W&B gets offline and online, and that none of its faults spoils a forecast."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from PIL import Image

from energy_assets.errors import CredentialError
from energy_assets.forecasting.tuning.result import NotTuned, Scheme, Trial, TuningResult, best_of
from energy_assets.forecasts.gate import TrainedModel
from energy_assets.partitions import HOUR, key_of, window_of
from energy_assets.settings import read_settings
from energy_assets.stores.feature_store import TrainingDataset
from energy_assets.tracking import (
    Record,
    Reference,
    Tracked,
    Tracking,
    open_tracking,
    records,
)
from energy_assets.tracking.tracking import JOB_TYPES, NoTracking
from energy_assets_tests.tracking.conftest import (
    IMPATIENT,
    ORIGIN,
    PARTITION,
    SERIES,
    SOURCE_ID,
    a_world,
    offline,
    online,
    tracking_settings,
    unused_url,
)
from energy_assets_tests.tracking.wandb_file import WrittenRun, read_run
from energy_assets_tests.tracking.wandb_server import ENTITY, KEY, PROJECT, WandbServer
from energy_assets_tests.world import World


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "png")
    return buffer.getvalue()


def a_record(name: str = "model", **changes: Any) -> Record:
    fields: dict[str, Any] = {
        "config": {"learning_rate": 0.1},
        "summary": {"mape": 0.05, "mape_seasonal_naive_24": 0.09, "missing": float("nan")},
        "history": [{"trial": 1, "score": 0.06}, {"trial": 2, "score": 0.05}],
        "tables": {"by_series": pd.DataFrame({"area": ["DK1"], "mape": [0.05]})},
        "pictures": {"forecast": png()},
        "uses": [Reference("feature_view", PARTITION)],
        "makes": {"learning_rate": 0.1},
    }
    return Record(name, PARTITION, **{**fields, **changes})


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


def written(tracked: Tracked) -> WrittenRun:
    assert not tracked.problem
    return read_run(Path(tracked.folder))


def a_loaded_world(root: Path, tracking: Tracking) -> World:
    world = a_world(root, tracking)
    world.put_history(window_of(ORIGIN - HOUR, 30)[0], ORIGIN + HOUR)
    world.put_config(ORIGIN - 5 * HOUR, n_estimators=10)
    return world


# --- Disabled ------------------------------------------------------------------------------------


def test_tracking_is_disabled_by_default_and_does_not_import_the_client(tmp_path: Path) -> None:
    assert read_settings(_env_file=None).wandb_mode == "disabled"
    code = """
import sys
from pathlib import Path
from energy_assets.definitions import build_resources
from energy_assets.settings import read_settings
from energy_assets.tracking import Tracked
settings = read_settings(_env_file=None, storage_root=Path(sys.argv[1]))
tracking = build_resources(settings)["tracking"].resource_fn(None)
assert tracking.log(lambda: 1 / 0) == Tracked()
assert tracking.search("2023-03-13-21:00").notes == {"engine": "optuna"}
assert not [name for name in sys.modules if name.split(".")[0] == "wandb"]
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert not (tmp_path / "wandb").exists()


# --- Offline -------------------------------------------------------------------------------------


def test_a_record_is_written_offline_and_reads_back_whole(tmp_path: Path, home: Path) -> None:
    tracked = offline(tmp_path).log(a_record)
    assert Path(tracked.folder).parent == tmp_path / "wandb"
    run = written(tracked)
    assert (run.id, run.name) == (f"{SOURCE_ID}-model-2023-03-13-21-00", f"model {PARTITION}")
    assert run.id == tracked.run
    assert (run.group, run.job_type, run.exit_code) == (PARTITION, "training", 0)
    assert run.config["learning_rate"] == 0.1
    assert (run.config["source"], run.config["partition"]) == ("simulator", PARTITION)
    assert run.config["inputs"] == [f"{SOURCE_ID}-feature_view:2023-03-13-21-00"]
    assert [row["score"] for row in run.history if "score" in row] == [0.06, 0.05]
    assert (run.summary["mape"], run.summary["missing"]) == (0.05, None)
    assert run.summary["mape_seasonal_naive_24"] == 0.09
    files = Path(tracked.folder) / "files"
    table = json.loads((files / run.summary["by_series.path"]).read_text())
    assert (table["columns"], table["data"]) == (["area", "mape"], [["DK1", 0.05]])
    assert (files / run.summary["forecast.path"]).read_bytes() == png()
    artifact = run.artifacts[f"{SOURCE_ID}-model"]
    assert artifact["type"] == "model"
    assert sorted(artifact["aliases"]) == ["2023-03-13-21-00", "latest"]
    assert artifact["metadata"] == {"partition": PARTITION, "source": "simulator"}
    assert artifact["files"] == {"model.json": {"learning_rate": 0.1}}
    assert not list(home.iterdir())


def test_a_partition_run_again_has_the_same_run(tmp_path: Path) -> None:
    tracking = offline(tmp_path)
    first, again = (tracking.log(partial(a_record, makes=None)) for _ in range(2))
    assert first.run == again.run
    assert first.folder != again.folder
    assert written(first).id == written(again).id


def test_a_run_leaves_the_process_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The user's own W&B settings have no influence, and are restored at the end."""
    variables = {"WANDB_MODE": "online", "WANDB_API_KEY": "mine", "WANDB_RUN_ID": "my-run"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    root_logger, hooks = logging.getLogger(), (sys.exit, sys.excepthook)
    logged = (root_logger.level, list(root_logger.handlers))

    tracked = offline(tmp_path).log(a_record)

    assert written(tracked).id == f"{SOURCE_ID}-model-2023-03-13-21-00"
    assert {name: value for name, value in os.environ.items() if "WANDB" in name} == variables
    assert (sys.exit, sys.excepthook) == hooks
    assert (root_logger.level, root_logger.handlers) == logged
    assert "".join(capfd.readouterr()) == ""
    commands = [path.read_text() for path in Path("/proc").glob(f"{os.getpid()}/task/*/children")]
    children = [child for listed in commands for child in listed.split()]
    names = [Path(f"/proc/{child}/comm").read_text() for child in children]
    assert not [name for name in names if "wandb" in name]


def test_code_host_and_machine_stay_private(tmp_path: Path) -> None:
    tracked = offline(tmp_path).log(a_record)
    assert written(tracked).host == ""
    names = {path.name for path in Path(tracked.folder).rglob("*") if path.is_file()}
    assert not names & {"wandb-metadata.json", "requirements.txt", "output.log", "diff.patch"}
    (file,) = Path(tracked.folder).glob("*.wandb")
    for secret in (sys.executable, str(Path.cwd())):
        assert secret.encode() not in file.read_bytes()


def test_a_search_is_recorded_with_its_scheme_its_trials_and_its_rivals(tmp_path: Path) -> None:
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


def table_of(run: WrittenRun, artifact: str) -> list[list[Any]]:
    ((_, table),) = run.artifacts[artifact]["files"].items()
    return table["data"]


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


def run_of(world: World, asset: str, hour: datetime = ORIGIN) -> WrittenRun:
    return read_run(Path(world.metadata(asset, hour)["Weights & Biases run, offline"]))


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


def test_the_registry_says_where_a_model_is_from(offline_world: World) -> None:
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


# --- Online --------------------------------------------------------------------------------------


def test_a_record_goes_online_with_figures_pictures_and_lineage(
    server: WandbServer, tmp_path: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tracking = online(tmp_path, server.url)
    dataset = tracking.log(partial(a_record, "feature_view", uses=[], makes={"version": 7}))
    tracked = tracking.log(a_record)

    assert tracked == Tracked(
        run=f"{SOURCE_ID}-model-2023-03-13-21-00",
        url=f"{server.url}/{ENTITY}/{PROJECT}/runs/{SOURCE_ID}-model-2023-03-13-21-00",
    )
    run = server.runs[tracked.run]
    assert (run.display_name, run.group) == (f"model {PARTITION}", PARTITION)
    assert (run.job_type, run.exit_code) == ("training", 0)
    assert run.config["learning_rate"] == 0.1
    assert (run.summary["mape"], run.summary["mape_seasonal_naive_24"]) == (0.05, 0.09)
    assert [row["score"] for row in run.history if "score" in row] == [0.06, 0.05]
    assert server.files[f"{run.name}/{run.summary['forecast']['path']}"] == png()

    view = server.artifact(f"{SOURCE_ID}-feature_view:2023-03-13-21-00")
    assert (view.type, view.run, view.used_by) == ("feature_view", dataset.run, [run.name])
    assert json.loads(server.files[f"{view.id}/feature_view.json"]) == {"version": 7}
    assert server.artifact(f"{SOURCE_ID}-model:2023-03-13-21-00").run == run.name

    assert server.keys == {KEY}
    assert not list((tmp_path / "wandb").iterdir())  # all of it is uploaded
    assert "".join(capfd.readouterr()) == ""
    assert not list(home.iterdir())  # nor is there a .netrc
    assert_no_secret(tmp_path, repr(vars(tracking)))


def test_a_client_that_was_set_up_before_does_not_decide_where_a_run_goes(
    server: WandbServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nor whether the client prints."""
    import wandb

    wandb.setup(wandb.Settings(base_url=unused_url(), root_dir=str(tmp_path)))
    capfd.readouterr()
    tracked = online(tmp_path, server.url).log(partial(a_record, uses=[]))
    assert tracked.url.startswith(server.url)
    assert tracked.run in server.runs
    assert "".join(capfd.readouterr()) == ""


def assert_no_secret(root: Path, *texts: str) -> None:
    for path in root.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path
    for text in texts:
        assert KEY not in text


def test_an_input_that_wandb_does_not_have_is_named(server: WandbServer, tmp_path: Path) -> None:
    tracked = online(tmp_path, server.url).log(a_record)
    assert tracked.url
    assert tracked.problem == (f"not in Weights & Biases, so no lineage: feature_view {PARTITION}")
    assert server.runs[tracked.run].exit_code == 0


# --- Credentials and outages ---------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["wandb_api_key", "wandb_entity", "wandb_project"])
@pytest.mark.parametrize("value", [None, "<your-value>"])
def test_a_missing_setting_is_named_at_once(tmp_path: Path, missing: str, value: Any) -> None:
    credentials = {"wandb_api_key": KEY, "wandb_entity": ENTITY, "wandb_project": PROJECT}
    settings = tracking_settings(tmp_path, "online", **{**credentials, missing: value})
    with pytest.raises(CredentialError, match=missing.upper()):
        open_tracking(settings, SOURCE_ID)


def test_a_run_without_its_credentials_ends_before_any_work(tmp_path: Path) -> None:
    settings = tracking_settings(tmp_path, "online")
    world = a_world(tmp_path, dg.ResourceDefinition(lambda _: open_tracking(settings, SOURCE_ID)))
    result = world.run("hourly_job", ORIGIN, assets=["feature_view"], succeeds=False)
    failures = [str(event.event_specific_data) for event in result.all_events if event.is_failure]
    assert any("WANDB_ENTITY is not set" in failure for failure in failures), failures
    assert not result.get_step_success_events()


def test_an_outage_fails_no_forecast_and_is_waited_for_once(
    server: WandbServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.down = True
    world = a_loaded_world(tmp_path, online(tmp_path, server.url, timeouts=IMPATIENT))
    started = time.monotonic()
    world.run("hourly_job", ORIGIN, assets=["feature_view"])
    requests = len(server.requests)
    assert requests > 0
    world.run("hourly_job", ORIGIN, assets=["model", "predictions_parquet"])
    assert time.monotonic() - started < 25
    assert len(server.requests) == requests

    assert set(world.frame("predictions_parquet", ORIGIN)["quality"]) == {"model"}
    for asset in ("feature_view", "model", "predictions_parquet"):
        metadata = world.metadata(asset, ORIGIN)
        assert f"unreachable at {server.url}" in metadata["Weights & Biases"]
        assert run_of(world, asset).job_type == JOB_TYPES[asset]  # kept for `wandb sync`
        assert f"{asset} {PARTITION}: " in caplog.text
    (model,) = world.stores.model_registry.promoted(ORIGIN)
    assert "wandb_run" not in model.tags
    assert_no_secret(tmp_path, caplog.text, str(world.metadata("model", ORIGIN)))


def test_a_server_that_nobody_answers_at_is_an_outage(tmp_path: Path) -> None:
    url = unused_url()
    tracked = online(tmp_path, url, timeouts=IMPATIENT).log(a_record)
    assert f"unreachable at {url}" in tracked.problem


def test_a_server_that_goes_down_during_a_run_is_an_outage(
    server: WandbServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.down_from = "CreateArtifact"
    tracking = online(tmp_path, server.url, timeouts=IMPATIENT)
    tracked = tracking.log(partial(a_record, uses=[]))
    assert f"unreachable at {server.url}" in tracked.problem
    assert tracked.problem in caplog.text.replace("\n", "") + " Kept for `wandb sync`."
    assert read_run(Path(tracked.folder)).summary["mape"] == 0.05


def test_a_wrong_key_fails_no_forecast_and_is_named(
    server: WandbServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "wr0ng" + 40 * "8"
    tracked = online(tmp_path, server.url, wrong).log(a_record)
    assert "refuses WANDB_API_KEY" in tracked.problem
    assert "refuses WANDB_API_KEY" in caplog.text
    assert read_run(Path(tracked.folder)).exit_code == 0
    assert wrong not in caplog.text + tracked.problem


def test_a_folder_that_cannot_be_written_fails_no_forecast(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    tracked = offline(tmp_path / "file").log(a_record)
    assert tracked.problem
    assert "is not tracked" in caplog.text


def test_a_record_that_cannot_be_made_fails_no_forecast(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def make_record() -> Record:
        raise ZeroDivisionError("nothing was observed")

    tracked = offline(tmp_path).log(make_record)
    assert "ZeroDivisionError: nothing was observed" in tracked.problem
    assert "could not be made" in caplog.text
