"""Times as published -> UTC times."""

from __future__ import annotations

import pandas as pd

_TIME = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?"
"""A date with hours and minutes; a date alone would be read as midnight, so it does not count."""


def utc_times(text: pd.Series) -> pd.Series:
    """Times as text -> `datetime64[ns]` in UTC; NaT where the text is no time with hour and minute.

    Reads `2023-01-31 23:00`, with or without seconds, `T` and `Z` or an offset.
    """
    # An hour is shared by all series: reading each distinct text once is much faster.
    codes, distinct = pd.factorize(text)
    read = pd.Series(distinct, dtype="object").astype("str")
    read = read.where(read.str.fullmatch(_TIME))
    times = pd.to_datetime(read, format="ISO8601", utc=True, errors="coerce")
    # A null has the code -1 and so takes the NaT at the end.
    known = pd.concat([times.dt.tz_localize(None), pd.Series([pd.NaT])], ignore_index=True)
    return pd.Series(
        known.to_numpy(dtype="datetime64[ns]")[codes], index=text.index, name="datetime_utc"
    )
