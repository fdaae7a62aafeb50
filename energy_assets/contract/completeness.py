"""Which hours of the feature group are missing or incomplete."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from energy_assets.schemas import PRIMARY_KEY, SERIES_KEY

if TYPE_CHECKING:
    import pandas as pd

    from energy_assets.stores.feature_store import FeatureStore

HOUR = timedelta(hours=1)
LOOKBACK = timedelta(days=7)
"""A series is expected in an hour if it was seen within this long before."""


def missing_rows(
    feature_store: FeatureStore, start: datetime, end: datetime, new: pd.DataFrame | None = None
) -> tuple[pd.Series, int]:
    """How many series are missing in each hour of [start, end), and how many are expected.

    Expected are the series seen in the week before `start` or in the hours themselves. `new` are
    rows that are about to be written.
    """
    import pandas as pd

    from energy_assets.contract.rules import completeness

    known = feature_store.read(start - LOOKBACK, end)
    rows = known if new is None else pd.concat([known, new], ignore_index=True)
    expected = set(rows[list(SERIES_KEY)].itertuples(index=False, name=None))
    hours = pd.date_range(start, end, freq="h", inclusive="left")
    unique = rows.drop_duplicates(list(PRIMARY_KEY))
    return completeness(unique, expected, hours), len(expected)


def missing_hours(
    feature_store: FeatureStore, start: datetime, end: datetime
) -> list[datetime] | None:
    """The hours of [start, end) that are missing or incomplete; None if nothing is known."""
    missing, expected = missing_rows(feature_store, start, end)
    return [hour.to_pydatetime() for hour in missing.index[missing > 0]] if expected else None


def ranges(hours: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """Hours in order as ranges without holes: (first, last), both included."""
    found: list[tuple[datetime, datetime]] = []
    for hour in hours:
        if found and hour - found[-1][1] == HOUR:
            found[-1] = (found[-1][0], hour)
        else:
            found.append((hour, hour))
    return found
