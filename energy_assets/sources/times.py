"""Reading published times as UTC times."""

from __future__ import annotations

import pandas as pd

_ZONE = r"(?:Z|[+-][0-9]{2}:?[0-9]{2})"
_TIME = (
    r"(?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?"
    rf"{_ZONE}?"
)
"""A date with hours and minutes. A date alone does not match: it would be read as midnight. Nor
does a year such as 9999, which publishers use for "never", and which `datetime64[ns]` cannot hold.
"""


def utc_times(text: pd.Series) -> pd.Series:
    """Times as text -> `datetime64[ns]` in UTC, NaT if the text is not a date with a time of day.

    Reads `2023-01-31 23:00`, with or without seconds, with a space or `T`, with or without `Z` or
    an offset.
    """
    # All series share their hours, so it is much faster to parse each distinct text once.
    codes, distinct = pd.factorize(text)
    texts = pd.Series(distinct, dtype="object").astype("str")
    texts = texts.where(texts.str.fullmatch(_TIME))
    # pandas reads a time without a zone in that of the time before it, if that one has an offset.
    texts = texts.where(texts.str.contains(f"{_ZONE}$", na=True), texts + "Z")
    times = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
    # A missing value has code -1, which picks the NaT appended here.
    times = pd.concat([times.dt.tz_localize(None), pd.Series([pd.NaT])], ignore_index=True)
    return pd.Series(
        times.to_numpy(dtype="datetime64[ns]")[codes], index=text.index, name="datetime_utc"
    )
