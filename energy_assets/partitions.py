"""Hourly UTC partitions, and the mappings between the partitions of two assets.

A partition is one hour of observation: key `2023-03-01-10:00` holds the rows of 10:00 to 11:00.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from energy_assets.settings import PARTITION_FORMAT, settings

if TYPE_CHECKING:
    import pandas as pd

HOUR = timedelta(hours=1)

HORIZON = 24
"""Hours forecast from each origin."""

WINDOW = timedelta(days=settings().days_export)
"""Length of the training window, which ends with the partition's own hour."""

hourly = dg.HourlyPartitionsDefinition(
    start_date=settings().first_hour,
    end_offset=-24 * settings().days_delay,
    timezone="UTC",
    fmt=PARTITION_FORMAT,
)
"""One partition an hour. The source publishes late, so the newest is `DAYS_DELAY` days old."""

day_before = dg.TimeWindowPartitionMapping(
    start_offset=-HORIZON, end_offset=-1, allow_nonexistent_upstream_partitions=True
)
"""Hour K needs the 24 hours before K: the origins from which K was forecast."""


def hour_of(key: str) -> datetime:
    """The hour (naive UTC) of a partition key."""
    return datetime.strptime(key, PARTITION_FORMAT)


def key_of(hour: datetime) -> str:
    """The partition key of an hour (naive UTC)."""
    return hour.strftime(PARTITION_FORMAT)


def window_of(hour: datetime) -> tuple[datetime, datetime]:
    """The training window of an hour: start included, end excluded; the hour itself is its last."""
    end = hour + HOUR
    return end - WINDOW, end


def split_by_hour(
    frame: pd.DataFrame, hours: pd.Series, keys: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """The rows of each partition key, by each row's hour; an hour may have none."""
    groups = {key_of(hour): rows for hour, rows in frame.groupby(hours)}
    return {key: groups.get(key, frame.iloc[:0]).reset_index(drop=True) for key in keys}
