"""The asset graph on hosted stores: the same tables as on the embedded ones, row by row."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd

from energy_assets.partitions import HOUR, window_of
from energy_assets.stores.model_registry import ModelVersion
from energy_assets_tests.assets.conftest import ORIGIN
from energy_assets_tests.hopsworks_server import Project
from energy_assets_tests.world import Only, World

SERIES = {("DK1", "111"), ("DK2", "320"), ("DK2", "999")}


def run_graph(world: World) -> None:
    """All assets for two hours, over a month of history."""
    start, _ = window_of(ORIGIN - HOUR)
    world.put_history(start, ORIGIN - HOUR)
    world.put_config(ORIGIN - timedelta(days=30), n_estimators=20)
    world.run("hourly_job", ORIGIN - HOUR, ORIGIN)


def models(world: World) -> list[ModelVersion]:
    return list(world.stores.model_registry.promoted(ORIGIN))


def test_the_graph_gives_the_same_tables_on_hopsworks(
    simulated: Only, hopsworks: Project, tmp_path: Path
) -> None:
    source = Only(simulated.source, SERIES)
    embedded = World.build(tmp_path / "embedded", source)
    hosted = World.build(tmp_path / "hosted", source, settings=hopsworks.settings())
    for world in (embedded, hosted):
        run_graph(world)

    start, end = window_of(ORIGIN)
    rows = [world.stores.feature_store.read(start, end) for world in (embedded, hosted)]
    assert len(rows[0]) == 720 * len(SERIES)
    pd.testing.assert_frame_equal(*rows)
    for asset in ("raw_consumption", "predictions_parquet", "monitoring_metrics"):
        for hour in (ORIGIN - HOUR, ORIGIN):
            pd.testing.assert_frame_equal(embedded.frame(asset, hour), hosted.frame(asset, hour))
    assert len(embedded.frame("monitoring_metrics", ORIGIN)) == len(SERIES)
    assert len(models(embedded)) == 2
    assert models(hosted) == models(embedded)
    assert len(hopsworks.training_datasets) == 2
    assert hopsworks.asked("GET", "/credentials") == 1, "one login for all of it"
