"""A file gives its records unchanged; a bad one is an error with its path, line and advice."""

from __future__ import annotations

import gzip
import os
import time
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from energy_assets.errors import EnergyAssetsError, NoDataError, SettingsError, SourceError
from energy_assets.sources.file import FileSource
from energy_assets.sources.profiles import CONSUMER_CATEGORY, DE35

HOUR = timedelta(hours=1)

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
    ],
    ids=["plain", "no newline", "CRLF", "blank lines", "comma", "quoted", "BOM", "gzip"],
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

BAD_CSV = {
    "no records": (HEADER + "\n", "holds no records"),
    "wrong delimiter": (
        SMALL.replace(";", "\t"),
        "is not a header with columns separated by ';' or ','",
    ),
    "no header": ("\n".join([FIRST, SECOND]), "has no column HourUTC, PriceArea"),
    "missing column": (SMALL.replace("TotalCon", "Total"), "has no column TotalCon, which Consum"),
    "another data set": (
        "TimeUTC;RegionName;ConsumerCategory3;ConsumptionkWh\n",
        "Set ENERGY_DATASET=ConsumptionConsumerCategoryHour, which fits it",
    ),
    "truncated line": (SMALL[:-12], "line 4: 3 fields, but the header names 5.*truncated"),
    "truncated line after a blank one": (
        SMALL.replace(FIRST, "\n" + FIRST)[:-12],
        "line 5: 3 fields",
    ),
    "decimal comma between commas": (
        SMALL.replace(";", ",").replace("2774", "2774,5"),
        "line 3: 6 fields, but the header names 5. Values that contain ',' must be quoted",
    ),
    "bytes of another encoding": (SMALL.replace("112", "æ").encode("latin-1"), "line 3: the bytes"),
    "UTF-16": (SMALL.encode("utf-16"), "line 1: the bytes are not UTF-8 text"),
    "unreadable time": (
        SMALL.replace("2023-02-01 01:00;2", "1/2/2023 01:00;2"),
        "line 4: HourUTC is '1/2/2023 01:00'",
    ),
    "date without hours": (SMALL.replace(SECOND, SECOND[:10] + SECOND[16:]), "line 3: HourUTC"),
    "truncated gzip": (gzip.compress(SMALL.encode())[:-12], "is truncated or damaged"),
    "damaged gzip": (b"\x1f\x8b" + SMALL.encode(), "cannot be read|truncated or damaged"),
    "quote never closed": (SMALL.replace("DK1;112", '"DK1;112'), "line 3: 3 fields"),
    "repeated column": (
        SMALL.replace("HourDK", "TotalCon"),
        "more than one column TotalCon",
    ),
    "line without end": (SMALL + "1" * 3_000_000, "cannot be read as CSV"),
    "nothing": ("", "is empty"),
}


@pytest.mark.parametrize(("content", "message"), BAD_CSV.values(), ids=list(BAD_CSV))
def test_a_bad_csv_file_is_an_error_with_advice(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    path = tmp_path / "bad.csv"
    with pytest.raises(SourceError, match=rf"ENERGY_FILE {path}.*({message})") as error:
        a_file(path, content).newest_hour()
    assert len(str(error.value)) < 600


def test_a_broken_parquet_file_is_an_error(tmp_path: Path, small: FileSource) -> None:
    path = tmp_path / "small.parquet"
    everything(small).to_parquet(path)
    whole = path.read_bytes()
    for broken in (whole[:-100], whole[:50], b"PAR1", b"not Parquet"):
        path.write_bytes(broken)
        with pytest.raises(SourceError, match=r"small\.parquet cannot be read as Parquet"):
            FileSource(path, DE35).newest_hour()


def test_a_parquet_file_of_another_data_set_is_an_error_that_names_the_data_set(
    tmp_path: Path,
) -> None:
    path = tmp_path / "other.parquet"
    pd.DataFrame({column: ["1"] for column in CONSUMER_CATEGORY.columns}).to_parquet(path)
    with pytest.raises(SourceError, match=r"has no column HourUTC.*ENERGY_DATASET=ConsumptionCons"):
        FileSource(path, DE35).newest_hour()


def test_an_unreadable_time_in_a_parquet_file_is_an_error_that_names_the_record(
    tmp_path: Path, small: FileSource
) -> None:
    path = tmp_path / "small.parquet"
    frame = everything(small)
    frame.loc[1, "HourUTC"] = None
    frame.to_parquet(path)
    with pytest.raises(SourceError, match="record 2: HourUTC is None"):
        FileSource(path, DE35).newest_hour()


@pytest.mark.parametrize(
    ("name", "message"), [("absent.csv", "cannot be opened"), ("", "is a folder")]
)
def test_a_path_without_a_file_is_an_error_that_names_the_variable(
    tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(SettingsError, match=rf"ENERGY_FILE .*{message}"):
        FileSource(tmp_path / name, DE35)


def test_a_file_that_was_removed_is_an_error_that_names_the_variable(small: FileSource) -> None:
    small.path.unlink()
    with pytest.raises(SettingsError, match=r"ENERGY_FILE .*cannot be opened"):
        small.newest_hour()


@pytest.mark.parametrize("cut", range(1, len(SMALL), 7))
def test_a_file_truncated_anywhere_is_read_or_raises_our_own_error(
    tmp_path: Path, cut: int
) -> None:
    path = tmp_path / "cut.csv"
    path.write_text(SMALL[:cut])
    try:
        records = everything(FileSource(path, DE35))
    except EnergyAssetsError:
        return
    assert len(records) <= 3
