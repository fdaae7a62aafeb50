"""The asset graph on all hosted stores together gives what it gives on the embedded ones."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from energy_assets.forecasts.publishing import read_published
from energy_assets.partitions import HOUR, window_of
from energy_assets.stores.model_registry import ModelVersion
from energy_assets.stores.training_datasets import read_reference
from energy_assets_tests.stores.gcs.server import BUCKET, GcsServer
from energy_assets_tests.stores.hopsworks.server import Project
from energy_assets_tests.world import ORIGIN, Only, World

SERIES = {("DK1", "111"), ("DK2", "320"), ("DK2", "999")}
FOLDER = "energy"
DAYS = 30
"""Length of the training window."""


def run_graph(world: World) -> None:
    """All assets for two hours, over a month of history."""
    start, _ = window_of(ORIGIN - HOUR, DAYS)
    world.put_history(start, ORIGIN - HOUR)
    world.put_config(ORIGIN - timedelta(days=DAYS), n_estimators=20)
    world.run("hourly_job", ORIGIN - HOUR, ORIGIN)


def models(world: World) -> list[ModelVersion]:
    """The promoted models, without the version numbers of their training datasets.

    Each store counts those in its own way.
    """
    return [
        replace(model, tags={**model.tags, "training_dataset_version": "any"})
        for model in world.stores.model_registry.promoted(ORIGIN)
    ]


def pinned(world: World) -> pd.DataFrame:
    """The rows that the newest model was trained on."""
    reference = read_reference(world.stores.object_store, ORIGIN)
    return world.stores.feature_store.read_training_dataset(reference)


def content(world: World, path: str) -> Any:
    """Rows and types of a Parquet file, or a JSON document without the store's name for a pin."""
    data = world.stores.object_store.read(path)
    if path.endswith(".parquet"):
        frame = pd.read_parquet(io.BytesIO(data)).drop(
            columns=["made_at", "seen_at"], errors="ignore"
        )
        return frame.to_csv(), list(map(str, frame.dtypes))
    if path.endswith(".txt"):
        return data
    differing = ("version", "table", "made_at", "published_at", "files")
    return {name: value for name, value in json.loads(data).items() if name not in differing}


def paths_of(world: World) -> list[str]:
    """The paths of all objects, without the times in them."""
    return sorted(
        re.sub(r"/\d{8}T\d{12}/", "/made at/", path) for path in world.stores.object_store.list("")
    )


def test_the_graph_gives_the_same_tables_models_and_objects(
    simulated: Only, hopsworks: Project, gcs: GcsServer, tmp_path: Path
) -> None:
    settings = {
        **hopsworks.settings(),
        "object_store": "gcs",
        "google_cloud_bucket_name": BUCKET,
        "google_cloud_bucket_folder": FOLDER,
    }
    source = Only(simulated.source, SERIES)
    embedded = World.build(tmp_path / "embedded", source)
    hosted = World.build(tmp_path / "hosted", source, settings=settings)
    for world in (embedded, hosted):
        run_graph(world)

    start, end = window_of(ORIGIN, DAYS)
    rows = [world.stores.feature_store.read(start, end) for world in (embedded, hosted)]
    assert len(rows[0]) == 720 * len(SERIES)
    pd.testing.assert_frame_equal(*rows)
    pd.testing.assert_frame_equal(pinned(embedded), pinned(hosted))

    paths = embedded.stores.object_store.list("")
    assert paths_of(hosted) == paths_of(embedded)
    assert {path.split("/")[0] for path in paths} == {
        *("raw_consumption", "weather", "feature_view", "best_config", "predictions_parquet"),
        *("monitoring_metrics", "published", "newest.json", "newest_config.txt"),
        *("predictions.parquet", "X.parquet", "y.parquet"),
        *("y_monitoring.parquet", "predictions_monitoring.parquet", "metrics_monitoring.parquet"),
    }
    for path in paths:
        if not path.startswith("published/"):
            assert content(hosted, path) == content(embedded, path), path
    assert {f"{FOLDER}/{path}" for path in hosted.stores.object_store.list("")} < set(gcs.objects)
    assert read_published(hosted.stores.object_store).origin == ORIGIN
    assert set(hosted.frame("predictions_parquet", ORIGIN)["quality"]) == {"model"}
    assert len(hosted.frame("monitoring_metrics", ORIGIN)) == len(SERIES)

    assert len(models(embedded)) == 2
    assert models(hosted) == models(embedded)
    assert len(hopsworks.training_datasets) == 2
    assert hopsworks.count("GET", "/credentials") == 1, "one login for all of it"
    assert not (hosted.stores.folder / "objects").exists()
    assert not (hosted.stores.folder / "feature_store").exists()
