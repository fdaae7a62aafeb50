"""The real hosted services: these tests run only with ENERGY_ASSETS_LIVE=1 and real credentials.

They write to a feature group version, a folder and models of their own, and remove them.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from energy_assets.schemas import CONSUMPTION, first_versions
from energy_assets.settings import Settings, read_settings

T0 = datetime(2023, 3, 1)
HOUR = timedelta(hours=1)
VERSION = 900_000 + uuid.uuid4().int % 100_000
"""A version of the feature group that nobody else uses."""
SOURCE_ID = "live-test"


def live(*variables: str) -> Settings:
    """The settings; skips the test unless these variables are set and writing is asked for."""
    if os.environ.get("ENERGY_ASSETS_LIVE") != "1":
        pytest.skip("set ENERGY_ASSETS_LIVE=1 to write to the real stores")
    settings = read_settings()
    missing = [name for name in variables if not getattr(settings, name.lower())]
    if missing:
        pytest.skip(f"no credentials: set {', '.join(missing)}")
    return settings


@pytest.fixture
def hopsworks() -> Iterator[Settings]:
    settings = live("FS_PROJECT_NAME", "FS_API_KEY").model_copy(
        update={"feature_store": "hopsworks", "feature_group_version": VERSION}
    )
    yield settings
    from energy_assets.stores.hopsworks.connection import HopsworksConnection
    from energy_assets.stores.hopsworks.feature_group import NAME, VIEW

    def remove(project):
        store = project.get_feature_store()
        group = store.get_feature_group(NAME, VERSION)
        if group is None or SOURCE_ID not in group.description:
            return
        if view := store.get_feature_view(VIEW, VERSION):
            view.delete()
        group.delete()

    HopsworksConnection(settings).call(remove)


def test_features_are_stored_and_pinned_in_hopsworks(hopsworks: Settings) -> None:
    from energy_assets.stores.hopsworks.connection import HopsworksConnection
    from energy_assets.stores.hopsworks.feature_store import HopsworksFeatureStore

    store = HopsworksFeatureStore(HopsworksConnection(hopsworks), hopsworks, SOURCE_ID)
    rows = pd.DataFrame(
        [("DK1", "111", pd.Timestamp(T0 + number * HOUR), 1.0 + number) for number in range(3)],
        columns=list(CONSUMPTION.dtypes),
    )
    store.upsert(first_versions(rows))
    pinned = store.create_training_dataset(T0, T0 + 3 * HOUR)
    store.upsert(rows.assign(energy_consumption=9.0, known_at=T0 + 9 * HOUR))
    pd.testing.assert_frame_equal(store.read_training_dataset(pinned), rows)
    assert set(store.read(T0, T0 + 3 * HOUR)["energy_consumption"]) == {9.0}
    known_then = store.read(T0, T0 + 3 * HOUR, known_by=T0 + 8 * HOUR)
    pd.testing.assert_frame_equal(known_then, rows)
    store.maintain(keep=1)


def test_models_are_stored_in_hopsworks(tmp_path: Path) -> None:
    from energy_assets.stores.hopsworks.connection import HopsworksConnection
    from energy_assets.stores.hopsworks.model_registry import NAME, HopsworksModelRegistry

    connection = HopsworksConnection(live("FS_PROJECT_NAME", "FS_API_KEY"))
    source_id = f"live-test-{uuid.uuid4().hex[:8]}"
    registry = HopsworksModelRegistry(connection, source_id)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "model.txt").write_text(source_id)
    try:
        model = registry.register(
            tmp_path / "files", T0, promoted=True, metrics={"mape": 0.1}, tags={"gate": "promoted"}
        )
        assert list(registry.promoted(T0)) == [model]
        registry.download(model, tmp_path / "fresh")
        assert (tmp_path / "fresh" / "model.txt").read_text() == source_id
    finally:
        connection.call(
            lambda project: [
                model.delete()
                for model in project.get_model_registry().get_models(NAME)
                if source_id in (model.description or "")
            ]
        )


def test_objects_are_stored_in_google_cloud_storage() -> None:
    from energy_assets.stores.gcs.client import open_bucket
    from energy_assets.stores.gcs.object_store import GcsObjectStore

    folder = f"energy-assets-live-test-{uuid.uuid4().hex}"
    settings = live("GOOGLE_CLOUD_BUCKET_NAME").model_copy(
        update={"google_cloud_bucket_folder": folder}
    )
    store = GcsObjectStore(settings, SOURCE_ID)
    try:
        store.write("a/b.json", b"1")
        assert store.list("a") == ["a/b.json"]
        assert store.write_if("a/b.json", b"2", store.generation("a/b.json"))
        assert not store.write_if("a/b.json", b"3", None)
        assert store.read("a/b.json") == b"2"
    finally:
        for blob in open_bucket(settings).list_blobs(prefix=folder):
            blob.delete()


def test_a_run_is_kept_in_weights_and_biases(tmp_path: Path) -> None:
    import wandb

    from energy_assets.tracking import Record, open_tracking

    settings = live("WANDB_API_KEY", "WANDB_ENTITY", "WANDB_PROJECT").model_copy(
        update={"wandb_mode": "online", "storage_root": tmp_path}
    )
    partition = f"live-test-{uuid.uuid4().hex[:8]}"
    tracking = open_tracking(settings, "live-test")
    tracked = tracking.log(lambda: Record("model", partition, summary={"mape": 0.1}))
    assert not tracked.problem
    key = settings.wandb_api_key
    assert key is not None
    api = wandb.Api(api_key=key.get_secret_value())
    run = api.run(f"{settings.wandb_entity}/{settings.wandb_project}/{tracked.run}")
    try:
        assert run.summary["mape"] == 0.1
        assert run.group == partition
    finally:
        run.delete()
