"""What every source offers, and how records are fetched from a source that may be late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import pandas as pd

from energy_assets.errors import NoDataError
from energy_assets.sources.profiles import DatasetProfile

GRACE_PERIOD = timedelta(days=3)
"""An hour at most this much newer than the newest published hour is late, not missing."""

MAX_COLUMNS = 100
"""Records with more columns are refused. The known data sets have five."""


class Source(Protocol):
    """A publisher of hourly consumption. All times are naive UTC."""

    @property
    def name(self) -> str:
        """The value of ENERGY_SOURCE that chooses this source."""

    @property
    def profile(self) -> DatasetProfile:
        """The shape of the records."""

    def fetch(self, start: datetime, end: datetime) -> pd.DataFrame:
        """The records of the hours [start, end) as published; every value is text or None.

        A record whose time cannot be read is among those of the hours where it was published.

        If there are no records in hours that the source covers, the frame is empty but has the
        profile's columns. Raises NoDataError if the source covers none of the hours, SourceError
        if it cannot be read.
        """

    def oldest_hour(self) -> datetime:
        """The first hour that the source has."""

    def newest_hour(self) -> datetime:
        """The last hour that the source has."""


def fetch_published(source: Source, start: datetime, end: datetime) -> pd.DataFrame:
    """The records of [start, end); an empty frame if the source is merely late.

    A late hour must not stop the forecast, which can be made from older hours. Raises NoDataError
    if the hours are before the data set begins, or more than GRACE_PERIOD after its newest hour.
    """
    try:
        return source.fetch(start, end)
    except NoDataError as error:
        if error.newest is None or start > error.newest + GRACE_PERIOD:
            raise
        return pd.DataFrame(columns=list(source.profile.columns), dtype="object")


def describe_span(start: datetime, end: datetime) -> str:
    """The hours [start, end) as messages name them."""
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"


def listed(names: Sequence[str]) -> str:
    """Names as messages list them; of many or long ones, the beginning."""
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(name[:60] for name in names[:10]) + more
