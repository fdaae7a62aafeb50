"""Rows for the tests of stores."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

from energy_assets.schemas import CONSUMPTION, first_versions

T0 = datetime(2023, 3, 1)
HOUR = timedelta(hours=1)
SOURCE_ID = "simulator-made-up"


def rows(hours: int = 3, value: float = 1.0, start: datetime = T0) -> pd.DataFrame:
    """Two series over some hours; each hour's value is one more than the last."""
    return pd.DataFrame(
        [
            (area, code, pd.Timestamp(start + number * HOUR), value + number)
            for area, code in [("DK1", "111"), ("DK2", "999")]
            for number in range(hours)
        ],
        columns=list(CONSUMPTION.dtypes),
    )


def versions(
    hours: int = 3, value: float = 1.0, start: datetime = T0, known_at: datetime | None = None
) -> pd.DataFrame:
    """The same as versions, known from their own hour or from `known_at`."""
    first = first_versions(rows(hours, value, start))
    return first if known_at is None else first.assign(known_at=pd.Timestamp(known_at))
