"""What the calendar says about an hour: local hour of the day, weekday, public holidays."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import holidays
import numpy as np
import numpy.typing as npt
import pandas as pd

from energy_assets.errors import ForecastError

COLUMNS = ("hour", "weekday", "holiday", "holiday_before", "holiday_after")


def calendar_features(
    hours: pd.DatetimeIndex, country: str | None, timezone: str
) -> npt.NDArray[np.float32]:
    """The features of each of `hours` (tz-naive UTC), shape (hours, 5), columns as in `COLUMNS`.

    Hour, weekday (Monday is 0) and dates are those of `timezone`; a holiday is 1, another day 0.
    `holiday_before` and `holiday_after` tell of the day before and the day after. `country` is an
    ISO 3166 code; None means a place without holidays.

    Raises ForecastError for a country or time zone that does not exist.
    """
    local = hours.tz_localize("UTC").tz_convert(_zone(timezone)).tz_localize(None)
    days = local.normalize()
    found = _holidays(country, days.min().year - 1, days.max().year + 1)
    flags = [days + pd.Timedelta(days=shift) for shift in (0, -1, 1)]
    return np.column_stack([local.hour, local.weekday, *(day.isin(found) for day in flags)]).astype(
        np.float32
    )


def plain_features(steps: int) -> npt.NDArray[np.float32]:
    """The same for steps that are not hours: days of 24, weeks of 168, no holidays."""
    step = np.arange(steps)
    none = np.zeros(steps)
    return np.column_stack([step % 24, step // 24 % 7, none, none, none]).astype(np.float32)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError) as error:
        raise ForecastError(
            f"timezone={name!r} is unknown: use an IANA name such as 'Europe/Copenhagen'."
        ) from error


def _holidays(country: str | None, first: int, last: int) -> pd.DatetimeIndex:
    if country is None:
        return pd.DatetimeIndex([])
    try:
        found = holidays.country_holidays(country, years=range(first, last + 1))
    except NotImplementedError as error:
        raise ForecastError(
            f"country={country!r} is unknown: use an ISO 3166 code such as 'DK', or None."
        ) from error
    return pd.DatetimeIndex(sorted(found))
