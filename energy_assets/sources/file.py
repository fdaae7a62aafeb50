"""Records from a CSV or Parquet file as Energi Data Service exports it.

The file is read whole, kept in memory until it changes, and cut by hour. A record whose time cannot
be read is given with the record before it. Messages about a bad file give its path, the line if
there is one, and what to do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from energy_assets.errors import NoDataError, SettingsError, SourceError
from energy_assets.settings import Settings, utc_now
from energy_assets.sources.profiles import DatasetProfile
from energy_assets.sources.source import describe_span
from energy_assets.sources.tables import read_table, version_of
from energy_assets.sources.times import utc_times


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
    max_bytes: int = 1024**3
    """The most that the file, decompressed, may have: it is read into memory."""
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
        return _read(self.path, self.profile, self.max_bytes, _version(self.path))


@dataclass(frozen=True)
class _Content:
    """The records of a file, sorted by hour, and the hour of each."""

    records: pd.DataFrame
    hours: NDArray[np.datetime64]


def _version(path: Path) -> tuple[int, int]:
    return version_of(f"ENERGY_FILE {path}", path, "as Energi Data Service exports it")


@lru_cache(maxsize=2)
def _read(
    path: Path, profile: DatasetProfile, max_bytes: int, version: tuple[int, int]
) -> _Content:
    """Read a whole file. With `version` in its key, the cache misses when the file has changed."""
    name = f"ENERGY_FILE {path}"
    table = read_table(name, path, profile, max_bytes)
    records = table.to_pandas().astype(object)
    records = records.where(records.notna(), None)
    if records.empty:
        raise SourceError(f"{name} holds no records. Export it again.")
    times = utc_times(records[profile.time_column])
    if times.isna().all():
        raise SourceError(
            f"{name}: none of its times can be read. The first {profile.time_column} is "
            f"{records[profile.time_column].iloc[0]!r:.80}, which is not a time such as "
            "2023-01-31 23:00. Correct the file or export it again."
        )
    hours = times.ffill().bfill().dt.floor("h").to_numpy(dtype="datetime64[ns]")
    order = np.argsort(hours, kind="stable")
    return _Content(records.iloc[order].reset_index(drop=True), hours[order])
