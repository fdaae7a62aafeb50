"""Hourly panels as matrices: the (series x hours) form in which everything here is computed.

Belongs here: conversion from and to pandas, joining, and filling of gaps.
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

DAY = 24
WEEK = 168
HOUR = time_axis.HOUR


@dataclass(frozen=True)
class HourlyMatrix:
    """A panel as a matrix: one row a series, one column an hour, NaN where nothing was observed.

    `series` is the sorted index of the series' keys, None for a single series without a key;
    `hours` are consecutive and carry the name of the panel's time level (a DatetimeIndex, or
    whatever regular index the panel has); `array` has the shape (series, hours).
    """

    array: Floats
    hours: Any
    series: pd.Index | None

    @property
    def keys(self) -> list[tuple[object, ...]]:
        """The series' keys as tuples, in row order; `[()]` for a single series without a key."""
        if self.series is None:
            return [()]
        return [key if isinstance(key, tuple) else (key,) for key in self.series.tolist()]

    def index(self, hours: Any) -> pd.Index:
        """The index of a panel with each of these series at each of `hours`, series first."""
        if self.series is None:
            return hours.rename(self.hours.name)
        rows = np.repeat(np.arange(len(self.series)), len(hours))
        keys = self.series.take(rows)
        times = hours.take(np.tile(np.arange(len(hours)), len(self.series)))
        levels = [keys.get_level_values(level) for level in range(keys.nlevels)]
        return pd.MultiIndex.from_arrays([*levels, times], names=[*keys.names, self.hours.name])

    def table(self, origins: Ints, columns: Mapping[str, Floats]) -> pd.DataFrame:
        """One row for each series, origin and horizon, in that order.

        `origins` are column positions, the arrays in `columns` have the shape (series, origins,
        horizons). The columns are the levels of the series, `origin`, `horizon` from 1,
        `datetime_utc` (the target hour) and those of `columns`.
        """
        shape = next(iter(columns.values())).shape
        steps = np.arange(1, shape[2] + 1)
        target = origins[:, None] + steps
        table = self.index(self.hours[target.ravel()]).to_frame(index=False)
        time = table.pop(table.columns[-1])
        at = self.hours.to_numpy()[np.broadcast_to(origins[:, None], shape)]
        return table.assign(
            origin=at.ravel(),
            horizon=np.broadcast_to(steps, shape).ravel(),
            datetime_utc=time,
            **{name: values.ravel() for name, values in columns.items()},
        )

    def until(self, hour: pd.Timestamp) -> HourlyMatrix:
        """The same panel without what is later than `hour`; it ends at `hour` if it reaches it."""
        kept = int(self.hours.searchsorted(hour, side="right"))
        return HourlyMatrix(self.array[:, :kept], self.hours[:kept], self.series)

    def rows(self, chosen: slice | Ints) -> HourlyMatrix:
        """Some of the series."""
        series = None if self.series is None else self.series[chosen]
        return HourlyMatrix(self.array[chosen], self.hours, series)

    def last(self, hours: int) -> HourlyMatrix:
        """The same panel with only its last `hours` columns."""
        return HourlyMatrix(self.array[:, -hours:], self.hours[-hours:], self.series)

    def joined(self, newer: HourlyMatrix) -> HourlyMatrix:
        """The union of both panels; what `newer` observed replaces what was there before."""
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
        return HourlyMatrix(values, hours, series)


def to_matrix(panel: pd.DataFrame, like: HourlyMatrix | None = None) -> HourlyMatrix:
    """The matrix of a panel with one column, in whatever order its rows come.

    `like` is a panel of the same series whose step of time this one shares, which a few rows may
    not show.

    Raises ForecastError if the panel is empty, its times are not tz-naive hours (or the steps of
    another regular index), a series has two values for one hour, or a value is infinite.
    """
    if panel.empty:
        raise ShortHistoryError("The panel is empty: there is nothing to learn from.")
    hours, columns = _time_columns(panel.index, None if like is None else like.hours)
    series, rows = _series_rows(panel.index)
    shape = (1 if series is None else len(series), len(hours))
    places = rows * len(hours) + columns
    values = np.full(shape, np.nan)
    values.ravel()[places] = panel.iloc[:, 0].to_numpy(dtype=float)
    seen = np.zeros(values.size, dtype=bool)
    seen[places] = True
    if int(seen.sum()) < len(panel):
        require_unique(panel.index)
    if np.isinf(values).any():
        raise ForecastError("The panel holds infinite values: remove them or make them missing.")
    return HourlyMatrix(values, hours, series)


def aligned(table: pd.DataFrame, hours: Any, series: pd.Index | None) -> Floats:
    """The columns of `table`, shape (columns, series, hours), at `hours` of `series`.

    NaN where it has no row; rows of other hours or series are passed over.
    """
    columns = hours.get_indexer(table.index.get_level_values(-1))
    rows = np.zeros(len(table), dtype=np.int64)
    if series is not None:
        rows = series.get_indexer(table.index.droplevel([-1]))
    known = (columns >= 0) & (rows >= 0)
    values = np.full((table.shape[1], 1 if series is None else len(series), len(hours)), np.nan)
    values[:, rows[known], columns[known]] = table.to_numpy(dtype=float)[known].T
    return values


def training_window(panel: pd.DataFrame, origin: pd.Timestamp, days: int) -> pd.DataFrame:
    """The rows of the `days` days up to and with `origin`, a panel that ends at `origin`.

    Raises ForecastError if there is nothing in those days.
    """
    times = panel.index.get_level_values(-1)
    window = panel[(times > origin - pd.Timedelta(days=days)) & (times <= origin)]
    if window.empty:
        raise ShortHistoryError(
            f"The {days} days before origin {origin} hold no observations: the panel reaches "
            f"from {times.min()} to {times.max()}."
        )
    return ending_at(window, origin)


def ending_at(panel: pd.DataFrame, origin: pd.Timestamp) -> pd.DataFrame:
    """A panel without rows later than `origin` as one that ends at it.

    Where nothing was observed at `origin` itself, one missing value stands there, so that what is
    forecast from the panel starts at `origin` and not at an earlier hour.

    Raises ForecastError if the panel is empty.
    """
    if panel.empty:
        raise ShortHistoryError(
            f"Nothing was observed in the window that ends at {origin}: load the hours before it, "
            "or choose an origin at which there are data."
        )
    if (panel.index.get_level_values(-1) == origin).any():
        return panel
    end = panel.iloc[:1].rename(index={panel.index[0][-1]: origin}, level=-1) * np.nan
    return pd.concat([panel, end]).sort_index()


def in_order(panel: Any) -> Any:
    """The panel with its rows sorted by series and time; what is not from pandas as it is."""
    if not isinstance(panel, pd.Series | pd.DataFrame) or panel.index.is_monotonic_increasing:
        return panel
    return panel.sort_index()


def require_unique(index: pd.Index) -> None:
    """Raise ForecastError if a series has two rows for one hour."""
    if not index.is_unique:
        repeated = index.duplicated()
        raise ForecastError(
            f"{int(repeated.sum())} rows repeat a series and hour, the first is "
            f"{index[int(repeated.argmax())]}: keep one row for each."
        )


def _time_columns(index: pd.Index, axis: Any) -> tuple[Any, Ints]:
    """The time axis of a panel's index, and the place of each row's time on it."""
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
    found = time_axis.axis_of(times.rename(index.names[-1]), axis)
    places = found.get_indexer(level)
    if (places[codes] < 0).any():
        stray = level[codes[int((places[codes] < 0).argmax())]]
        raise ForecastError(
            f"The panel is not hourly: {stray} does not lie on the hours from {found[0]} to "
            f"{found[-1]}. Aggregate it to hours first."
        )
    return found, places[codes]


def _series_rows(index: pd.Index) -> tuple[pd.Index | None, Ints]:
    """The sorted keys of the series in a panel's index, and the position of each row's key."""
    if not isinstance(index, pd.MultiIndex):
        return None, np.zeros(len(index), dtype=np.int64)
    levels, codes = index.levels[:-1], index.codes[:-1]
    shape = tuple(len(level) for level in levels)
    # Over codes: hashing tens of millions of keys would take minutes.
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
    """The codes of 0 to `count` that occur, ascending, and the place of each among them."""
    if count > 8 * len(codes) + 1024:
        return np.unique(codes, return_inverse=True)
    occurs = np.bincount(codes, minlength=count) > 0
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[codes]


def fill_gaps(values: Floats) -> Floats:
    """`values` with each missing hour filled from the past of its own series.

    A gap takes the value a day before, else that of a week before, else the last one; what was
    filled may fill again. The last day that was observed knows of the weather and of the level,
    and serves better than the day of the week, above all after long gaps. Hours before a series'
    first observation stay NaN. Nothing later than an hour has a part in its filling, so that
    filling first and cutting later is no look-ahead.
    """
    filled = values.copy()
    for hour in np.flatnonzero(np.isnan(values).any(axis=0)):
        for lag in (DAY, WEEK, 1):
            if hour >= lag:
                gaps = np.isnan(filled[:, hour])
                filled[gaps, hour] = filled[gaps, hour - lag]
    return filled
