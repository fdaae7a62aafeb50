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


def missing_rows(
    feature_store: FeatureStore, start: datetime, end: datetime, new: pd.DataFrame | None = None
) -> tuple[pd.Series, int]:
    """The number of rows missing in each hour of [start, end), and the number expected per hour.

    A series should have a row in every hour if it had one within LOOKBACK before `start`, or
    has one in any of the hours. `new` are rows that are about to be written.

    Returns int64 by hour, named `missing` with index `datetime_utc`, and the number of series.
    """
    stored = feature_store.read(start - LOOKBACK, end)
    rows = stored if new is None else pd.concat([stored, new], ignore_index=True)
    rows = rows.drop_duplicates(list(PRIMARY_KEY))
    expected = len(rows[list(SERIES_KEY)].drop_duplicates())
    hours = pd.date_range(start, end, freq="h", inclusive="left", name="datetime_utc")
    present = rows.groupby("datetime_utc").size().reindex(hours, fill_value=0)
    return (expected - present).rename("missing"), expected


def hours_to_repair(
    feature_store: FeatureStore, start: datetime, end: datetime, incomplete_since: datetime
) -> list[datetime]:
    """The hours of [start, end) without rows, and those since `incomplete_since` that lack some."""
    rows = feature_store.read(start, end)
    present = {hour.to_pydatetime() for hour in rows["datetime_utc"].unique()}
    hours = [start + number * HOUR for number in range((end - start) // HOUR)]
    since = max(start, incomplete_since)
    missing, _ = missing_rows(feature_store, since, end)
    incomplete = {hour.to_pydatetime() for hour in missing.index[missing > 0]}
    return [hour for hour in hours if hour not in present or hour in incomplete]


def ranges(hours: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """Ascending hours as ranges without gaps: (first, last), both inclusive."""
    spans: list[tuple[datetime, datetime]] = []
    for hour in hours:
        if spans and hour - spans[-1][1] == HOUR:
            spans[-1] = (spans[-1][0], hour)
        else:
            spans.append((hour, hour))
    return spans
