"""Which hours of the feature group are missing or incomplete."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pandas as pd

from energy_assets.partitions import HOUR
from energy_assets.schemas import PRIMARY_KEY, SERIES_KEY
from energy_assets.stores.feature_store import FeatureStore

LOOKBACK = timedelta(days=7)
"""An hour should have every series that had a row within this time before it."""


def row_counts(feature_store: FeatureStore, start: datetime, end: datetime) -> pd.Series:
    """The number of rows of each hour of [start, end): int64 by hour, 0 for an hour without rows.

    Shards are read one at a time, so that their rows are never in memory together.
    """
    counts = pd.Series(0, index=_hours(start, end))
    for shard in range(feature_store.shards):
        counts += _count(feature_store.read(start, end, shard=shard), counts.index)
    return counts


def missing_rows(
    feature_store: FeatureStore, start: datetime, end: datetime, new: pd.DataFrame | None = None
) -> tuple[pd.Series, int]:
    """The number of rows missing in each hour of [start, end), and the number expected per hour.

    A series should have a row in every hour if it had one within LOOKBACK before `start`, or
    has one in any of the hours. `new` are rows that are about to be written.

    Returns int64 by hour, named `missing` with index `datetime_utc`, and the number of series.
    """
    present = pd.Series(0, index=_hours(start, end))
    series = []
    if new is not None:
        present += _count(new, present.index)
        series.append(_series(new))
        new = new[list(PRIMARY_KEY)]
    for shard in range(feature_store.shards):
        stored = feature_store.read(start - LOOKBACK, end, shard=shard)
        series.append(_series(stored))
        within = stored[stored["datetime_utc"] >= start]
        if new is not None and len(within):
            replaced = pd.MultiIndex.from_frame(within[list(PRIMARY_KEY)]).isin(
                pd.MultiIndex.from_frame(new)
            )
            within = within[~replaced]
        present += _count(within, present.index)
    expected = len(pd.concat(series).drop_duplicates())
    return (expected - present).rename("missing"), expected


def hours_to_repair(
    feature_store: FeatureStore, start: datetime, end: datetime, incomplete_since: datetime
) -> list[datetime]:
    """The hours of [start, end) without rows, and those since `incomplete_since` that lack some."""
    counts = row_counts(feature_store, start, end)
    missing, _ = missing_rows(feature_store, max(start, incomplete_since), end)
    gaps = (counts == 0) | (missing.reindex(counts.index, fill_value=0) > 0)
    return [hour.to_pydatetime() for hour in counts.index[gaps]]


def ranges(hours: Iterable[datetime], most: int | None = None) -> list[tuple[datetime, datetime]]:
    """Ascending hours as ranges without gaps: (first, last), both inclusive.

    With `most`, none of them has more hours than that.
    """
    spans: list[tuple[datetime, datetime]] = []
    for hour in hours:
        first, last = spans[-1] if spans else (hour, hour)
        if hour - last == HOUR and (most is None or hour - first < most * HOUR):
            spans[-1] = (first, hour)
        else:
            spans.append((hour, hour))
    return spans


def _hours(start: datetime, end: datetime) -> pd.DatetimeIndex:
    return pd.date_range(start, end, freq="h", inclusive="left", name="datetime_utc")


def _count(rows: pd.DataFrame, hours: pd.Index) -> pd.Series:
    """How many rows each of the `hours` has."""
    return rows.groupby("datetime_utc").size().reindex(hours, fill_value=0)


def _series(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[list(SERIES_KEY)].drop_duplicates()
