"""Records from a CSV or Parquet file as Energi Data Service exports it.

A file is read whole and once, kept in memory until it changes, and cut by hour. What can be wrong
with a file is told with its path, the line where there is one, and what to do.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from energy_assets.errors import NoDataError, SettingsError, SourceError
from energy_assets.settings import utc_now
from energy_assets.sources.profiles import PROFILES, DatasetProfile
from energy_assets.sources.times import utc_times

if TYPE_CHECKING:
    import pyarrow as pa

_DELIMITERS = (";", ",")
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class FileSource:
    """A file as a source; raises SettingsError at once if the file is not there."""

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
            delay = math.ceil((self.now() - newest).total_seconds() / _DAY_SECONDS)
            raise NoDataError(
                f"ENERGY_FILE {self.path} has {oldest:%Y-%m-%d %H:%M} to {newest:%Y-%m-%d %H:%M} "
                f"UTC, nothing of {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}: ask for hours "
                f"in the file, or set DAYS_DELAY={max(delay, 0)} to replay its end as if live",
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
    """Modification time and size, by which a changed file is noticed."""
    try:
        status = path.stat()
    except OSError as error:
        raise SettingsError(
            f"ENERGY_FILE {path} cannot be opened ({error.strerror}): set it to the path of a CSV "
            "or Parquet file as Energi Data Service exports it"
        ) from None
    if path.is_dir():
        raise SettingsError(f"ENERGY_FILE {path} is a folder: set it to one file in it")
    if status.st_size == 0:
        raise SourceError(f"ENERGY_FILE {path} is empty: export or download it again")
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=2)
def _read(path: Path, profile: DatasetProfile, version: tuple[int, int]) -> _Content:
    """Read a file whole; `version` makes the cache forget a file that has changed."""
    try:
        data = path.read_bytes()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
    except OSError as error:
        raise SourceError(
            f"ENERGY_FILE {path} cannot be read ({error}): check its permissions, or export it "
            "again if it is damaged"
        ) from None
    except (EOFError, zlib.error) as error:
        raise SourceError(
            f"ENERGY_FILE {path} is truncated or damaged ({error}): download it again"
        ) from None

    parquet = data.startswith(b"PAR1") or path.suffix == ".parquet"
    table = _parquet_table(path, profile, data) if parquet else _csv_table(path, profile, data)
    repeated = [name for name in table.column_names if table.column_names.count(name) > 1]
    if repeated:
        raise SourceError(
            f"ENERGY_FILE {path} has more than one column {repeated[0]}: export it again"
        )
    records = table.to_pandas().astype(object)
    records = records.where(records.notna(), None)
    if records.empty:
        raise SourceError(f"ENERGY_FILE {path} holds no records: export it again")
    times = utc_times(records[profile.time_column])
    unread = times.isna().to_numpy()
    if unread.any():
        first = int(unread.argmax())
        place = f"record {first + 1}" if parquet else f"line {_line_numbers(data)[first + 1]}"
        raise SourceError(
            f"ENERGY_FILE {path}, {place}: {profile.time_column} is "
            f"{records[profile.time_column].iloc[first]!r}, which is no time such as "
            "2023-01-31 23:00. Correct or export the file again."
        )
    hours = times.dt.floor("h").to_numpy(dtype="datetime64[ns]")
    order = np.argsort(hours, kind="stable")
    return _Content(records.iloc[order].reset_index(drop=True), hours[order])


def _csv_table(path: Path, profile: DatasetProfile, data: bytes) -> pa.Table:
    """The table in a CSV file, every column text."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"ENERGY_FILE {path}, line {line}: bytes that are no UTF-8 text. Save it as UTF-8, or "
            "export it again if it is damaged."
        ) from None
    header, delimiter = _header(path, profile, data)
    faults: list[arrow_csv.InvalidRow] = []

    def note(row: arrow_csv.InvalidRow) -> str:
        faults.append(row)
        return "skip"

    # Threads would lose count of the rows.
    reading = arrow_csv.ReadOptions(use_threads=False)
    parsing = arrow_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=note)
    converting = arrow_csv.ConvertOptions(
        column_types={column: pa.string() for column in header},
        strings_can_be_null=True,
        null_values=[""],
    )
    try:
        table = arrow_csv.read_csv(pa.BufferReader(data), reading, parsing, converting)
    except pa.ArrowException as error:
        raise SourceError(
            f"ENERGY_FILE {path} cannot be read as CSV ({str(error).splitlines()[0]}): it is "
            "damaged; export or download it again"
        ) from None
    if faults:
        row = faults[0]
        cut = row.actual_columns < row.expected_columns
        advice = "The file is truncated or damaged: export or download it again."
        if not cut:
            advice = f"Values that hold {delimiter!r} must be quoted: export it with ';'."
        raise SourceError(
            f"ENERGY_FILE {path}, line {_line_numbers(data)[row.number - 1]}: "
            f"{row.actual_columns} fields where the header names {row.expected_columns}. {advice}"
        )
    return table


def _header(path: Path, profile: DatasetProfile, data: bytes) -> tuple[list[str], str]:
    """The column names and the delimiter, which is the one that yields the profile's columns."""
    first_line = data.split(b"\n", 1)[0].decode().strip()
    readings = {sign: next(csv.reader([first_line], delimiter=sign), []) for sign in _DELIMITERS}
    for delimiter, names in readings.items():
        if set(profile.columns) <= set(names):
            return names, delimiter
    best = max(readings.values(), key=len)
    if len(best) == 1:
        raise SourceError(
            f"ENERGY_FILE {path}: the first line, {first_line[:80]!r}, is no header with columns "
            f"between ';' or ','. Export it as CSV with ';' and the columns "
            f"{', '.join(profile.columns)}."
        )
    raise _missing_columns(path, profile, best)


def _parquet_table(path: Path, profile: DatasetProfile, data: bytes) -> pa.Table:
    """The table in a Parquet file, every column cast to text."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(pa.BufferReader(data))
        columns = [column.cast(pa.string()) for column in table.columns]
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"ENERGY_FILE {path} cannot be read as Parquet ({str(error).splitlines()[0]}): it is "
            "truncated or damaged, or holds nested columns; export or download it again"
        ) from None
    if not set(profile.columns) <= set(table.column_names):
        raise _missing_columns(path, profile, table.column_names)
    return pa.table(columns, names=table.column_names)


def _missing_columns(path: Path, profile: DatasetProfile, names: list[str]) -> SourceError:
    """The error for a file whose columns are not the profile's, with the profile that fits."""
    missing = [column for column in profile.columns if column not in names]
    fits = [other.dataset for other in PROFILES.values() if set(other.columns) <= set(names)]
    advice = f"Set ENERGY_DATASET={fits[0]}, which it fits." if fits else "Export it again."
    return SourceError(
        f"ENERGY_FILE {path} has no column {', '.join(missing)}, which {profile.dataset} must have;"
        f" it has {', '.join(names)}. {advice}"
    )


def _line_numbers(data: bytes) -> list[int]:
    """The line of each row, header first; blank lines hold none."""
    return [number for number, line in enumerate(data.splitlines(), 1) if line.strip()]
