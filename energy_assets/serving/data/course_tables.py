"""The published tables of the batch-serving course in memory, by series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from energy_assets.errors import NotFoundError
from energy_assets.forecasts.publishing import POINTER, Published
from energy_assets.schemas import SERIES_KEY, TARGET
from energy_assets.serving.data.published_columns import (
    codes_and_names,
    hours_since_1970,
    run_starts,
)
from energy_assets.stores.files import document_errors
from energy_assets.stores.object_store import ObjectStore

OBSERVED_HOURS = 168
"""How many of the newest observations of a series the course's API answers with."""

Hours: TypeAlias = npt.NDArray[np.int32]
"""Hours since 1970-01-01 00:00 UTC."""
Values: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SeriesTable:
    """A table of one value for each series and hour."""

    areas: list[int | str]
    """In the order of the table: the course's numbers, or codes of a data set it does not know."""
    consumer_types: list[int | str]
    """Likewise."""
    rows: Mapping[tuple[str, str], slice]
    """Series, as text -> its rows in `hours` and `values`."""
    hours: Hours
    values: Values

    def series(self, area: str, consumer_type: str) -> tuple[Hours, Values] | None:
        """The hours and values of a series; None if it is not in the table."""
        rows = self.rows.get((area, consumer_type))
        return None if rows is None else (self.hours[rows], self.values[rows])


@dataclass(frozen=True)
class CourseTables:
    """What the course's API answers from."""

    y: SeriesTable
    """The newest observations, `OBSERVED_HOURS` of each series at most."""
    predictions: SeriesTable
    """The newest forecast."""
    y_monitoring: SeriesTable
    """The observations of the last week that were scored."""
    predictions_monitoring: SeriesTable
    """The forecasts that they were scored against."""
    metrics: tuple[Hours, Values]
    """The mean percentage error of each hour, as a share."""


def published_tables(objects: ObjectStore, published: Published) -> CourseTables:
    """Read the tables of a published forecast.

    `X.parquet` is not read: its series are those of `y.parquet`.

    Raises NotFoundError if a file is gone, StorageError if one is not readable.
    """

    def read(name: str, newest: int | None = None) -> SeriesTable:
        columns = [*SERIES_KEY, "datetime_utc", TARGET]
        return _by_series(_read(objects, published, name, columns), newest)

    metrics = _read(objects, published, "metrics_monitoring.parquet", ["datetime_utc", "MAPE"])
    return CourseTables(
        y=read("y.parquet", OBSERVED_HOURS),
        predictions=read("predictions.parquet"),
        y_monitoring=read("y_monitoring.parquet"),
        predictions_monitoring=read("predictions_monitoring.parquet"),
        metrics=(_hours(metrics), _values(metrics, "MAPE")),
    )


def _read(objects: ObjectStore, published: Published, name: str, columns: list[str]) -> pa.Table:
    try:
        path = published.files[name]
    except KeyError:
        raise NotFoundError(
            f"{POINTER} names no {name}: the next forecast brings it, or publish the newest again"
        ) from None
    data = objects.read(path)
    with document_errors(path, "the next forecast replaces it"):
        return pq.read_table(
            pa.BufferReader(data), columns=columns, read_dictionary=list(SERIES_KEY)
        )


def _by_series(table: pa.Table, newest: int | None) -> SeriesTable:
    """The rows by series, or only so many of the newest; the rows are sorted by series and hour."""
    if not len(table):
        return SeriesTable([], [], {}, _hours(table), _values(table, TARGET))
    codes, names = zip(
        *(codes_and_names(table[name].combine_chunks()) for name in SERIES_KEY), strict=True
    )
    starts = run_starts(codes)
    ends = np.append(starts[1:], len(table))
    keys = [
        (names[0][area], names[1][consumer_type])
        for area, consumer_type in zip(*(code[starts].tolist() for code in codes), strict=True)
    ]
    hours, values = _hours(table), _values(table, TARGET)
    if newest is not None:
        lengths = ends - starts
        kept = np.repeat(ends, lengths) - np.arange(len(table)) <= newest
        hours, values = hours[kept], values[kept]
        ends = np.minimum(lengths, newest).cumsum()
        starts = np.concatenate([[0], ends[:-1]])
    rows = {
        (str(area), str(consumer_type)): slice(start, end)
        for (area, consumer_type), start, end in zip(
            keys, starts.tolist(), ends.tolist(), strict=True
        )
    }
    areas, consumer_types = (list(dict.fromkeys(names)) for names in zip(*keys, strict=True))
    return SeriesTable(areas, consumer_types, rows, hours, values)


def _hours(table: pa.Table) -> Hours:
    return hours_since_1970(table["datetime_utc"].combine_chunks()).astype(np.int32)


def _values(table: pa.Table, name: str) -> Values:
    return table[name].combine_chunks().to_numpy(zero_copy_only=False)
