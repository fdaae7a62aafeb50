"""What every feature store does."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from energy_assets.errors import ContractError, NotFoundError
from energy_assets.schemas import CONSUMPTION, PRIMARY_KEY
from energy_assets.stores.feature_store import FeatureStore
from energy_assets_tests.stores.samples import HOUR, T0, rows, versions


def test_what_is_upserted_is_read_back_sorted_by_key_with_its_types(store: FeatureStore) -> None:
    store.upsert(versions().sample(frac=1, random_state=1))
    read = store.read(T0, T0 + 3 * HOUR)
    pd.testing.assert_frame_equal(read, rows())
    assert read["datetime_utc"].dt.tz is None


def test_whole_numbers_become_floats_and_codes_stay_text(store: FeatureStore) -> None:
    store.upsert(versions().assign(consumer_type="0121", energy_consumption=range(6)))
    read = store.read(T0, T0 + 3 * HOUR)
    assert set(read["consumer_type"]) == {"0121"}
    assert read["energy_consumption"].dtype == "float64"
    assert read["energy_consumption"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_hours_are_utc_whatever_the_time_zone_of_the_process(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        store.upsert(versions(hours=24))
        pinned = store.create_training_dataset(T0 + HOUR, T0 + 3 * HOUR)
        for read in (store.read(pinned.start, pinned.end), store.read_training_dataset(pinned)):
            assert set(read["datetime_utc"]) == {pd.Timestamp(T0 + HOUR), T0 + 2 * HOUR}
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_range_includes_its_start_and_excludes_its_end(store: FeatureStore) -> None:
    store.upsert(versions(hours=5))
    hours = store.read(T0 + HOUR, T0 + 3 * HOUR)["datetime_utc"]
    assert set(hours) == {pd.Timestamp(T0 + HOUR), pd.Timestamp(T0 + 2 * HOUR)}


def test_an_empty_store_and_an_empty_range_give_no_rows_but_the_right_types(
    store: FeatureStore,
) -> None:
    never_written = store.read(T0, T0 + HOUR)
    store.upsert(versions())
    outside = store.read(T0 + timedelta(days=9), T0 + timedelta(days=10))
    for empty in (never_written, outside):
        assert len(empty) == 0
        assert list(empty.columns) == list(CONSUMPTION.dtypes)
        assert empty["datetime_utc"].dtype == "datetime64[ns]"


def test_rows_with_the_same_key_are_replaced_and_others_stay(store: FeatureStore) -> None:
    store.upsert(versions(hours=4))
    store.upsert(versions(hours=2, value=50.0))
    values = store.read(T0, T0 + 4 * HOUR).set_index(list(PRIMARY_KEY))["energy_consumption"]
    assert values[("DK1", "111")].tolist() == [50.0, 51.0, 3.0, 4.0]


def test_upserting_the_same_rows_again_changes_nothing(store: FeatureStore) -> None:
    for _ in range(3):
        store.upsert(versions())
    pd.testing.assert_frame_equal(store.read(T0, T0 + 9 * HOUR), rows())


def test_upserting_no_rows_does_nothing(store: FeatureStore) -> None:
    store.upsert(versions().iloc[:0])
    assert len(store.read(T0, T0 + HOUR)) == 0


def test_a_repeated_key_is_refused_and_nothing_is_written(store: FeatureStore) -> None:
    with pytest.raises(ContractError, match=r"repeat a key, first \(DK1, 111"):
        store.upsert(pd.concat([versions(), versions().head(1)]))
    assert len(store.read(T0, T0 + 3 * HOUR)) == 0


def test_a_training_dataset_gives_the_same_rows_after_later_upserts(store: FeatureStore) -> None:
    store.upsert(versions(hours=3))
    pinned = store.create_training_dataset(T0, T0 + 3 * HOUR)
    before = store.read_training_dataset(pinned)
    store.upsert(versions(hours=3, value=99.0))
    store.upsert(versions(hours=1, start=T0 - HOUR))
    assert pinned.rows == 6
    pd.testing.assert_frame_equal(store.read_training_dataset(pinned), before)
    assert store.read(T0, T0 + HOUR)["energy_consumption"].iloc[0] == 99.0


def test_hours_without_rows_can_be_pinned(store: FeatureStore) -> None:
    store.upsert(versions())
    pinned = store.create_training_dataset(T0 + 5 * HOUR, T0 + 9 * HOUR)
    assert pinned.rows == 0
    read = store.read_training_dataset(pinned)
    pd.testing.assert_frame_equal(read, store.read(pinned.start, pinned.end))


def test_a_training_dataset_can_be_pinned_again_after_its_reference_was_lost(
    store: FeatureStore,
) -> None:
    store.upsert(versions())
    store.create_training_dataset(T0, T0 + 3 * HOUR)  # and a crash before its reference was written
    store.upsert(versions(value=50.0))
    again = store.create_training_dataset(T0, T0 + 3 * HOUR)
    pd.testing.assert_frame_equal(store.read_training_dataset(again), rows(value=50.0))


def test_maintenance_keeps_the_table_and_the_newest_training_datasets(
    open_store: Callable[..., FeatureStore],
) -> None:
    store = open_store(retention_hours=0)
    pinned = []
    for value in (1.0, 50.0, 99.0):
        store.upsert(versions(value=value))
        pinned.append(store.create_training_dataset(T0, T0 + 3 * HOUR))
    removed = store.maintain(keep=2)
    assert sum(removed.values()) > 0
    for dataset, value in zip(pinned[1:], (50.0, 99.0), strict=True):
        pd.testing.assert_frame_equal(store.read_training_dataset(dataset), rows(value=value))
    pd.testing.assert_frame_equal(store.read(T0, T0 + 3 * HOUR), rows(value=99.0))
    with pytest.raises(NotFoundError, match="materialise feature_view again"):
        store.read_training_dataset(pinned[0])


def test_maintaining_an_empty_store_does_nothing(store: FeatureStore) -> None:
    assert set(store.maintain(keep=1).values()) <= {0}


def test_pinning_rows_of_an_empty_store_says_what_to_do(store: FeatureStore) -> None:
    with pytest.raises(NotFoundError, match="materialise feature_group first"):
        store.create_training_dataset(T0, T0 + HOUR)


def test_reading_a_training_dataset_that_is_gone_says_what_to_do(
    store: FeatureStore,
) -> None:
    store.upsert(versions())
    pinned = store.create_training_dataset(T0, T0 + HOUR)
    for lost in ({"version": 99}, {"table": "another"}, {"rows": 1}):
        with pytest.raises(NotFoundError, match="materialise feature_view again"):
            store.read_training_dataset(replace(pinned, **lost))


def test_two_writers_at_the_same_time_lose_no_rows(store: FeatureStore) -> None:
    def write(series: int) -> None:
        for number in range(8):
            store.upsert(versions(hours=1, start=T0 + number * HOUR).iloc[[series]])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, (0, 1)))  # raises what a writer raises
    assert len(store.read(T0, T0 + 8 * HOUR)) == 16


def test_the_shards_together_hold_every_series_once(store: FeatureStore) -> None:
    series = pd.concat(
        [versions().assign(consumer_type=f"{number:03}") for number in range(7)], ignore_index=True
    )
    store.upsert(series)
    store.upsert(series.assign(energy_consumption=series["energy_consumption"] + 1))
    start, end = T0, T0 + 3 * HOUR
    pinned = store.create_training_dataset(start, end)
    assert store.shards in (1, 3)
    for whole, parts in (
        (store.read(start, end), [store.read(start, end, shard=n) for n in range(store.shards)]),
        (
            store.read_versions(start, end),
            [store.read_versions(start, end, shard=n) for n in range(store.shards)],
        ),
        (
            store.read_training_dataset(pinned),
            [store.read_training_dataset(pinned, shard=n) for n in range(store.shards)],
        ),
    ):
        together = pd.concat(parts).sort_values(list(PRIMARY_KEY), ignore_index=True)
        pd.testing.assert_frame_equal(together, whole)
        held = [set(part["consumer_type"] + part["area"]) for part in parts]
        assert len(set.union(*held)) == sum(map(len, held)), "a series is in one shard"
        assert all(held) or store.shards == 1
