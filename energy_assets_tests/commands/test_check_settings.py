"""`check-settings`: what can be reached, and no secret."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from energy_assets.commands.check_settings import try_backends
from energy_assets.settings import read_settings
from energy_assets_tests.stores.gcs.server import BUCKET, GcsServer
from energy_assets_tests.stores.hopsworks.server import Project
from energy_assets_tests.tracking.wandb_operations import ENTITY
from energy_assets_tests.tracking.wandb_server import KEY, WandbServer

WRONG = {"fs_api_key": SecretStr("a-wrong-key"), "wandb_api_key": SecretStr("a-wrong-key")}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return home


def test_a_home_of_dagster_that_is_not_there_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "gone"))
    *others, runs = try_backends(read_settings(_env_file=None, storage_root=tmp_path))
    assert all(outcome.reached for outcome in others)
    assert not runs.reached
    assert "DAGSTER_HOME" in runs.message


def test_with_nothing_set_every_backend_is_reached(tmp_path: Path) -> None:
    outcomes = list(try_backends(read_settings(_env_file=None, storage_root=tmp_path)))
    assert all(outcome.reached for outcome in outcomes)
    backends = ["source", "weather", "features", "models", "objects", "tracking", "runs"]
    assert [outcome.backend for outcome in outcomes] == backends


def test_only_a_backend_that_cannot_be_used_is_reported_as_failed(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    settings = read_settings(_env_file=None, storage_root=blocked)
    reached = {outcome.backend: outcome for outcome in try_backends(settings)}
    assert reached["source"].reached
    assert not reached["objects"].reached
    assert "STORAGE_ROOT" in reached["objects"].message


@pytest.mark.parametrize(
    ("chosen", "missing"),
    [
        ({"feature_store": "hopsworks"}, {"fs_project_name": None, "fs_api_key": "<your-key>"}),
        ({"object_store": "gcs"}, {"google_cloud_bucket_name": None}),
        ({"object_store": "gcs"}, {"google_cloud_bucket_name": "<your-bucket>"}),
        ({"wandb_mode": "online"}, {"wandb_entity": "<your-team>"}),
    ],
)
def test_missing_and_placeholder_credentials_are_named(
    chosen: dict[str, str], missing: dict[str, str | None], tmp_path: Path
) -> None:
    settings = read_settings(_env_file=None, storage_root=tmp_path, **chosen, **missing)
    failed = [outcome for outcome in try_backends(settings) if not outcome.reached]
    assert failed
    for outcome in failed:
        assert any(name.upper() in outcome.message for name in missing)
        assert ".env" in outcome.message


def test_a_store_that_cannot_be_reached_is_said_to_be_so_in_seconds(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings = read_settings(
            _env_file=None,
            storage_root=tmp_path,
            feature_store="hopsworks",
            fs_host="127.0.0.1",
            fs_port=unused.getsockname()[1],
            fs_project_name="energy",
            fs_api_key="a-key",
        )
        begin = time.monotonic()
        outcomes = {outcome.backend: outcome for outcome in try_backends(settings)}
    assert "does not answer" in outcomes["models"].message
    assert time.monotonic() - begin < 30.0


def test_hosted_stores_are_reached_and_no_key_is_shown(
    hopsworks: Project, gcs: GcsServer, tmp_path: Path
) -> None:
    with WandbServer() as wandb:
        settings = read_settings(
            _env_file=None,
            storage_root=tmp_path,
            **hopsworks.settings(),
            object_store="gcs",
            google_cloud_bucket_name=BUCKET,
            wandb_mode="online",
            wandb_base_url=wandb.url,
            wandb_api_key=KEY,
            wandb_entity=ENTITY,
            wandb_project="forecasts",
        )
        outcomes = list(try_backends(settings))
        refused = list(try_backends(settings.model_copy(update=WRONG)))
    assert all(outcome.reached for outcome in outcomes), outcomes
    reached = {outcome.backend: outcome.message for outcome in outcomes}
    assert hopsworks.name in reached["features"]
    assert f"gs://{BUCKET}/" in reached["objects"]
    assert f"{ENTITY}/forecasts" in reached["tracking"]
    named = {outcome.backend: outcome.message for outcome in refused if not outcome.reached}
    assert "FS_API_KEY" in named["features"]
    assert "FS_API_KEY" in named["models"]
    assert "WANDB_API_KEY" in named["tracking"]
    shown = f"{outcomes} {refused}"
    for secret in (hopsworks.key, KEY, "a-wrong-key"):
        assert secret not in shown
