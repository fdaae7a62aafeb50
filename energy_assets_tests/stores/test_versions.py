"""Every feature store keeps all versions of a row, and tells what was known at a time."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import ContractError
from energy_assets.schemas import CONSUMPTION, CONSUMPTION_VERSIONS
from energy_assets.stores.feature_store import FeatureStore
from energy_assets.stores.versions import newest_versions
from energy_assets_tests.stores.samples import HOUR, T0, rows, versions
from energy_assets_tests.stores.versions_model import VersionsModel

END = T0 + 9 * HOUR
LATER = T0 + timedelta(days=2)


def test_a_correction_is_a_version_beside_the_one_it_corrects(store: FeatureStore) -> None:
    first, corrected = versions(), versions(value=50.0, known_at=LATER)
    store.upsert(first)
    store.upsert(corrected)
    pd.testing.assert_frame_equal(store.read(T0, END), rows(value=50.0))
    both = pd.concat([first, corrected]).sort_values(list(CONSUMPTION_VERSIONS.key))
    pd.testing.assert_frame_equal(store.read_versions(T0, END), both.reset_index(drop=True))


def test_what_was_known_at_a_time_is_read_as_it_was_then(store: FeatureStore) -> None:
    store.upsert(versions())
    store.upsert(versions(value=50.0, known_at=LATER))
    before = LATER - timedelta(microseconds=1)
    pd.testing.assert_frame_equal(store.read(T0, END, known_by=before), rows())
    pd.testing.assert_frame_equal(store.read(T0, END, known_by=LATER), rows(value=50.0))
    known_in_the_first_hour = store.read(T0, END, known_by=T0)
    assert set(known_in_the_first_hour["datetime_utc"]) == {pd.Timestamp(T0)}


def test_a_version_without_a_value_closes_the_row_until_there_is_one_again(
    store: FeatureStore,
) -> None:
    store.upsert(versions())
    store.upsert(versions(hours=1, value=math.nan, known_at=LATER))
    store.upsert(versions(hours=1, value=7.0, known_at=LATER + HOUR))
    values = [
        store.read(T0, T0 + HOUR, known_by)["energy_consumption"].tolist()
        for known_by in (LATER - HOUR, LATER, LATER + HOUR, None)
    ]
    assert values == [[1.0, 1.0], [], [7.0, 7.0], [7.0, 7.0]]
    assert len(store.read(T0, END, known_by=LATER)) == 4


def test_versions_may_arrive_in_any_order(store: FeatureStore) -> None:
    store.upsert(versions(value=50.0, known_at=LATER))
    store.upsert(versions())
    pd.testing.assert_frame_equal(store.read(T0, END), rows(value=50.0))
    pd.testing.assert_frame_equal(store.read(T0, END, known_by=END), rows())


def test_the_same_version_again_replaces_it_and_no_other(store: FeatureStore) -> None:
    store.upsert(versions())
    store.upsert(versions(value=50.0, known_at=LATER))
    store.upsert(versions(value=60.0, known_at=LATER))
    assert len(store.read_versions(T0, END)) == 12
    pd.testing.assert_frame_equal(store.read(T0, END), rows(value=60.0))
    pd.testing.assert_frame_equal(store.read(T0, END, known_by=END), rows())


def test_times_are_known_to_the_microsecond(store: FeatureStore) -> None:
    times = [LATER + timedelta(microseconds=number) for number in range(3)]
    for number, time in enumerate(times):
        store.upsert(versions(hours=1, value=float(number), known_at=time))
    assert store.read_versions(T0, END)["known_at"].tolist() == [pd.Timestamp(t) for t in times] * 2
    for number, time in enumerate(times):
        assert set(store.read(T0, END, known_by=time)["energy_consumption"]) == {float(number)}


def test_the_version_that_held_at_a_time_says_since_when_it_was_known(store: FeatureStore) -> None:
    store.upsert(versions())
    store.upsert(versions(hours=2, value=50.0, known_at=LATER))
    store.upsert(versions(hours=1, value=math.nan, known_at=LATER + HOUR))
    stored = store.read_versions(T0, END)
    for time in (T0, LATER - HOUR, LATER, LATER + HOUR, None):
        known = newest_versions(stored, time, CONSUMPTION_VERSIONS)
        pd.testing.assert_frame_equal(known[list(CONSUMPTION.dtypes)], store.read(T0, END, time))
        corrected = known["energy_consumption"] >= 50
        assert (known.loc[corrected, "known_at"] == LATER).all()
        first = known[~corrected]
        assert (first["known_at"] == first["datetime_utc"]).all()


def test_a_training_dataset_holds_what_was_known_by_its_time(store: FeatureStore) -> None:
    store.upsert(versions())
    store.upsert(versions(hours=2, value=50.0, known_at=LATER))
    store.upsert(versions(hours=1, value=math.nan, known_at=LATER))
    then = store.create_training_dataset(T0, END, known_by=LATER - HOUR)
    now = store.create_training_dataset(T0, END)
    store.upsert(versions(hours=3, value=99.0, known_at=LATER - 2 * HOUR))
    assert (then.known_by, then.rows) == (LATER - HOUR, 6)
    assert (now.known_by, now.rows) == (None, 4)
    pd.testing.assert_frame_equal(store.read_training_dataset(then), rows())
    assert set(store.read_training_dataset(now)["energy_consumption"]) == {51.0, 3.0}


@pytest.mark.parametrize("column", CONSUMPTION_VERSIONS.key)
def test_a_version_without_a_complete_key_is_refused(store: FeatureStore, column: str) -> None:
    incomplete = versions()
    incomplete.loc[2, column] = None
    with pytest.raises(ContractError, match="1 versions have no complete key"):
        store.upsert(incomplete)
    assert store.read_versions(T0, END).empty


def test_random_versions_are_read_as_the_slow_oracle_reads_them(store: FeatureStore) -> None:
    random, model = np.random.default_rng(0), VersionsModel()
    for _ in range(6):
        chosen = [random.integers(0, size, 80) for size in (2, 3, 6, 5)]
        batch = pd.DataFrame(np.transpose(chosen), columns=list(CONSUMPTION_VERSIONS.key))
        batch = batch.drop_duplicates().astype({"area": str, "consumer_type": str})
        for column in ("datetime_utc", "known_at"):
            batch[column] = pd.Timestamp(T0) + pd.to_timedelta(batch[column], unit="h")
        values = random.uniform(0, 9e4, len(batch))
        batch["energy_consumption"] = np.where(random.random(len(batch)) < 0.2, np.nan, values)
        store.upsert(batch)
        model = model.upsert(batch)
    pd.testing.assert_frame_equal(store.read_versions(T0, END), model.read_versions(T0, END))
    for known_by in [None, *(T0 + number * HOUR for number in range(-1, 6))]:
        pd.testing.assert_frame_equal(
            store.read(T0 + HOUR, T0 + 5 * HOUR, known_by),
            model.read(T0 + HOUR, T0 + 5 * HOUR, known_by),
        )
