"""A bad file is an error with its path, line and advice, soon and whatever its size."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from energy_assets.errors import EnergyAssetsError, SettingsError, SourceError
from energy_assets.sources.file import FileSource
from energy_assets.sources.profiles import CONSUMER_CATEGORY, DE35
from energy_assets_tests.sources.test_file import (
    FIRST,
    HEADER,
    SECOND,
    SMALL,
    a_file,
    everything,
)


@pytest.fixture
def small(tmp_path: Path) -> FileSource:
    return a_file(tmp_path / "small.csv", SMALL)


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
    "no time that can be read": (
        SMALL.replace("2023-02-01", "1/2/2023"),
        "none of its times can be read. The first HourUTC is '1/2/2023 00:00'",
    ),
    "truncated gzip": (gzip.compress(SMALL.encode())[:-12], "is truncated or damaged"),
    "damaged gzip": (b"\x1f\x8b" + SMALL.encode(), "cannot be read|truncated or damaged"),
    "quote never closed": (SMALL.replace("DK1;112", '"DK1;112'), "line 3: 3 fields"),
    "repeated column": (
        SMALL.replace("HourDK", "TotalCon"),
        "more than one column TotalCon",
    ),
    "line without end": (SMALL + "1" * 3_000_000, "cannot be read as CSV"),
    "nothing": ("", "is empty"),
    "blank first line": ("\n" + SMALL, "the first line, '', is not a header"),
    "carriage return in the header": (
        SMALL.replace("HourDK", "Hour\rDK"),
        "no column PriceArea, ConsumerType_DE35, TotalCon, .* it has HourUTC, Hour. Export",
    ),
    "quote in the header never closed": (
        SMALL.replace(";TotalCon", ';"TotalCon'),
        "line 1: a quote in the header|cannot be read as CSV",
    ),
    "space in the header": (SMALL.replace("TotalCon", "TotalCon "), "has no column TotalCon"),
    "header of one long name": ("x" * 200_000 + "\n", "the first line, 'xxx.* is not a header"),
    "20,000 columns": (
        ";".join([HEADER, *(f"x{k}" for k in range(20_000))]) + "\n" + ";" * 20_004,
        "has 20,005 columns, more than 100",
    ),
    "20,000 other columns": (
        ";".join(f"x{k}" for k in range(20_000)),
        "has no column HourUTC, .* it has x0, x1, .* and 19990 more",
    ),
    "column repeated 20,000 times": (HEADER + ";x" * 20_000, "has 20,005 columns"),
}


@pytest.mark.parametrize(("content", "message"), BAD_CSV.values(), ids=list(BAD_CSV))
def test_a_bad_csv_file_is_an_error_with_advice(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    path = tmp_path / "bad.csv"
    began = time.process_time()
    with pytest.raises(SourceError, match=rf"ENERGY_FILE {path}.*({message})") as error:
        a_file(path, content).newest_hour()
    assert len(str(error.value)) < 600
    assert time.process_time() - began < 1.0


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


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("excess", [0, 1])
def test_a_file_above_the_limit_is_refused_compressed_or_not(
    tmp_path: Path, excess: int, is_compressed: bool
) -> None:
    content = SMALL.encode()
    path = tmp_path / "small.csv"
    path.write_bytes(gzip.compress(content, mtime=0) if is_compressed else content)
    source = FileSource(path, DE35, max_bytes=len(content) - excess)
    if not excess:
        assert len(everything(source)) == 3
        return
    with pytest.raises(SourceError, match=r"small.csv has more than \d+ bytes. Export fewer"):
        source.newest_hour()


def test_a_parquet_file_with_bytes_that_are_no_text_is_an_error(
    tmp_path: Path, small: FileSource
) -> None:
    path = tmp_path / "small.parquet"
    everything(small).to_parquet(path, compression=None)
    path.write_bytes(path.read_bytes().replace(b"69696", b"6\xff\xff96"))
    with pytest.raises(SourceError, match=r"cannot be read as Parquet .*UTF8"):
        FileSource(path, DE35).newest_hour()


@pytest.mark.parametrize("count", [95, 20_000])
def test_a_parquet_file_of_more_than_a_hundred_columns_is_refused_at_once(
    tmp_path: Path, small: FileSource, count: int
) -> None:
    path = tmp_path / "wide.parquet"
    wide = pa.table({**everything(small), **{f"x{k}": ["1"] * 3 for k in range(count)}})
    parquet.write_table(wide, path)
    if count == 95:
        assert len(everything(FileSource(path, DE35)).columns) == 100
        return
    with pytest.raises(SourceError, match="has 20,005 columns"):
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
