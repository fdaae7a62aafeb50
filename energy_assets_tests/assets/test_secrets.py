"""After a run, whether it succeeded or was refused, no secret can be found anywhere."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from energy_assets.partitions import HOUR, key_of, window_of
from energy_assets_tests.stores.gcs.google_account import TOKEN
from energy_assets_tests.stores.gcs.server import BUCKET, GcsServer
from energy_assets_tests.stores.hopsworks.server import Project
from energy_assets_tests.world import ORIGIN, Only, World

SERIES = {("DK1", "111"), ("DK2", "320")}


@pytest.fixture
def secrets(hopsworks: Project, private_key: str) -> dict[str, str]:
    return {
        "Hopsworks key": hopsworks.key,
        "Hopsworks password": f"password-of-{hopsworks.key}",
        "Google private key": private_key.splitlines()[1],
        "Google token": TOKEN,
    }


@pytest.fixture
def hosted(
    simulated: Only, hopsworks: Project, gcs: GcsServer, key_file: Path, tmp_path: Path
) -> World:
    settings = {
        **hopsworks.settings(),
        "object_store": "gcs",
        "google_cloud_bucket_name": BUCKET,
        "google_cloud_service_account_json_path": key_file,
    }
    world = World.build(tmp_path / "stores", Only(simulated.source, SERIES), settings=settings)
    (tmp_path / "dagster").mkdir()
    # On disk as in production: the event log and the output of each step.
    return replace(world, instance=dg.DagsterInstance.local_temp(str(tmp_path / "dagster")))


def leaks(secrets: Mapping[str, str], folder: Path, *texts: Any) -> set[str]:
    """The names of the secrets that are in any file below a folder, or in a text."""
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    contents += [str(text).encode() for text in texts]
    return {
        name
        for name, secret in secrets.items()
        if any(secret.encode() in content for content in contents)
    }


def test_a_run_leaves_no_secret_in_events_logs_metadata_or_files(
    hosted: World,
    hopsworks: Project,
    gcs: GcsServer,
    secrets: dict[str, str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    start, _ = window_of(ORIGIN, days=30)
    hosted.put_history(start, ORIGIN)
    hosted.put_config(ORIGIN - timedelta(days=30), n_estimators=5)
    result = hosted.run("hourly_job", ORIGIN)
    texts = [
        caplog.text,
        capfd.readouterr(),
        [event.event_specific_data for event in result.all_events],
        list(gcs.objects.values()),
        [vars(store) for store in vars(hosted.stores).values() if hasattr(store, "__dict__")],
    ]
    (tmp_path / "key.json").unlink()  # the key belongs there
    assert not leaks(secrets, tmp_path, *texts)
    # The search finds what is not secret.
    assert leaks({"hour": key_of(ORIGIN)}, tmp_path / "dagster")
    assert leaks({"project": hopsworks.name}, tmp_path / "nowhere", *texts)


@pytest.mark.parametrize("refusing", ["Hopsworks", "Google"])
def test_a_refusal_names_the_setting_and_shows_no_secret(
    refusing: str,
    hosted: World,
    hopsworks: Project,
    tokens: Any,
    secrets: dict[str, str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from energy_assets_tests.stores.gcs.google_account import as_json

    caplog.set_level(logging.DEBUG)
    settings = {"Hopsworks": "FS_API_KEY", "Google": "GOOGLE_CLOUD_SERVICE_ACCOUNT_JSON_PATH"}
    if refusing == "Hopsworks":
        hopsworks.key = "a key made later"
    else:
        tokens.faults += [as_json(400, error="invalid_grant") for _ in range(9)]
    result = hosted.run("ingestion_job", ORIGIN - HOUR, ORIGIN, succeeds=False)
    failures = [
        event.step_failure_data.error for event in result.all_events if event.is_step_failure
    ]
    assert failures
    assert all(settings[refusing] in str(failure) for failure in failures)
    (tmp_path / "key.json").unlink()
    assert leaks(settings, tmp_path / "dagster") == {refusing}
    assert not leaks(secrets, tmp_path, caplog.text, failures)
