"""Observations as arrays: those published with the newest forecast, and older ones."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from energy_assets.errors import StorageError
from energy_assets.forecasting.panel.matrix import Floats, Ints
from energy_assets.schemas import KNOWN_AT, TARGET
from energy_assets.serving.data.forecast import filled, series_of
from energy_assets.serving.data.series import SeriesIndex
from energy_assets.sources import DatasetProfile

NEVER = np.datetime64("NaT", "us")


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

    def between(self, index: SeriesIndex, start: np.datetime64, count: int) -> Observations:
        """The `count` hours from `start` on of the series of another index, NaN if not here."""
        first = int((start - np.datetime64(self.start, "h")).astype(int))
        columns = first + np.arange(count)
        here = (columns >= 0) & (columns < self.values.shape[1])
        rows = slice(None) if index is self.index else index_rows(self.index, index)
        values = np.full((len(index), count), np.nan)
        known_at = np.full((len(index), count), NEVER)
        if self.values.size:
            values[:, here] = self.values[:, columns[here]][rows]
            known_at[:, here] = self.known_at[:, columns[here]][rows]
            if not isinstance(rows, slice):
                values[rows < 0] = np.nan
                known_at[rows < 0] = NEVER
        return Observations(index, start.astype(datetime), values, known_at)

    def of(self, positions: Ints) -> Observations:
        """Those of some series."""
        index = SeriesIndex(self.index.keys[position] for position in positions)
        return replace(
            self, index=index, values=self.values[positions], known_at=self.known_at[positions]
        )

    @property
    def newest(self) -> datetime | None:
        """The last hour with an observation; None if there is none."""
        observed = np.flatnonzero(np.isfinite(self.values).any(axis=0))
        return self.hours[observed[-1]].astype(datetime) if observed.size else None


def index_rows(theirs: SeriesIndex, ours: SeriesIndex) -> Ints:
    """Where each series of `ours` is in `theirs`; -1 if it is not there."""
    return theirs.positions_of(ours.keys)


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
        table = pq.read_table(io.BytesIO(data))
    except (pa.ArrowInvalid, OSError) as error:
        raise StorageError(f"the published observations cannot be read: {error}") from error
    hours = table["datetime_utc"]
    if isinstance(hours.type, pa.BaseExtensionType):
        hours = pc.cast(pa.chunked_array([c.storage for c in hours.chunks], pa.int64()), pa.int64())
    hours = hours.to_numpy()
    if not len(hours):
        empty = np.empty((0, 0))
        return Observations(SeriesIndex([]), origin, empty, empty.astype("datetime64[us]"))
    codes = [_codes(table["area"]), _codes(table["consumer_type"])]
    width = len(codes[1][1])
    pairs, series = np.unique(codes[0][0] * width + codes[1][0], return_inverse=True)
    names = _names(profile, codes[0][1], codes[1][1])
    keys = [(names[0][pair // width], names[1][pair % width]) for pair in pairs.tolist()]
    # Numbers and codes may sort differently.
    order = sorted(range(len(keys)), key=keys.__getitem__)
    rank = np.empty(len(keys), dtype=int)
    rank[order] = np.arange(len(keys))
    series = rank[series]
    start = int(hours.min())
    shape = len(keys), _hours_since_1970(origin) - start + 1
    values = filled(shape, series, hours - start, table[TARGET].to_numpy())
    known_at = np.full(shape, NEVER)
    known = (
        table[KNOWN_AT].to_numpy().astype("datetime64[us]")
        if KNOWN_AT in table.column_names
        else hours.astype("datetime64[h]").astype("datetime64[us]")
    )
    known_at[series, hours - start] = known
    first = np.datetime64(start, "h").astype(datetime)
    return Observations(SeriesIndex(keys[number] for number in order), first, values, known_at)


def _codes(column: pa.ChunkedArray) -> tuple[Ints, list]:
    """The column's values as numbers, and what each number stands for."""
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


def _names(profile: DatasetProfile, areas: list, types: list) -> tuple[list[str], list[str]]:
    """The source's codes for what the course's files hold, which may be its numbers."""
    if profile.area_numbers is None:
        return areas, types
    codes = {number: code for code, number in profile.area_numbers.items()}
    return [codes[number] for number in areas], [str(number) for number in types]


def _hours_since_1970(hour: datetime) -> int:
    return int(np.datetime64(hour, "h").astype(int))
