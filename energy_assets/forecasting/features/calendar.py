"""What the calendar says about an hour: local hour of the day, weekday, public holidays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import numpy.typing as npt
import pandas as pd

from energy_assets.errors import ForecastError
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, HOURS_PER_WEEK, Ints

COLUMNS = ("hour", "weekday", "holiday", "holiday_before", "holiday_after")


@dataclass(frozen=True)
class Calendar:
    """The calendar of an axis of hours, of `pad` hours before it and one horizon after it.

    `days` has the shape (pad + hours + horizon, columns), with columns as in `COLUMNS`.
    """

    days: npt.NDArray[np.float32]
    pad: int

    def column(self, name: str, hours: Ints) -> npt.NDArray[np.float32]:
        """One of `COLUMNS` at `hours`, which are positions on the axis and may be negative."""
        return self.days[self.pad + hours, COLUMNS.index(name)]


def calendar(hours: Any, horizon: int, pad: int, country: str | None, timezone: str) -> Calendar:
    """The calendar of an axis, of the `pad` hours before it and the `horizon` hours after it.

    An axis whose steps are not hours gets days of 24 and weeks of 168 steps, without holidays.
    """
    padded = time_axis.hours_of(hours, pad, horizon)
    if padded is None:
        first = time_axis.first_step(hours) - pad
        return Calendar(step_features(first, len(hours) + pad + horizon), pad)
    return Calendar(calendar_features(padded, country, timezone), pad)


def calendar_features(
    hours: pd.DatetimeIndex, country: str | None, timezone: str
) -> npt.NDArray[np.float32]:
    """The calendar of `hours` (tz-naive UTC), shape (hours, 5), with columns as in `COLUMNS`.

    Hours, weekdays (Monday is 0) and dates are local to `timezone`. The holiday columns are 1 or 0:
    for the day itself, the day before and the day after. `country` is an ISO 3166 code, or None for
    no holidays.

    Raises ForecastError if the country or time zone does not exist.
    """
    local = _local(hours, timezone)
    days = local.normalize()
    names = _holidays(country, days.min().year - 1, days.max().year + 1)
    public = pd.DatetimeIndex(list(names))
    flags = [(days + pd.Timedelta(days=shift)).isin(public) for shift in (0, -1, 1)]
    return np.column_stack([local.hour, local.weekday, *flags]).astype(np.float32)


def holiday_names(
    hours: pd.DatetimeIndex, country: str | None, timezone: str
) -> npt.NDArray[np.object_]:
    """The name of the public holiday at each of `hours` (tz-naive UTC), '' for other days.

    The same holiday has the same name in every year, also if it is observed on another day.
    """
    days = _local(hours, timezone).normalize()
    names = _holidays(country, days.min().year - 1, days.max().year + 1)
    codes, distinct = pd.factorize(days)
    by_day = [re.sub(r" *\(.*?\)", "", names.get(day, "")) for day in distinct]
    return np.array(by_day, dtype=object)[codes]


def step_features(first: int, steps: int) -> npt.NDArray[np.float32]:
    """The same columns for steps that are not hours: days of 24, weeks of 168, no holidays.

    The steps are numbered from `first` on.
    """
    step = np.arange(first, first + steps)
    none = np.zeros(steps)
    hour, weekday = step % HOURS_PER_DAY, step % HOURS_PER_WEEK // HOURS_PER_DAY
    return np.column_stack([hour, weekday, none, none, none]).astype(np.float32)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError) as error:
        raise ForecastError(
            f"timezone={name!r} is unknown: use an IANA name such as 'Europe/Copenhagen'."
        ) from error


def _local(hours: pd.DatetimeIndex, timezone: str) -> pd.DatetimeIndex:
    return hours.tz_localize("UTC").tz_convert(_zone(timezone)).tz_localize(None)


@lru_cache(maxsize=16)
def _holidays(country: str | None, first_year: int, last_year: int) -> Mapping[pd.Timestamp, str]:
    """The names of the public holidays of some years, by day."""
    if country is None:
        return {}
    try:
        dates = holidays.country_holidays(country, years=range(first_year, last_year + 1))
    except NotImplementedError as error:
        raise ForecastError(
            f"country={country!r} is unknown: use an ISO 3166 code such as 'DK', or None."
        ) from error
    return {pd.Timestamp(day): dates[day] for day in sorted(dates)}
