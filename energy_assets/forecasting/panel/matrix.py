"""Hourly panels as (series x hours) matrices, which all computations work on.

Belongs here: conversion from and to pandas, joining panels, and filling gaps.
Does not belong here: anything that knows about forecasting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from energy_assets.errors import ForecastError, ShortHistoryError
from energy_assets.forecasting.panel import time_axis

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

HOURS_PER_DAY = 24
HOURS_PER_WEEK = 168
YEAR = 365.25 * HOURS_PER_DAY
"""Hours of a year."""


@dataclass(frozen=True)
class PanelMatrix:
    """A panel as a matrix: one row per series, one column per hour, NaN for missing values.

    `array` has the shape (series, hours). `hours` are consecutive and named like the panel's time
    level: a DatetimeIndex, or another regular index whose steps then count as hours. `series` is
    the sorted index of the series' keys, or None for a single series without a key.
    """

    array: Floats
    hours: Any
    series: pd.Index | None

    @property
    def keys(self) -> list[tuple[object, ...]]:
        """The series' keys as tuples in row order; `[()]` for a single series without a key."""
        if self.series is None:
            return [()]
        return [key if isinstance(key, tuple) else (key,) for key in self.series.tolist()]

    @property
    def required_series(self) -> pd.Index:
        """The series; raises ForecastError for a single series without a key."""
        if self.series is None:
            raise ForecastError(
                "The panel is a single series without a key: pass one whose index has the levels "
                "of the series before the hour."
            )
        return self.series

    def index(self, hours: Any) -> pd.Index:
        """The index of a panel that has every series at each of `hours`, sorted by series."""
        if self.series is None:
            return hours.rename(self.hours.name)
        rows = np.repeat(np.arange(len(self.series)), len(hours))
        keys = self.series.take(rows)
        times = hours.take(np.tile(np.arange(len(hours)), len(self.series)))
        levels = [keys.get_level_values(level) for level in range(keys.nlevels)]
        return pd.MultiIndex.from_arrays([*levels, times], names=[*keys.names, self.hours.name])

    def table(self, origins: Ints, columns: Mapping[str, Floats]) -> pd.DataFrame:
        """A table with one row per series, origin and horizon, sorted in that order.

        `origins` are column positions; the arrays in `columns` have the shape (series, origins,
        horizons). The table has the series levels, `origin`, `horizon` from 1, `datetime_utc`
        (the target hour) and `columns`.
        """
        shape = next(iter(columns.values())).shape
        steps = np.arange(1, shape[2] + 1)
        target = origins[:, None] + steps
        table = self.index(self.hours[target.ravel()]).to_frame(index=False)
        time = table.pop(table.columns[-1])
        origin = self.hours.to_numpy()[np.broadcast_to(origins[:, None], shape)]
        return table.assign(
            origin=origin.ravel(),
            horizon=np.broadcast_to(steps, shape).ravel(),
            datetime_utc=time,
            **{name: values.ravel() for name, values in columns.items()},
        )

    def until(self, hour: pd.Timestamp) -> PanelMatrix:
        """The panel up to and including `hour`."""
        end = int(self.hours.searchsorted(hour, side="right"))
        return PanelMatrix(self.array[:, :end], self.hours[:end], self.series)

    def at(self, hours: Any) -> PanelMatrix:
        """The panel at `hours`; NaN where it has no value."""
        values = np.full((len(self.array), len(hours)), np.nan)
        places = hours.get_indexer(self.hours)
        values[:, places[places >= 0]] = self.array[:, places >= 0]
        return PanelMatrix(values, hours, self.series)

    def take(self, rows: Ints) -> PanelMatrix:
        """Some of the series."""
        series = None if self.series is None else self.series.take(rows)
        return PanelMatrix(self.array[rows], self.hours, series)

    def last(self, hours: int) -> PanelMatrix:
        """The last `hours` columns of the panel."""
        return PanelMatrix(self.array[:, -hours:], self.hours[-hours:], self.series)

    def joined(self, newer: PanelMatrix) -> PanelMatrix:
        """The union of both panels; where both have a value, `newer` wins."""
        if (self.series is None) != (newer.series is None):
            raise ForecastError(
                "The history and the new observations have different index levels: "
                "pass both as panels, or both as a single series."
            )
        series = None
        rows_old = rows_new = np.zeros(1, dtype=np.int64)
        if self.series is not None and newer.series is not None:
            series = self.series.union(newer.series)
            rows_old = series.get_indexer(self.series)
            rows_new = series.get_indexer(newer.series)
        hours = time_axis.joined(self.hours, newer.hours)
        values = np.full((len(rows_new) if series is None else len(series), len(hours)), np.nan)
        values[np.ix_(rows_old, hours.get_indexer(self.hours))] = self.array
        target = np.ix_(rows_new, hours.get_indexer(newer.hours))
        values[target] = np.where(np.isnan(newer.array), values[target], newer.array)
        return PanelMatrix(values, hours, series)


def to_matrix(panel: pd.DataFrame, like: PanelMatrix | None = None) -> PanelMatrix:
    """Convert a panel with one column to a matrix; its rows may be in any order.

    `like` is a matrix with the same time step: a few rows alone may not reveal it.

    Raises ForecastError if the times are not tz-naive hours (or the steps of another regular
    index), a series has two values for one hour, or a value is infinite, and ShortHistoryError if
    the panel is empty.
    """
    if panel.empty:
        raise ShortHistoryError("The panel is empty: there is nothing to forecast from.")
    hours, columns = _time_columns(panel.index, None if like is None else like.hours)
    series, rows = _series_rows(panel.index)
    shape = (1 if series is None else len(series), len(hours))
    places = rows * len(hours) + columns
    values = np.full(shape, np.nan)
    values.ravel()[places] = panel.iloc[:, 0].to_numpy(dtype=float)
    occupied = np.zeros(values.size, dtype=bool)
    occupied[places] = True
    if int(occupied.sum()) < len(panel):
        require_unique(panel.index)
    if np.isinf(values).any():
        raise ForecastError("The panel holds infinite values: remove them or make them missing.")
    return PanelMatrix(values, hours, series)


def aligned(table: pd.DataFrame, hours: Any, series: pd.Index | None) -> Floats:
    """The values of `table` at `hours` of `series`, shape (columns, series, hours).

    NaN where the table has no row. Rows for other hours or series are ignored.
    """
    columns = hours.get_indexer(table.index.get_level_values(-1))
    rows = np.zeros(len(table), dtype=np.int64)
    if series is not None:
        rows = series.get_indexer(table.index.droplevel([-1]))
    matched = (columns >= 0) & (rows >= 0)
    values = np.full((table.shape[1], 1 if series is None else len(series), len(hours)), np.nan)
    values[:, rows[matched], columns[matched]] = table.to_numpy(dtype=float)[matched].T
    return values


def training_window(panel: pd.DataFrame, origin: pd.Timestamp, days: int) -> pd.DataFrame:
    """The `days` days up to and including `origin`, as a panel that ends at `origin`.

    Raises ShortHistoryError if those days hold no rows.
    """
    times = panel.index.get_level_values(-1)
    window = panel[(times > origin - pd.Timedelta(days=days)) & (times <= origin)]
    if window.empty:
        raise ShortHistoryError(
            f"There are no observations in the {days} days before origin {origin}: the panel "
            f"reaches from {times.min()} to {times.max()}."
        )
    return ending_at(window, origin)


def ending_at(panel: pd.DataFrame, origin: pd.Timestamp) -> pd.DataFrame:
    """Make a panel without rows after `origin` end exactly there.

    If nothing was observed at `origin`, one missing value is added for it. Forecasts then start
    from `origin` and not from an earlier hour.

    Raises ShortHistoryError if the panel is empty.
    """
    if panel.empty:
        raise ShortHistoryError(
            f"There are no observations in the window that ends at {origin}: load the hours before "
            "it, or choose an origin that has data."
        )
    if (panel.index.get_level_values(-1) == origin).any():
        return panel
    end = panel.iloc[:1].rename(index={panel.index[0][-1]: origin}, level=-1) * np.nan
    return pd.concat([panel, end]).sort_index()


def in_order(panel: Any) -> Any:
    """The panel sorted by series and time; anything that is not from pandas is returned as is."""
    if not isinstance(panel, pd.Series | pd.DataFrame) or panel.index.is_monotonic_increasing:
        return panel
    return panel.sort_index()


def require_unique(index: pd.Index) -> None:
    """Raise ForecastError if a series has more than one row for an hour."""
    if not index.is_unique:
        repeated = index.duplicated()
        raise ForecastError(
            f"{int(repeated.sum())} rows repeat a series and hour, the first is "
            f"{index[int(repeated.argmax())]}: keep one row per series and hour."
        )


def _time_columns(index: pd.Index, axis: Any) -> tuple[Any, Ints]:
    """The time axis of a panel's index, and each row's position on it."""
    codes: Ints
    level: Any
    if isinstance(index, pd.MultiIndex):
        level, codes = index.levels[-1], np.asarray(index.codes[-1], dtype=np.int64)
    else:
        codes, level = pd.factorize(index)
        if isinstance(index, pd.DatetimeIndex) and index.freq is not None:
            level = index
    if (codes < 0).any():
        raise ForecastError("The panel has rows without a time: remove them.")
    used = level[np.bincount(codes, minlength=len(level)) > 0]
    times = used if used.is_monotonic_increasing else used.sort_values()
    hours = time_axis.axis_of(times.rename(index.names[-1]), axis)
    places = hours.get_indexer(level)
    if (places[codes] < 0).any():
        stray = level[codes[int((places[codes] < 0).argmax())]]
        raise ForecastError(
            f"The panel is not hourly: {stray} is not one of the hours from {hours[0]} to "
            f"{hours[-1]}. Aggregate it to hours first."
        )
    return hours, places[codes]


def _series_rows(index: pd.Index) -> tuple[pd.Index | None, Ints]:
    """The sorted series keys of a panel's index, and each row's position among them."""
    if not isinstance(index, pd.MultiIndex):
        return None, np.zeros(len(index), dtype=np.int64)
    levels, codes = index.levels[:-1], index.codes[:-1]
    shape = tuple(len(level) for level in levels)
    # Work on codes: hashing tens of millions of keys would take minutes.
    combined = np.ravel_multi_index([np.asarray(part) for part in codes], shape)
    present, rows = _compact(combined, int(np.prod(shape)))
    parts = [
        level.take(part)
        for level, part in zip(levels, np.unravel_index(present, shape), strict=True)
    ]
    series: pd.Index = parts[0] if len(parts) == 1 else pd.MultiIndex.from_arrays(parts)
    series = series.set_names(index.names[:-1])
    if series.is_monotonic_increasing:
        return series, rows
    order = series.argsort()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return series.take(order), rank[rows]


def _compact(codes: Ints, count: int) -> tuple[Ints, Ints]:
    """The distinct codes in ascending order, and each code's position among them.

    All codes are from 0 to `count` - 1.
    """
    if count > 8 * len(codes) + 1024:
        return np.unique(codes, return_inverse=True)
    occurs = np.bincount(codes, minlength=count) > 0
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[codes]


def fill_gaps(values: Floats, doubtful: Bools | None = None) -> Floats:
    """Fill each missing hour from the past of the same series.

    A gap takes the value from a day before, else from a week before, else the last value. Filled
    values may fill later gaps. The day before comes first because it reflects the weather and the
    current level, which matters more than the day of the week, above all after long gaps. Hours
    before a series' first observation stay NaN. Only earlier hours are used, so filling a panel
    and cutting it afterwards does not look ahead.

    Hours that are missing because they were `doubtful` take the mean of a day and of a week before.
    """
    filled = values.copy()
    for hour in np.flatnonzero(np.isnan(values).any(axis=0)):
        if doubtful is not None and hour >= HOURS_PER_WEEK:
            rows = np.flatnonzero(doubtful[:, hour])
            day, week = filled[rows, hour - HOURS_PER_DAY], filled[rows, hour - HOURS_PER_WEEK]
            filled[rows, hour] = (day + week) / 2
        for lag in (HOURS_PER_DAY, HOURS_PER_WEEK, 1):
            if hour >= lag:
                gaps = np.isnan(filled[:, hour])
                filled[gaps, hour] = filled[gaps, hour - lag]
    return filled
