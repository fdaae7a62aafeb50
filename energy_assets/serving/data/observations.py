"""Observations as arrays: those published with the newest forecast, and older ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from energy_assets.errors import StorageError
from energy_assets.forecasting.panel.matrix import Floats, Ints
from energy_assets.schemas import KNOWN_AT, SERIES_KEY, TARGET
from energy_assets.serving.data.forecast import filled, series_of
from energy_assets.serving.data.published_columns import (
    codes_and_names,
    hours_since_1970,
    run_starts,
)
from energy_assets.serving.data.series import Key, SeriesIndex
from energy_assets.sources import DatasetProfile

NEVER = np.datetime64("NaT", "us")

_BATCH = 2**18
"""Rows that are placed at a time."""


@dataclass(frozen=True)
class Observations:
    """Values of series by hour, and from when on each was known.

    `values` has the shape (series, hours), NaN where nothing was observed; `known_at` likewise,
    `datetime64[us]`. The hours follow each other without a gap from `start` on.
    """

    index: SeriesIndex
    start: datetime
    values: Floats
    known_at: np.ndarray

    @property
    def hours(self) -> np.ndarray:
        """The hours, `datetime64[h]`."""
        return np.datetime64(self.start, "h") + np.arange(self.values.shape[1])

    def between(
        self,
        index: SeriesIndex,
        start: np.datetime64,
        count: int,
        positions: Ints | None = None,
    ) -> Observations:
        """The `count` hours from `start` on of the series of another index, NaN if not here.

        With `positions`, only of these series of that index.
        """
        chosen = index if positions is None else index.of(positions)
        rows = self._rows(index, positions)
        first = int((start - np.datetime64(self.start, "h")).astype(int))
        low, high = np.clip([first, first + count], 0, self.values.shape[1])
        values = np.full((len(chosen), count), np.nan)
        known_at = np.full((len(chosen), count), NEVER)
        if high > low and len(self.index):
            here = slice(low - first, high - first)
            values[:, here] = self.values[rows, low:high]
            known_at[:, here] = self.known_at[rows, low:high]
            if not isinstance(rows, slice):
                values[rows < 0] = np.nan
                known_at[rows < 0] = NEVER
        return Observations(chosen, start.astype(datetime), values, known_at)

    def sums(
        self, index: SeriesIndex, groups: Sequence[Ints], start: np.datetime64, count: int
    ) -> Floats:
        """The sums over groups of positions in an index, shape (groups, count).

        NaN where a series of the group was not observed.
        """
        first = int((start - np.datetime64(self.start, "h")).astype(int))
        low, high = np.clip([first, first + count], 0, self.values.shape[1])
        sums = np.full((len(groups), count), np.nan)
        for number, positions in enumerate(groups):
            rows = self._rows(index, None if len(positions) == len(index) else positions)
            if high > low and (isinstance(rows, slice) or (rows >= 0).all()):
                total = self.values[rows, low:high].sum(axis=0)
                sums[number, low - first : high - first] = total
        return sums

    def _rows(self, index: SeriesIndex, positions: Ints | None) -> Ints | slice:
        """Where the series of an index, or some of them, are here; -1 if they are not."""
        if index is self.index:
            return slice(None) if positions is None else positions
        keys = index.keys if positions is None else [index.keys[row] for row in positions]
        return self.index.positions_of(keys)

    @property
    def newest(self) -> datetime | None:
        """The last hour with an observation; None if there is none."""
        observed = np.flatnonzero(np.isfinite(self.values).any(axis=0))
        return self.hours[observed[-1]].astype(datetime) if observed.size else None


def observations_of(rows: pd.DataFrame, start: datetime, end: datetime) -> Observations:
    """Rows with `known_at` as arrays over the hours of [start, end)."""
    index, series = series_of(rows)
    hours = rows["datetime_utc"].to_numpy().astype("datetime64[h]")
    first = np.datetime64(start, "h")
    shape = len(index), int((np.datetime64(end, "h") - first).astype(int))
    columns = (hours - first).astype(int)
    known_at = np.full(shape, NEVER)
    known_at[series, columns] = rows[KNOWN_AT].to_numpy().astype("datetime64[us]")
    values = filled(shape, series, columns, rows[TARGET].to_numpy())
    return Observations(index, start, values, known_at)


def published_observations(data: bytes, profile: DatasetProfile, origin: datetime) -> Observations:
    """The published file `y.parquet` as arrays that end with the origin.

    Raises StorageError if it cannot be read.
    """
    try:
        # As numbers of their distinct values, which takes a third of the time.
        table = pq.read_table(pa.BufferReader(data), read_dictionary=list(SERIES_KEY))
    except (pa.ArrowInvalid, OSError) as error:
        raise StorageError(f"the published observations cannot be read: {error}") from error
    # In batches, because most of the time goes into fetching memory from the system.
    batches = table.to_batches(_BATCH)
    if not batches:
        empty = np.empty((0, 0))
        return Observations(SeriesIndex([]), origin, empty, empty.astype("datetime64[us]"))
    runs = [_runs(batch, profile) for batch in batches]
    index = SeriesIndex(sorted({key for keys, _ in runs for key in keys}))
    first = min(int(hours_since_1970(batch["datetime_utc"]).min()) for batch in batches)
    count = int(np.datetime64(origin, "h").astype(int)) - first + 1
    values = np.full(len(index) * count, np.nan)
    known_at = np.full(len(index) * count, NEVER)
    for batch, (keys, lengths) in zip(batches, runs, strict=True):
        hours = hours_since_1970(batch["datetime_utc"])
        places = np.repeat(index.positions_of(keys) * count - first, lengths) + hours
        values[places] = batch[TARGET].to_numpy(zero_copy_only=False)
        known_at[places] = (
            batch[KNOWN_AT].to_numpy(zero_copy_only=False)
            if KNOWN_AT in table.column_names
            else hours.astype("datetime64[h]")
        )
    start = np.datetime64(first, "h").astype(datetime)
    shape = len(index), count
    return Observations(index, start, values.reshape(shape), known_at.reshape(shape))


def _runs(batch: pa.RecordBatch, profile: DatasetProfile) -> tuple[list[Key], Ints]:
    """The series of the rows that follow each other, and how many rows of each do."""
    codes, names = zip(*(codes_and_names(batch[name]) for name in SERIES_KEY), strict=True)
    starts = run_starts(codes)
    areas, types = _names(profile, *names)
    keys = [
        (areas[area], types[consumer_type])
        for area, consumer_type in zip(*(code[starts].tolist() for code in codes), strict=True)
    ]
    return keys, np.diff(np.append(starts, len(batch)))


def _names(profile: DatasetProfile, areas: list, types: list) -> tuple[list[str], list[str]]:
    """The source's codes for what the course's files hold, which may be its numbers."""
    if profile.area_numbers is None:
        return areas, types
    codes = {number: code for code, number in profile.area_numbers.items()}
    return [codes[number] for number in areas], [str(number) for number in types]
