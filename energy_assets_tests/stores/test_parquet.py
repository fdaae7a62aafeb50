"""An asset's hour as a Parquet file in the object store."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
import pytest

from energy_assets.errors import NotFoundError, StorageError
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import encode, read_hour, read_hours, read_metadata
from energy_assets.stores.training_datasets import read_reference

HOUR = datetime(2023, 3, 1, 10)
PATH = "raw_consumption/2023-03-01/10.parquet"


def test_a_frame_comes_back_with_its_index_types_and_metadata(object_store: ObjectStore) -> None:
    frame = pd.DataFrame(
        {"hour": pd.to_datetime(["2023-03-01 10:00"]), "code": ["0121"]}, index=["a"]
    )
    object_store.write(PATH, encode(frame, {"origin": "2023-03-01T10:00:00"}))
    pd.testing.assert_frame_equal(read_hour(object_store, "raw_consumption", HOUR), frame)
    assert read_metadata(object_store.read(PATH)) == {"origin": "2023-03-01T10:00:00"}


def test_an_hour_without_a_file_says_what_to_materialise(object_store: ObjectStore) -> None:
    with pytest.raises(NotFoundError, match="materialise raw_consumption for that partition"):
        read_hour(object_store, "raw_consumption", HOUR)


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing PAR1"])
def test_a_damaged_file_is_named(object_store: ObjectStore, content: bytes) -> None:
    object_store.write(PATH, content)
    with pytest.raises(StorageError, match=f"{PATH} is not readable as Parquet.*backup"):
        read_hour(object_store, "raw_consumption", HOUR)


def test_the_rows_of_several_hours_are_in_the_order_of_the_hours(
    object_store: ObjectStore, caplog: pytest.LogCaptureFixture
) -> None:
    def rows(hour: datetime, *codes: str) -> pd.DataFrame:
        return pd.DataFrame({"hour": pd.to_datetime([hour] * len(codes)), "code": list(codes)})

    later, missing, empty = (HOUR + number * timedelta(hours=1) for number in (1, 2, 3))
    for hour, codes in ((HOUR, ["b", "a"]), (later, ["c"]), (empty, [])):
        path = f"raw_consumption/2023-03-01/{hour:%H}.parquet"
        object_store.write(path, encode(rows(hour, *codes), {"origin": str(hour)}))
    expected = pd.concat([rows(later, "c"), rows(HOUR, "b", "a")], ignore_index=True)
    hours = [empty, later, missing, HOUR]
    pd.testing.assert_frame_equal(read_hours(object_store, "raw_consumption", hours), expected)
    assert read_hours(object_store, "raw_consumption", [missing]).empty
    object_store.write(PATH, b"PAR1")
    with caplog.at_level("WARNING"):
        rest = read_hours(object_store, "raw_consumption", hours)
    pd.testing.assert_frame_equal(rest, rows(later, "c"))
    assert f"{PATH} is not readable as Parquet" in caplog.text


@pytest.mark.parametrize("content", [b"", b"[]", b'{"version": 1}', b"\xff"])
def test_a_damaged_reference_says_what_to_materialise(
    object_store: ObjectStore, content: bytes
) -> None:
    object_store.write("feature_view/2023-03-01/10.json", content)
    with pytest.raises(StorageError, match="materialise feature_view for 2023-03-01-10:00 again"):
        read_reference(object_store, HOUR)
