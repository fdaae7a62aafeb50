"""What only the feature store in Hopsworks does."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from unittest.mock import create_autospec

import pandas as pd
import pytest
from deltalake import write_deltalake

from energy_assets.errors import NotFoundError, SettingsError, StorageError
from energy_assets.schemas import CONSUMPTION, CONSUMPTION_VERSIONS
from energy_assets.settings import utc_now
from energy_assets_tests.stores.hopsworks.clients import features
from energy_assets_tests.stores.hopsworks.server import Project
from energy_assets_tests.stores.samples import HOUR, SOURCE_ID, T0, rows, versions


def test_rows_merged_before_a_failure_are_stored_once(hopsworks: Project) -> None:
    hopsworks.fail("POST", "/commits", status=500)
    store = features(hopsworks)
    store.upsert(versions())
    assert hopsworks.count("POST", "/commits") == 2
    pd.testing.assert_frame_equal(store.read(T0, T0 + 9 * HOUR), rows())


def test_a_feature_group_without_its_table_is_empty_and_can_be_written(hopsworks: Project) -> None:
    store = features(hopsworks)
    store.upsert(versions())
    shutil.rmtree(hopsworks.location(CONSUMPTION.name, 1))
    assert len(store.read(T0, T0 + 9 * HOUR)) == 0
    store.upsert(versions())
    assert len(store.read(T0, T0 + 9 * HOUR)) == 6


def test_what_another_process_creates_at_the_same_time_is_used(hopsworks: Project) -> None:
    store = features(hopsworks)
    store.upsert(versions())
    store.read(T0, T0 + HOUR)
    hopsworks.fail("GET", f"/featuregroups/{CONSUMPTION.name}$", status=404, code=270009)
    store.upsert(versions(value=5.0))
    hopsworks.fail("GET", "_view/version/1$", status=404, code=270181)
    pd.testing.assert_frame_equal(store.read(T0, T0 + 9 * HOUR), rows(value=5.0))
    assert not any(fault.times for fault in hopsworks.faults)


@pytest.mark.parametrize("lost", ["a file", "all files", "the folder"])
def test_a_training_dataset_that_lost_files_is_an_error_and_not_an_empty_one(
    hopsworks: Project, lost: str
) -> None:
    store = features(hopsworks)
    store.upsert(versions())
    pinned = store.create_training_dataset(T0, T0 + HOUR)
    folder = hopsworks.path_of(hopsworks.training_datasets[1]["location"])
    if lost == "the folder":
        shutil.rmtree(folder)
    else:
        for file in folder.rglob("*.parquet" if lost == "a file" else "*"):
            if file.is_file():
                file.unlink()
    with pytest.raises(NotFoundError, match="materialise feature_view again"):
        store.read_training_dataset(pinned)


def test_a_writer_that_always_commits_second_gives_up(
    hopsworks: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deltalake.exceptions import CommitFailedError
    from hsfs.core.delta_engine import DeltaEngine

    def conflict(*_: object, **__: object) -> None:
        raise CommitFailedError("a concurrent transaction has changed the table")

    monkeypatch.setattr(DeltaEngine, "_write_delta_rs_dataset", conflict)
    with pytest.raises(StorageError, match="run fewer writers at a time"):
        features(hopsworks).upsert(versions())


def test_rows_of_two_sources_do_not_mix(hopsworks: Project) -> None:
    features(hopsworks).upsert(versions())
    other = features(hopsworks, source_id="file-ConsumptionDE35Hour")
    for use in (
        lambda: other.upsert(versions()),
        lambda: other.read(T0, T0 + HOUR),
        lambda: other.create_training_dataset(T0, T0 + HOUR),
        lambda: other.maintain(keep=1),
        other.check,
    ):
        with pytest.raises(SettingsError, match=f"holds {SOURCE_ID}.*FEATURE_GROUP_VERSION"):
            use()
    apart = features(hopsworks, source_id="file-ConsumptionDE35Hour", feature_group_version=2)
    apart.upsert(versions(value=7.0))
    pd.testing.assert_frame_equal(features(hopsworks).read(T0, T0 + 9 * HOUR), rows())
    pd.testing.assert_frame_equal(apart.read(T0, T0 + 9 * HOUR), rows(value=7.0))


def test_a_feature_group_of_an_earlier_release_is_read_and_a_new_version_is_asked_for(
    hopsworks: Project,
) -> None:
    store = features(hopsworks)
    store.upsert(versions())
    group = hopsworks.feature_groups[CONSUMPTION.name, 1]
    group["features"] = [feature for feature in group["features"] if feature["name"] != "known_at"]
    shutil.rmtree(location := hopsworks.location(CONSUMPTION.name, 1))
    write_deltalake(location, rows().astype({"datetime_utc": "datetime64[us]"}))

    pd.testing.assert_frame_equal(store.read(T0, T0 + 9 * HOUR), rows())
    assert len(store.read(T0, T0 + 9 * HOUR, known_by=T0)) == 2
    pinned = store.create_training_dataset(T0, T0 + 9 * HOUR)
    pd.testing.assert_frame_equal(store.read_training_dataset(pinned), rows())
    for use in (lambda: store.upsert(versions()), store.check):
        with pytest.raises(SettingsError, match="set FEATURE_GROUP_VERSION=2"):
            use()
    new = features(hopsworks, feature_group_version=2)
    new.upsert(versions())
    pd.testing.assert_frame_equal(new.read(T0, T0 + 9 * HOUR), rows())


@pytest.mark.parametrize("stream", [False, True])
def test_the_feature_group_describes_what_it_holds(
    hopsworks: Project, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    from hsfs.engine.python import Engine

    monkeypatch.setattr(Engine, "_run_materialization_job", lambda *_: None)
    features(hopsworks, fs_statistics=True, fs_stream=stream).upsert(versions())
    group = hopsworks.feature_groups["energy_consumption_denmark", 1]
    assert SOURCE_ID in group["description"]
    assert group["eventTime"] == "datetime_utc"
    assert group["statisticsConfig"]["enabled"]
    assert group["type"] == ("streamFeatureGroupDTO" if stream else "cachedFeaturegroupDTO")
    descriptions = {feature["name"]: feature["description"] for feature in group["features"]}
    assert descriptions == {
        column.name: column.description for column in CONSUMPTION_VERSIONS.columns
    }
    primary = {feature["name"] for feature in group["features"] if feature["primary"]}
    assert primary == {"area", "consumer_type", "known_at"}
    features(hopsworks, fs_statistics=False).upsert(versions())
    group = hopsworks.feature_groups["energy_consumption_denmark", 1]
    assert not group["statisticsConfig"]["enabled"]


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED"])
def test_an_upsert_waits_for_the_job_of_a_stream_and_reports_its_failure(
    hopsworks: Project, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    from hopsworks_common.job import Job
    from hsfs.engine.python import Engine

    job = create_autospec(Job, instance=True)
    job.name = "materialise"
    job.get_final_state.return_value = state
    # In place of Kafka and a job on the cluster.
    materialise = create_autospec(Engine._run_materialization_job, return_value=job)
    monkeypatch.setattr(Engine, "_run_materialization_job", materialise)
    store = features(hopsworks, fs_stream=True)
    if state == "SUCCEEDED":
        store.upsert(versions())
    else:
        with pytest.raises(StorageError, match=r"job materialise.*has ended as FAILED"):
            store.upsert(versions())
    (_, group, frame, options, _), _ = materialise.call_args
    assert group.stream
    assert len(frame) == 6
    assert options["wait_for_job"]
    assert not Path(group.location).exists(), "nothing is written from this machine"


def test_there_is_one_feature_view_for_any_number_of_reads(hopsworks: Project) -> None:
    store = features(hopsworks)
    store.upsert(versions())
    for number in range(2):
        store.read(T0 + number * HOUR, T0 + (number + 1) * HOUR)
        store.create_training_dataset(T0, T0 + number * HOUR)
    assert list(hopsworks.feature_views) == [("energy_consumption_denmark_view", 1)]
    for dataset in hopsworks.training_datasets.values():  # either would start a Spark job
        assert dataset["dataFormat"] == "parquet"
        assert not dataset["statisticsConfig"]["enabled"]


def test_maintenance_keeps_training_datasets_that_a_run_may_still_be_making(
    hopsworks: Project,
) -> None:
    store = features(hopsworks)
    store.upsert(versions())
    for _ in range(3):
        store.create_training_dataset(T0, T0 + HOUR)
    hopsworks.training_datasets[9] = {
        **hopsworks.training_datasets[1],
        "version": 9,
        "description": "made by hand",
    }
    assert store.maintain(keep=2)["training datasets removed"] == 0
    tomorrow = features(hopsworks, now=lambda: utc_now() + timedelta(hours=25))
    assert tomorrow.maintain(keep=2)["training datasets removed"] == 1
    assert list(hopsworks.training_datasets) == [2, 3, 9]


def test_maintenance_compacts_the_table(hopsworks: Project) -> None:
    store = features(hopsworks, retention_hours=0)
    for number in range(3):
        store.upsert(versions(hours=1, start=T0 + number * HOUR))
    table = Path(hopsworks.location(CONSUMPTION.name, 1))
    before = len(list(table.glob("*.parquet")))
    assert store.maintain(keep=1)["files compacted"] == before
    assert len(list(table.glob("*.parquet"))) == 1
    assert len(store.read(T0, T0 + 9 * HOUR)) == 6
