"""The simulated source: realistic Danish consumption for any hour, without network or account.

It publishes the numbers of `consumption_model` as records of ConsumptionDE35Hour. Like the real
publisher, it sometimes publishes late, in part, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from energy_assets.errors import NoDataError
from energy_assets.settings import Settings, utc_now
from energy_assets.sources import consumption_model as model
from energy_assets.sources.noise import Hours, uniform
from energy_assets.sources.profiles import DE35, DatasetProfile
from energy_assets.sources.source import describe_span
from energy_assets.sources.weather_model import TIMEZONE

OLDEST_HOUR = datetime(2000, 1, 1)

LATE_SHARE = 0.01
"""Share of the hours that are published 2 to 6 hours later than usual."""
MISSING_SHARE = 1 / 1440
"""Share of the hours that are never published. The same share lacks half of its records."""
MISSING_RECORD_SHARE = 1 / (76 * 168)
"""Share of single records that are never published: about one a week in the whole panel."""

_EPOCH = datetime(1970, 1, 1)
_HOUR = timedelta(hours=1)


def open_simulator(settings: Settings, profile: DatasetProfile) -> Simulator:
    """The simulator, which needs no settings and has one data set."""
    return Simulator(profile=profile)


@dataclass(frozen=True)
class Simulator:
    """The simulated source. The clock only decides what has been published by now."""

    now: Callable[[], datetime] = utc_now
    name: str = "simulator"
    profile: DatasetProfile = DE35

    def fetch(self, start: datetime, end: datetime) -> pd.DataFrame:
        """The records of the hours [start, end): see `Source.fetch`."""
        newest = self.newest_hour()
        if start > newest or end <= OLDEST_HOUR:
            raise NoDataError(
                f"the simulator has {describe_span(OLDEST_HOUR, newest)}, nothing of "
                f"{describe_span(start, end)}: choose earlier hours, or wait until these have "
                "passed",
                newest=newest if start > newest else None,
            )
        hours = np.arange(_number(max(start, OLDEST_HOUR)), _number(min(end, newest + _HOUR)))
        return _records(hours, self._published(hours))

    def oldest_hour(self) -> datetime:
        """The first hour that the simulator has."""
        return OLDEST_HOUR

    def newest_hour(self) -> datetime:
        """The last hour with any record published by now."""
        last = int((self.now() - _EPOCH) // _HOUR)
        hours = np.arange(last - 48, last)
        published = hours[self._published(hours).any(axis=1)]
        return _EPOCH + int(published[-1]) * _HOUR

    def _published(self, hours: Hours) -> NDArray[np.bool_]:
        """Which records are published by now: array (hours, series)."""
        late = uniform("late", hours) < LATE_SHARE
        delay = np.where(late, 2 + np.floor(5 * uniform("delay", hours)), 0)
        due = hours + 1 + delay <= (self.now() - _EPOCH) / _HOUR
        fate = uniform("missing", hours)
        in_half = model.uniform_by_series("half", hours) < 0.5
        published = (fate >= 2 * MISSING_SHARE)[:, None]
        published = published | (in_half & (fate >= MISSING_SHARE)[:, None])
        published &= model.uniform_by_series("missing record", hours) >= MISSING_RECORD_SHARE
        return published & due[:, None]


def _number(time: datetime) -> int:
    """The number, counted from 1970, of the first hour that starts at or after a time."""
    return -int((_EPOCH - time) // _HOUR)


def _records(hours: Hours, published: NDArray[np.bool_]) -> pd.DataFrame:
    """The published records in the format of the data set, every value as text."""
    utc = pd.DatetimeIndex(hours.astype("datetime64[h]").astype("datetime64[ns]"))
    local = utc.tz_localize("UTC").tz_convert(TIMEZONE)
    row, series = np.nonzero(published)
    kwh = np.rint(model.consumption(hours)[row, series]).astype(np.int64)
    areas, codes = (np.array(names, dtype=object) for names in zip(*model.SERIES, strict=True))
    return pd.DataFrame(
        {
            "HourUTC": utc.strftime("%Y-%m-%d %H:%M").to_numpy(dtype=object)[row],
            "HourDK": local.strftime("%Y-%m-%d %H:%M").to_numpy(dtype=object)[row],
            "PriceArea": areas[series],
            "ConsumerType_DE35": codes[series],
            "TotalCon": kwh.astype(str).astype(object),
        },
        dtype=object,
    )
