"""Records from a CSV or Parquet file as Energi Data Service exports it.

The file is read whole, kept in memory until it changes, and cut by hour. Messages about a bad file
give its path, the line if there is one, and what to do.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from energy_assets.errors import NoDataError, SettingsError, SourceError
from energy_assets.settings import Settings, utc_now
from energy_assets.sources.profiles import PROFILES, DatasetProfile
from energy_assets.sources.source import describe_span
from energy_assets.sources.times import utc_times

_DELIMITERS = (";", ",")


def open_file(settings: Settings, profile: DatasetProfile) -> FileSource:
    """The file that ENERGY_FILE names; raises SettingsError if it names none or cannot be used."""
    if settings.energy_file is None:
        raise SettingsError(
            "ENERGY_FILE is not set, but ENERGY_SOURCE=file reads from it. Set it to the path of "
            "a CSV or Parquet file as Energi Data Service exports it."
        )
    return FileSource(settings.energy_file, profile)


@dataclass(frozen=True)
class FileSource:
    """A file as a source. Raises SettingsError at once if the file is not there."""

    path: Path
    profile: DatasetProfile
    now: Callable[[], datetime] = utc_now
    name: str = "file"

    def __post_init__(self) -> None:
        _version(self.path)

    def fetch(self, start: datetime, end: datetime) -> pd.DataFrame:
        """The records of the hours [start, end): see `Source.fetch`."""
        content = self._content()
        oldest, newest = self.oldest_hour(), self.newest_hour()
        if start > newest or end <= oldest:
            delay = math.ceil((self.now() - newest) / timedelta(days=1))
            raise NoDataError(
                f"ENERGY_FILE {self.path} has {describe_span(oldest, newest)}, nothing of "
                f"{describe_span(start, end)}. Choose hours that are in the file, or set "
                f"DAYS_DELAY={max(delay, 0)} to replay its last hours as if they were live.",
                newest=newest if start > newest else None,
            )
        window = np.array([start, end], dtype="datetime64[ns]")
        first, last = np.searchsorted(content.hours, window)
        return content.records.iloc[first:last].reset_index(drop=True)

    def oldest_hour(self) -> datetime:
        """The first hour in the file."""
        return pd.Timestamp(self._content().hours[0]).to_pydatetime()

    def newest_hour(self) -> datetime:
        """The last hour in the file."""
        return pd.Timestamp(self._content().hours[-1]).to_pydatetime()

    def _content(self) -> _Content:
        return _read(self.path, self.profile, _version(self.path))


@dataclass(frozen=True)
class _Content:
    """The records of a file, sorted by hour, and the hour of each."""

    records: pd.DataFrame
    hours: NDArray[np.datetime64]


def _version(path: Path) -> tuple[int, int]:
    """Modification time and size: if either differs, the file has changed."""
    try:
        status = path.stat()
    except OSError as error:
        raise SettingsError(
            f"ENERGY_FILE {path} cannot be opened ({error.strerror}). Set it to the path of a CSV "
            "or Parquet file as Energi Data Service exports it."
        ) from None
    if path.is_dir():
        raise SettingsError(f"ENERGY_FILE {path} is a folder. Set it to one file in that folder.")
    if status.st_size == 0:
        raise SourceError(f"ENERGY_FILE {path} is empty. Export or download it again.")
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=2)
def _read(path: Path, profile: DatasetProfile, version: tuple[int, int]) -> _Content:
    """Read a whole file. With `version` in its key, the cache misses when the file has changed."""
    try:
        data = path.read_bytes()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
    except OSError as error:
        raise SourceError(
            f"ENERGY_FILE {path} cannot be read ({error}). Check its permissions. If it is "
            "damaged, export it again."
        ) from None
    except (EOFError, zlib.error) as error:
        raise SourceError(
            f"ENERGY_FILE {path} is truncated or damaged ({error}). Download it again."
        ) from None

    is_parquet = data.startswith(b"PAR1") or path.suffix == ".parquet"
    table = _parquet_table(path, profile, data) if is_parquet else _csv_table(path, profile, data)
    repeated = [name for name in table.column_names if table.column_names.count(name) > 1]
    if repeated:
        raise SourceError(
            f"ENERGY_FILE {path} has more than one column {repeated[0]}. Export it again."
        )
    records = table.to_pandas().astype(object)
    records = records.where(records.notna(), None)
    if records.empty:
        raise SourceError(f"ENERGY_FILE {path} holds no records. Export it again.")
    times = utc_times(records[profile.time_column])
    unreadable = times.isna().to_numpy()
    if unreadable.any():
        first = int(unreadable.argmax())
        place = f"record {first + 1}" if is_parquet else f"line {_line_numbers(data)[first + 1]}"
        raise SourceError(
            f"ENERGY_FILE {path}, {place}: {profile.time_column} is "
            f"{records[profile.time_column].iloc[first]!r}, which is not a time such as "
            "2023-01-31 23:00. Correct the file or export it again."
        )
    hours = times.dt.floor("h").to_numpy(dtype="datetime64[ns]")
    order = np.argsort(hours, kind="stable")
    return _Content(records.iloc[order].reset_index(drop=True), hours[order])


def _csv_table(path: Path, profile: DatasetProfile, data: bytes) -> pa.Table:
    """The table in a CSV file, every column as text."""
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"ENERGY_FILE {path}, line {line}: the bytes are not UTF-8 text. Save the file as "
            "UTF-8. If it is damaged, export it again."
        ) from None
    header, delimiter = _header(path, profile, data)
    invalid_rows: list[arrow_csv.InvalidRow] = []

    def skip(row: arrow_csv.InvalidRow) -> str:
        invalid_rows.append(row)
        return "skip"

    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            arrow_csv.ReadOptions(use_threads=False),  # with threads, rows have no numbers
            arrow_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=skip),
            arrow_csv.ConvertOptions(
                column_types={column: pa.string() for column in header},
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
    except pa.ArrowException as error:
        raise SourceError(
            f"ENERGY_FILE {path} cannot be read as CSV ({str(error).splitlines()[0]}). It is "
            "damaged: export or download it again."
        ) from None
    if invalid_rows:
        row = invalid_rows[0]
        advice = "The file is truncated or damaged: export or download it again."
        if row.actual_columns > row.expected_columns:
            advice = f"Values that contain {delimiter!r} must be quoted: export it with ';'."
        raise SourceError(
            f"ENERGY_FILE {path}, line {_line_numbers(data)[row.number - 1]}: "
            f"{row.actual_columns} fields, but the header names {row.expected_columns}. {advice}"
        )
    return table


def _header(path: Path, profile: DatasetProfile, data: bytes) -> tuple[list[str], str]:
    """The column names and the delimiter: the one that gives the profile's columns."""
    first_line = data.split(b"\n", 1)[0].decode().strip()
    headers = {sign: next(csv.reader([first_line], delimiter=sign), []) for sign in _DELIMITERS}
    for delimiter, names in headers.items():
        if set(profile.columns) <= set(names):
            return names, delimiter
    longest = max(headers.values(), key=len)
    if len(longest) == 1:
        raise SourceError(
            f"ENERGY_FILE {path}: the first line, {first_line[:80]!r}, is not a header with "
            "columns separated by ';' or ','. Export it as CSV with ';' and the columns "
            f"{', '.join(profile.columns)}."
        )
    raise _missing_columns(path, profile, longest)


def _parquet_table(path: Path, profile: DatasetProfile, data: bytes) -> pa.Table:
    """The table in a Parquet file, every column cast to text."""
    try:
        table = parquet.read_table(pa.BufferReader(data))
        columns = [column.cast(pa.string()) for column in table.columns]
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"ENERGY_FILE {path} cannot be read as Parquet ({str(error).splitlines()[0]}). It is "
            "truncated or damaged, or has nested columns: export or download it again."
        ) from None
    if not set(profile.columns) <= set(table.column_names):
        raise _missing_columns(path, profile, table.column_names)
    return pa.table(columns, names=table.column_names)


def _missing_columns(path: Path, profile: DatasetProfile, names: list[str]) -> SourceError:
    """The error for a file without the profile's columns; it suggests a profile that fits."""
    missing = [column for column in profile.columns if column not in names]
    fitting = [other.dataset for other in PROFILES.values() if set(other.columns) <= set(names)]
    advice = f"Set ENERGY_DATASET={fitting[0]}, which fits it." if fitting else "Export it again."
    return SourceError(
        f"ENERGY_FILE {path} has no column {', '.join(missing)}, which {profile.dataset} must "
        f"have; it has {', '.join(names)}. {advice}"
    )


def _line_numbers(data: bytes) -> list[int]:
    """The line number of each row, starting with the header; blank lines are not rows."""
    return [number for number, line in enumerate(data.splitlines(), 1) if line.strip()]
