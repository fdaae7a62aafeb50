"""The asset graph on Google Cloud Storage: not a line of it differs, and neither does a row."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from energy_assets.partitions import HOUR
from energy_assets.publishing import newest_origin
from energy_assets_tests.assets.conftest import ORIGIN
from energy_assets_tests.gcs_server import BUCKET, GcsServer
from energy_assets_tests.world import Only, World

FEW = {("DK1", "111"), ("DK1", "121"), ("DK2", "111"), ("DK2", "445")}
FOLDER = "energy"


def test_the_graph_leaves_the_same_rows_in_a_bucket_as_on_disk(
    gcs: GcsServer, simulated: Only, tmp_path: Path
) -> None:
    hosted = {
        "object_store": "gcs",
        "google_cloud_bucket_name": BUCKET,
        "google_cloud_bucket_folder": FOLDER,
    }
    few = Only(simulated, FEW)
    on_disk = World.build(tmp_path / "disk", few)
    in_bucket = World.build(tmp_path / "bucket", few, settings=hosted)
    for world in (on_disk, in_bucket):
        world.put_history(ORIGIN - timedelta(days=30), ORIGIN - HOUR)
        world.put_config(ORIGIN - HOUR, n_estimators=20)
        world.run("hourly_job", ORIGIN - HOUR, ORIGIN)
        assert newest_origin(world.stores.object_store) == ORIGIN
        assert set(world.frame("predictions_parquet", ORIGIN)["quality"]) == {"model"}

    paths = on_disk.stores.object_store.list("")
    assert in_bucket.stores.object_store.list("") == paths
    assert {path.split("/")[0] for path in paths} == {
        *("raw_consumption", "feature_view", "best_config", "predictions_parquet"),
        *("monitoring_metrics", "predictions.parquet", "X.parquet", "y.parquet"),
    }
    for path in paths:
        assert content(in_bucket, path) == content(on_disk, path), path
    assert {f"{FOLDER}/{path}" for path in paths} < set(gcs.objects)
    assert not (in_bucket.stores.root / "objects").exists()


def content(world: World, path: str) -> Any:
    """Rows and types of a Parquet file, or a JSON document."""
    data = world.stores.object_store.read(path)
    if path.endswith(".parquet"):
        frame = pd.read_parquet(io.BytesIO(data))
        return frame.to_csv(), list(map(str, frame.dtypes))
    return json.loads(data)
