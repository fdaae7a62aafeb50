"""A run online: what W&B gets, and that no outage spoils a forecast."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

import pytest

from energy_assets.tracking import Record, Tracked
from energy_assets.tracking.tracking import JOB_TYPES
from energy_assets_tests.tracking.samples import (
    IMPATIENT,
    ORIGIN,
    PARTITION,
    SOURCE_ID,
    WRONG_KEY,
    a_loaded_world,
    a_record,
    assert_no_secret,
    offline,
    online,
    png,
    run_of,
    unused_url,
)
from energy_assets_tests.tracking.wandb_file import read_run
from energy_assets_tests.tracking.wandb_operations import ENTITY, PROJECT
from energy_assets_tests.tracking.wandb_server import KEY, WandbServer


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
    assert not list((tmp_path / "wandb").iterdir())  # everything has been uploaded
    assert "".join(capfd.readouterr()) == ""
    assert not list(home.iterdir())  # and no .netrc was written
    assert_no_secret(tmp_path, repr(vars(tracking)))


def test_an_earlier_setup_of_the_client_has_no_influence_on_a_run(
    server: WandbServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither on where it goes nor on what is printed."""
    import wandb

    wandb.setup(wandb.Settings(base_url=unused_url(), root_dir=str(tmp_path)))
    capfd.readouterr()
    tracked = online(tmp_path, server.url).log(partial(a_record, uses=[]))
    assert tracked.url.startswith(server.url)
    assert tracked.run in server.runs
    assert "".join(capfd.readouterr()) == ""


def test_an_input_that_is_missing_in_wandb_is_named(server: WandbServer, tmp_path: Path) -> None:
    tracked = online(tmp_path, server.url).log(a_record)
    assert tracked.url
    assert tracked.problem == (f"not in Weights & Biases, so no lineage: feature_view {PARTITION}")
    assert server.runs[tracked.run].exit_code == 0


def test_an_outage_fails_no_forecast_and_is_waited_for_only_once(
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


def test_a_server_that_does_not_answer_is_an_outage(tmp_path: Path) -> None:
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
    tracked = online(tmp_path, server.url, WRONG_KEY).log(a_record)
    assert "refuses WANDB_API_KEY" in tracked.problem
    assert "refuses WANDB_API_KEY" in caplog.text
    assert read_run(Path(tracked.folder)).exit_code == 0
    assert WRONG_KEY not in caplog.text + tracked.problem


def test_a_folder_that_cannot_be_written_fails_no_forecast(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    tracked = offline(tmp_path / "file").log(a_record)
    assert tracked.problem
    assert "is not tracked" in caplog.text


def test_a_record_that_cannot_be_built_fails_no_forecast(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def make_record() -> Record:
        raise ZeroDivisionError("nothing was observed")

    tracked = offline(tmp_path).log(make_record)
    assert "ZeroDivisionError: nothing was observed" in tracked.problem
    assert "could not be made" in caplog.text
