"""Weather from a CSV or Parquet file: observations, and forecasts if it says when they were issued.

The file is read whole, and kept in memory until it changes. A record whose time cannot be read is
given with the record before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from energy_assets.errors import SettingsError
from energy_assets.settings import Settings
from energy_assets.sources.source import describe_span
from energy_assets.sources.tables import read_table, version_of
from energy_assets.sources.times import utc_times
from energy_assets.sources.weather.source import COLUMNS, HORIZON

MAX_BYTES = 1024**3
"""The most that the file, decompressed, may have: it is read into memory."""

_CONTENT = "with the columns area, datetime_utc and temperature"
_HOUR = timedelta(hours=1)

Times = NDArray[np.datetime64]


class _Layout(NamedTuple):
    """The columns that the file must have."""

    dataset: str = "a weather file"
    columns: tuple[str, ...] = ("area", "datetime_utc", "temperature")


def open_file(settings: Settings) -> WeatherFile:
    """The file that WEATHER_FILE names."""
    return WeatherFile(settings.weather_file)


@dataclass(frozen=True)
class WeatherFile:
    """A file as a source of weather. A path of None is an error when it is read."""

    path: Path | None
    name: str = "file"
    terms: str = ""
    areas: None = None

    def fetch(self, hour: datetime) -> pd.DataFrame:
        """The weather known at an hour: see `WeatherSource.fetch`.

        Rows that were issued before their hour are forecasts. Of each hour ahead, the newest
        forecast of the last HORIZON hours counts.
        """
        return self._content().known_at(np.datetime64(hour, "ns"))

    def check(self) -> str:
        """The hours that it has."""
        content = self._content()
        if not len(content.hours):
            return f"{self.path}, which has no rows"
        first, last = (pd.Timestamp(content.hours[n]).to_pydatetime() for n in (0, -1))
        return f"{self.path}, {describe_span(first, last)}"

    def _content(self) -> _Content:
        if self.path is None:
            raise SettingsError(
                "WEATHER_FILE is not set, but WEATHER_SOURCE=file reads from it. Set it to the "
                f"path of a CSV or Parquet file {_CONTENT}."
            )
        return _read(self.path, version_of(f"WEATHER_FILE {self.path}", self.path, _CONTENT))


@dataclass(frozen=True)
class _Content:
    """The rows of a file, sorted by hour; the hour of each, and when it was known."""

    rows: pd.DataFrame
    hours: Times
    known: Times
    order: NDArray[np.intp]
    """The positions of the rows, sorted by when they were known."""

    def known_at(self, hour: np.datetime64) -> pd.DataFrame:
        """What became known in an hour, and the newest forecasts."""
        known = self.known[self.order]
        recent = slice(
            *np.searchsorted(known, [hour - HORIZON * np.timedelta64(1, "h"), hour], side="right")
        )
        near = np.sort(self.order[recent])
        ahead, known_at = self.hours[near], self.known[near]
        is_new = (known_at > hour - np.timedelta64(1, "h")) & (ahead <= hour) & (known_at >= ahead)
        is_ahead = (ahead > hour) & (ahead <= hour + np.timedelta64(HORIZON, "h"))
        forecasts = self.rows.iloc[near[is_ahead]].assign(_known=known_at[is_ahead])
        newest = forecasts.groupby(["area", "datetime_utc"], dropna=False)["_known"].transform(
            "max"
        )
        forecasts = forecasts[forecasts["_known"] == newest].drop(columns="_known")
        return pd.concat([self.rows.iloc[near[is_new]], forecasts], ignore_index=True)


@lru_cache(maxsize=2)
def _read(path: Path, version: tuple[int, int]) -> _Content:
    """Read a whole file. With `version` in its key, the cache misses when the file has changed."""
    table = read_table(f"WEATHER_FILE {path}", path, _Layout(), MAX_BYTES)
    rows = table.to_pandas().reindex(columns=list(COLUMNS)).astype(object)
    rows = rows.where(rows.notna(), None)
    times = utc_times(rows["datetime_utc"])
    hours = times.ffill().bfill().dt.floor("h")
    known = utc_times(rows["issued_at"]).fillna(hours)
    order = np.argsort(hours.to_numpy(), kind="stable")
    rows, sorted_known = rows.iloc[order], known.to_numpy(dtype="datetime64[ns]")[order]
    return _Content(
        rows.reset_index(drop=True),
        hours.to_numpy(dtype="datetime64[ns]")[order],
        sorted_known,
        np.argsort(sorted_known, kind="stable"),
    )
