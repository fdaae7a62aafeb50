"""Whatever a release wrote can still be read: one folder for each release, none of them edited."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pandas as pd
import pytest

from energy_assets.forecasting import model_files
from energy_assets.forecasting.tuning.result import read_result
from energy_assets.schemas import QUANTILES, as_panel, first_versions
from energy_assets.settings import read_settings
from energy_assets.stores.opening import Stores, open_stores
from energy_assets.stores.parquet import read_hour
from energy_assets.stores.paths import hour_path
from energy_assets.stores.training_datasets import read_reference

HOUR = timedelta(hours=1)
ALL = (datetime(2023, 1, 1), datetime(2024, 1, 1))
"""A range that holds all rows of every release."""

RELEASES = sorted(path.parent for path in Path(__file__).parent.glob("*/expected.json"))


@dataclass(frozen=True)
class Release:
    """A copy of what a release wrote, and what it read from it itself."""

    stores: Stores
    expected: dict[str, Any]

    @property
    def origin(self) -> datetime:
        return datetime.fromisoformat(self.expected["origin"])

    def training_rows(self) -> pd.DataFrame:
        dataset = read_reference(self.stores.object_store, self.origin)
        return self.stores.feature_store.read_training_dataset(dataset)


@pytest.fixture(params=RELEASES, ids=lambda folder: folder.name)
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Release:
    shutil.copytree(request.param, tmp_path, dirs_exist_ok=True)
    expected = json.loads((tmp_path / "expected.json").read_text())
    settings = read_settings(_env_file=None, storage_root=tmp_path)
    return Release(open_stores(settings, expected["source_id"]), expected)


def assert_is(table: pd.DataFrame, expected: dict[str, Any]) -> None:
    """A table has the expected values; columns that were added since then do not matter."""
    columns = table[expected["columns"]]
    csv = columns.to_csv(index=False, date_format="%Y-%m-%dT%H:%M", lineterminator="\n")
    assert len(table) == expected["rows"]
    assert hashlib.sha256(csv.encode()).hexdigest() == expected["sha256"]


def test_every_release_is_here() -> None:
    assert "0.1.0" in [folder.name for folder in RELEASES]


def test_the_rows_of_the_feature_group_are_read(release: Release) -> None:
    rows = release.stores.feature_store.read(*ALL)
    assert_is(rows, release.expected["feature_group"])


def test_the_feature_group_takes_new_rows(release: Release) -> None:
    store = release.stores.feature_store
    hour = release.origin + 2 * HOUR
    rows = release.training_rows().tail(1).reset_index(drop=True)
    new = rows.assign(datetime_utc=rows["datetime_utc"] + 2 * HOUR)
    store.upsert(first_versions(new))
    pd.testing.assert_frame_equal(store.read(hour, hour + HOUR), new)


def test_the_rows_of_a_release_without_known_at_are_known_from_their_own_hour(
    release: Release,
) -> None:
    store = release.stores.feature_store
    rows = store.read(*ALL)
    pd.testing.assert_frame_equal(store.read_versions(*ALL), first_versions(rows), check_like=True)
    store.upsert(first_versions(rows))
    assert len(store.read_versions(*ALL)) == len(rows), "the same versions once more"
    until = rows["datetime_utc"].median()
    assert store.read(*ALL, known_by=until)["datetime_utc"].max() == until


def test_corrections_of_the_rows_of_a_release_take_nothing_from_it(release: Release) -> None:
    store = release.stores.feature_store
    rows = store.read(*ALL)
    seen = release.origin + 9 * HOUR
    closed = first_versions(rows.head(1)).assign(energy_consumption=math.nan, known_at=seen)
    corrected = first_versions(rows.tail(1)).assign(energy_consumption=1.0, known_at=seen)
    store.upsert(pd.concat([closed, corrected]))
    assert_is(store.read(*ALL, known_by=seen - HOUR), release.expected["feature_group"])
    now = rows.iloc[1:].reset_index(drop=True)
    now.loc[now.index[-1], "energy_consumption"] = 1.0
    for _ in range(2):
        pd.testing.assert_frame_equal(store.read(*ALL), now)
        assert_is(release.training_rows(), release.expected["feature_view"])
        store.maintain(keep=9)


def test_two_writers_may_upgrade_the_table_of_a_release_at_the_same_time(
    release: Release, tmp_path: Path
) -> None:
    rows = release.stores.feature_store.read(*ALL)
    settings, source = read_settings(_env_file=None, storage_root=tmp_path), release.expected
    stores = [open_stores(settings, source["source_id"]).feature_store for _ in range(4)]
    start = Barrier(len(stores))

    def correct(number: int) -> None:
        start.wait()
        seen = release.origin + (9 + number) * HOUR
        stores[number].upsert(first_versions(rows).assign(known_at=seen))

    with ThreadPoolExecutor(len(stores)) as pool:
        list(pool.map(correct, range(len(stores))))
    versions = release.stores.feature_store.read_versions(*ALL)
    assert len(versions) == len(rows) * (1 + len(stores))
    assert_is(release.training_rows(), release.expected["feature_view"])


def test_a_training_dataset_is_read_by_its_reference(release: Release) -> None:
    assert_is(release.training_rows(), release.expected["feature_view"])


def test_the_best_configuration_is_read(release: Release) -> None:
    document = release.stores.object_store.read(hour_path("best_config", release.origin, "json"))
    assert dict(read_result(document).best_parameters) == release.expected["best_config"]


def test_a_model_makes_the_forecast_that_it_made_then(release: Release, tmp_path: Path) -> None:
    registry = release.stores.model_registry
    (version,) = registry.promoted(release.origin)
    assert version.version == release.expected["model_version"]
    registry.download(version, tmp_path / "model")
    fitted = model_files.load(tmp_path / "model").updated(as_panel(release.training_rows()))

    stored = read_hour(release.stores.object_store, "predictions_parquet", release.origin)
    stored = stored.set_index(["area", "consumer_type", "datetime_utc"])
    forecast = fitted.predict(24, QUANTILES).reindex(stored.index)
    for name, column in (
        ("forecast", "energy_consumption"),
        ("lower", "lower"),
        ("upper", "upper"),
    ):
        # Processors add up in different orders.
        np.testing.assert_allclose(forecast[name], stored[column], rtol=1e-6)


@pytest.mark.parametrize(
    ("asset", "hours_later"),
    [
        ("raw_consumption", 0),
        ("predictions_parquet", 0),
        ("quarantine", 1),
        ("monitoring_metrics", 1),
    ],
)
def test_the_file_of_an_hour_is_read(release: Release, asset: str, hours_later: int) -> None:
    hour = release.origin + hours_later * HOUR
    assert_is(read_hour(release.stores.object_store, asset, hour), release.expected[asset])
