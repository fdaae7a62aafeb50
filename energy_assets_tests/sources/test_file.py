"""A file gives its records unchanged; a bad one is an error with its path, line and advice."""

from __future__ import annotations

import gzip
import os
import time
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from energy_assets.errors import NoDataError
from energy_assets.sources.file import FileSource
from energy_assets.sources.profiles import CONSUMER_CATEGORY, DE35

HOUR = timedelta(hours=1)
H0 = datetime(2023, 2, 1)

SMALL = """HourUTC;HourDK;PriceArea;ConsumerType_DE35;TotalCon
2023-02-01 00:00;2023-02-01 01:00;DK1;111;69696
2023-02-01 00:00;2023-02-01 01:00;DK1;112;2774
2023-02-01 01:00;2023-02-01 02:00;DK1;111;68021
"""


def a_file(path: Path, content: str | bytes) -> FileSource:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return FileSource(path, DE35)


def everything(source: FileSource) -> pd.DataFrame:
    return source.fetch(source.oldest_hour(), source.newest_hour() + HOUR)


@pytest.fixture
def small(tmp_path: Path) -> FileSource:
    return a_file(tmp_path / "small.csv", SMALL)


def test_every_record_of_the_real_file_is_returned_as_text(de35_csv: Path) -> None:
    source = FileSource(de35_csv, DE35)
    published = pd.read_csv(de35_csv, sep=";", dtype=str)
    assert source.oldest_hour() == datetime(2023, 1, 31, 23)
    assert source.newest_hour() == datetime(2023, 3, 16, 22)
    pd.testing.assert_frame_equal(everything(source), published)


def test_reading_the_real_file_hour_by_hour_is_fast_and_loses_nothing(de35_csv: Path) -> None:
    source = FileSource(de35_csv, DE35)
    oldest = source.oldest_hour()
    began = time.process_time()
    hours = [source.fetch(oldest + k * HOUR, oldest + (k + 1) * HOUR) for k in range(720)]
    assert time.process_time() - began < 2.0
    whole = source.fetch(oldest, oldest + 720 * HOUR)
    pd.testing.assert_frame_equal(pd.concat(hours, ignore_index=True), whole)


def test_a_missing_day_is_an_empty_frame_with_all_columns(de35_csv: Path) -> None:
    source = FileSource(de35_csv, DE35)
    missing = source.fetch(datetime(2023, 2, 27, 23), datetime(2023, 2, 28, 23))
    assert missing.empty
    assert list(missing.columns) == ["HourUTC", "HourDK", *DE35.columns[1:]]


@pytest.mark.parametrize(
    "content",
    [
        SMALL,
        SMALL.rstrip("\n"),
        SMALL.replace("\n", "\r\n"),
        SMALL.replace("\n", "\n\n"),
        SMALL.replace(";", ","),
        SMALL.replace("DK1", '"DK1"'),
        b"\xef\xbb\xbf" + SMALL.encode(),
        gzip.compress(SMALL.encode()),
        gzip.compress(SMALL[:50].encode()) + gzip.compress(SMALL[50:].encode()),
        SMALL.replace("\n", "\r"),
    ],
    ids=[
        "plain",
        "no newline",
        "CRLF",
        "blank lines",
        "comma",
        "quoted",
        "BOM",
        "gzip",
        "two gzips",
        "CR",
    ],
)
def test_every_csv_dialect_gives_the_same_records(
    tmp_path: Path, small: FileSource, content: str | bytes
) -> None:
    source = a_file(tmp_path / "dialect.csv", content)
    pd.testing.assert_frame_equal(everything(source), everything(small))


def test_values_stay_as_published(tmp_path: Path) -> None:
    lines = [
        "TimeUTC;TimeDK;RegionName;ConsumerCategory3;ConsumptionkWh",
        "2024-08-29 21:00:00;2024-08-29 23:00:00;Region Sjælland;Privat;571027,830000",
        "2024-08-29 20:00:00;2024-08-29 22:00:00;Region Sjælland;Privat;",
        "2024-08-29 20:00:00;2024-08-29 22:00:00;NA;null;nan",
    ]
    path = tmp_path / "new.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    records = everything(FileSource(path, CONSUMER_CATEGORY))
    assert records["ConsumptionkWh"].tolist() == [None, "nan", "571027,830000"]
    assert records["RegionName"].tolist() == ["Region Sjælland", "NA", "Region Sjælland"]


def test_a_file_in_descending_order_is_cut_by_hour_too(tmp_path: Path) -> None:
    header, *lines = SMALL.strip().split("\n")
    source = a_file(tmp_path / "down.csv", "\n".join([header, *reversed(lines)]))
    first = source.fetch(datetime(2023, 2, 1), datetime(2023, 2, 1, 1))
    assert first["ConsumerType_DE35"].tolist() == ["112", "111"]


@pytest.mark.parametrize("typed", [False, True])
def test_a_parquet_file_is_cast_to_text(tmp_path: Path, small: FileSource, typed: bool) -> None:
    frame = everything(small)
    if typed:
        frame = frame.assign(
            HourUTC=pd.to_datetime(frame["HourUTC"]),
            ConsumerType_DE35=frame["ConsumerType_DE35"].astype("int64"),
            PriceArea=frame["PriceArea"].astype("category"),
            TotalCon=frame["TotalCon"].astype("float64"),
        )
    path = tmp_path / "small.parquet"
    frame.to_parquet(path)
    source = FileSource(path, DE35)
    columns = ["PriceArea", "ConsumerType_DE35", "TotalCon"]
    pd.testing.assert_frame_equal(everything(source)[columns], everything(small)[columns])
    assert source.newest_hour() == datetime(2023, 2, 1, 1)


def test_a_file_that_has_changed_is_read_again(tmp_path: Path, small: FileSource) -> None:
    assert len(everything(small)) == 3
    small.path.write_text(SMALL + "2023-02-01 02:00;2023-02-01 03:00;DK1;111;1\n")
    os.utime(small.path, (1, 1))
    assert len(everything(small)) == 4


def test_changing_the_records_does_not_change_the_source(small: FileSource) -> None:
    records = everything(small)
    records.loc[:, "TotalCon"] = "0"
    assert everything(small)["TotalCon"].tolist() == ["69696", "2774", "68021"]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime(2023, 1, 31, 22), datetime(2023, 2, 1)),
        (datetime(2023, 2, 1, 2), datetime(2023, 2, 1, 3)),
    ],
)
def test_hours_outside_the_file_are_an_error_that_says_how_to_replay_it(
    small: FileSource, start: datetime, end: datetime
) -> None:
    source = FileSource(small.path, DE35, now=lambda: datetime(2023, 2, 11, 9, 30))
    message = (
        rf"small.csv has 2023-02-01 00:00 to 2023-02-01 01:00 UTC, nothing of {start:%Y-%m-%d %H}"
        r".*DAYS_DELAY=11 "
    )
    with pytest.raises(NoDataError, match=message):
        source.fetch(start, end)


def test_a_range_partly_outside_the_file_gives_the_records_inside(small: FileSource) -> None:
    assert len(small.fetch(datetime(2023, 2, 1, 1), datetime(2023, 2, 5))) == 1


HEADER, FIRST, SECOND, THIRD = SMALL.strip().split("\n")


@pytest.mark.parametrize("text", [None, "", "soon", "2023-02-01", "9999-12-31 23:00"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_record_whose_time_cannot_be_read_is_given_with_the_one_before_it(
    tmp_path: Path, small: FileSource, suffix: str, text: str | None
) -> None:
    frame = everything(small)
    frame.loc[1, "HourUTC"] = text
    path = tmp_path / f"odd.{suffix}"
    frame.to_csv(path, sep=";", index=False) if suffix == "csv" else frame.to_parquet(path)
    source = FileSource(path, DE35)
    assert source.newest_hour() == datetime(2023, 2, 1, 1)
    first, second = (source.fetch(hour, hour + HOUR) for hour in (H0, H0 + HOUR))
    assert first["HourUTC"].tolist() == [
        "2023-02-01 00:00",
        text if suffix == "parquet" else text or None,
    ]
    assert first["TotalCon"].tolist() == ["69696", "2774"]
    assert second["TotalCon"].tolist() == ["68021"]


def test_a_record_without_a_readable_time_before_the_first_hour_is_given_with_the_first(
    tmp_path: Path,
) -> None:
    source = a_file(tmp_path / "odd.csv", SMALL.replace(FIRST, "soon" + FIRST[16:]))
    assert source.fetch(H0, H0 + HOUR)["HourUTC"].tolist() == ["soon", "2023-02-01 00:00"]
