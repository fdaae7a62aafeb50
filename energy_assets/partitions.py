"""Hourly UTC partitions: their keys, hours and windows.

A partition is one hour of observation: key `2023-03-01-10:00` holds the rows of 10:00 to 10:59.

This is the only module that reads the settings when it is imported, because Dagster needs the
partitions then. Everything else is passed its settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg
import pandas as pd

from energy_assets.settings import PARTITION_FORMAT, read_settings

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)

HORIZON = 24
"""Hours forecast from each origin."""

SETTINGS = read_settings()
"""The settings of this process."""

hourly = dg.HourlyPartitionsDefinition(
    start_date=SETTINGS.first_hour,
    end_offset=-24 * SETTINGS.days_delay,
    timezone="UTC",
    fmt=PARTITION_FORMAT,
)
"""One partition per hour. The newest is `DAYS_DELAY` days old, because sources publish late."""

HOURS_LOADED_AT_ONCE = (
    max(1, 24 * SETTINGS.days_export // SETTINGS.series_shards)
    if SETTINGS.series_shards > 1
    else None
)
"""Hours whose records one run loads, at most; None for any number.

With shards, as many as have the rows of one shard in a training window, because a run holds the
records of its hours in memory.
"""


def hour_of(key: str) -> datetime:
    """The hour (naive UTC) of a partition key."""
    return datetime.strptime(key, PARTITION_FORMAT)


def key_of(hour: datetime) -> str:
    """The partition key of an hour (naive UTC)."""
    return hour.strftime(PARTITION_FORMAT)


def due(hour: datetime, days_delay: int) -> datetime:
    """When the run for an hour is due: once the hour has ended and its records may be published."""
    return hour + HOUR + timedelta(days=days_delay)


def hours_of(window: dg.TimeWindow) -> tuple[datetime, datetime]:
    """The hours of a Dagster time window as [start, end), naive UTC."""
    return window.start.replace(tzinfo=None), window.end.replace(tzinfo=None)


def window_of(hour: datetime, days: int) -> tuple[datetime, datetime]:
    """The `days` days that end with an hour, as [start, end)."""
    end = hour + HOUR
    return end - timedelta(days=days), end


def split_by_hour(
    frame: pd.DataFrame, hours: pd.Series, keys: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """The rows of each partition key; an hour without rows has an empty frame.

    `hours` holds the hour of each row.
    """
    groups = {key_of(hour): rows for hour, rows in frame.groupby(hours)}
    return {key: groups.get(key, frame.iloc[:0]).reset_index(drop=True) for key in keys}
