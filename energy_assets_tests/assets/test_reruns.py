"""Running hours of the real file again changes nothing, and old hours leave the newest alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from energy_assets.forecasts.publishing import read_published
from energy_assets.partitions import HOUR
from energy_assets.sources.file import FileSource
from energy_assets_tests.world import ORIGIN, SERIES, Only, World

NEWEST = ("predictions.parquet", "X.parquet", "y.parquet")
IN_THE_MISSING_DAY = datetime(2023, 2, 28, 10)


@pytest.fixture
def few_series(tmp_path: Path, real_source: FileSource) -> World:
    """Twelve series of the real file, and a configuration that is trained in no time."""
    world = World.build(tmp_path, Only(real_source, SERIES))
    world.put_history(real_source.oldest_hour(), ORIGIN + HOUR)
    world.put_config(ORIGIN - timedelta(days=30), n_estimators=20)
    return world


def stored_files(world: World) -> dict[str, bytes]:
    """Every file of the models and of the object store by its path, but for the references.

    A training dataset refers to the version of the table, and each load makes a version.
    """
    return {
        str(path.relative_to(world.stores.folder)): path.read_bytes()
        for folder in ("models", "objects")
        for path in (world.stores.folder / folder).rglob("*")
        if path.is_file() and path.parents[1].name != "feature_view"
    }


@pytest.mark.parametrize(("hour", "observed"), [(ORIGIN, len(SERIES)), (IN_THE_MISSING_DAY, 0)])
def test_running_any_hour_again_leaves_the_same_bytes(
    few_series: World, hour: datetime, observed: int
) -> None:
    world, store = few_series, few_series.stores.feature_store
    world.run("hourly_job", hour - HOUR, hour)
    files, rows = stored_files(world), store.read(hour - timedelta(days=30), ORIGIN + HOUR)
    assert len(world.frame("raw_consumption", hour)) == observed
    assert len(world.frame("predictions_parquet", hour)) == 24 * len(SERIES)
    assert len(world.frame("monitoring_metrics", hour)) == observed
    assert f"models/best_model/hours/{hour:%Y-%m-%dT%H}.json" in files

    for again in ((hour,), (hour - HOUR,), (hour - HOUR, hour)):
        world.run("hourly_job", *again)
        now = stored_files(world)
        assert {path for path in files | now if files.get(path) != now.get(path)} == set()
    pd.testing.assert_frame_equal(store.read(hour - timedelta(days=30), ORIGIN + HOUR), rows)


def test_a_backfill_of_old_hours_leaves_the_newest_forecast_untouched(few_series: World) -> None:
    world = few_series
    world.run("hourly_job", ORIGIN)
    newest = {name: world.stores.object_store.read(name) for name in NEWEST}
    first, last = ORIGIN - timedelta(days=10), ORIGIN - timedelta(days=10) + 2 * HOUR
    world.run("hourly_job", first, last)
    world.run("prediction_job", first)
    assert {name: world.stores.object_store.read(name) for name in NEWEST} == newest
    assert read_published(world.stores.object_store).origin == ORIGIN
    assert world.metadata("published_forecast", last)["published by this run"] is False
    for hour in (first, first + HOUR, last):
        assert set(world.frame("predictions_parquet", hour)["origin"]) == {pd.Timestamp(hour)}
