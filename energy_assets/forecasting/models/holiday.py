"""Holidays: how far a working day that is a holiday is like a Sunday.

A month often has no holiday and a year has few, too few for weights of their own. Everything known
about a holiday is therefore one number: the share of the way from the series' working days to its
Sundays. It is drawn towards what the holidays of the window had in common, and that towards
`USUAL_SHARE`. The models see every series as if a holiday were a day like others: the effect is
taken away from the past, where a holiday would spoil what is carried over to the next day and week,
and added to the forecast.

Does not belong here: which days are holidays (`features.calendar`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from energy_assets.forecasting.features.calendar import Calendar, holiday_names
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.features.feature_matrix import WindowMeans
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.matrix import (
    HOURS_PER_DAY,
    HOURS_PER_WEEK,
    Bools,
    Floats,
    Ints,
)

USUAL_SHARE = 0.4
"""The share of a holiday of which nothing is known: in the middle of minor and major ones."""

USUAL_HOLIDAYS = 2.0
"""The usual share counts as much as this many holidays of the window."""

SAME_HOLIDAYS = 1.0
"""What all holidays have in common counts as much as this many holidays of the same name."""

CONTRAST_WEEKS = 8
"""Weeks before the end that Sundays are compared with working days in."""

_NEAR = 3 * HOURS_PER_WEEK
_LARGEST_SHARE = 1.5
_SUNDAY = 6
_SATURDAY = 5


@dataclass(frozen=True)
class Shares:
    """What a panel's holidays have in common: the share of each name, and of any other name."""

    other: float = USUAL_SHARE
    named: Mapping[str, float] = field(default_factory=dict)

    def of(self, names: npt.NDArray[np.object_]) -> Floats:
        """The share at each of some hours by the name of the holiday, 0 for no holiday."""
        distinct, where = np.unique(names, return_inverse=True)
        shares = [self.named.get(name, self.other) if name else 0.0 for name in distinct]
        return np.array(shares)[where]


@dataclass(frozen=True)
class Holidays:
    """The effect of holidays: `shares` of the `contrasts`, shape (series + 1, 24).

    A contrast is the logarithm of Sundays to working days at a local hour of the day. The last row
    is that of new series.
    """

    shares: Shares
    contrasts: npt.NDArray[np.float32]

    def factor(self, rows: Ints, design: Design, hours: Any, ahead: int = 0) -> Floats | None:
        """The factor of each hour, and of `ahead` hours after them, (series, hours + ahead).

        `rows` are the rows of the contrasts for each series. None if there is no holiday.
        """
        calendar = design.calendar(hours, max(ahead, 1))
        names = working_holidays(calendar, design, hours, ahead)
        if names is None:
            return None
        on = np.flatnonzero(names != "")
        hour = calendar.column("hour", on).astype(int)
        factor = np.ones((len(rows), len(names)))
        factor[:, on] = np.exp(self.shares.of(names[on]) * self.contrasts[rows][:, hour])
        return factor


def working_holidays(
    calendar: Calendar, design: Design, hours: Any, ahead: int = 0
) -> npt.NDArray[np.object_] | None:
    """The name of the holiday on a working day at each hour and `ahead` hours more, '' for none.

    None if there is none at all.
    """
    every = np.arange(len(hours) + ahead)
    on = (calendar.column("holiday", every) == 1) & (calendar.column("weekday", every) < _SATURDAY)
    axis = time_axis.hours_of(hours, 0, ahead)
    if axis is None or not on.any():
        return None
    return np.where(on, holiday_names(axis, design.country, design.timezone), "")


@dataclass(frozen=True)
class Pooled:
    """What the series of a panel share: the `shares`, and the mean contrast, shape (24,)."""

    shares: Shares
    contrast: Floats


def pool(level: Floats, design: Design, hours: Any) -> Pooled:
    """What the series of a sample share.

    `level`, shape (series, hours), may end before the last of `hours`.
    """
    calendar = design.calendar(hours)
    contrasts = _contrasts(level, calendar)
    known = np.isfinite(contrasts)
    contrast = np.where(known, contrasts, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    names = working_holidays(calendar, design, hours)
    if names is None:
        return Pooled(Shares(), contrast)
    names = names[: level.shape[1]]
    day = np.cumsum(calendar.column("hour", np.arange(len(names))) == 0)
    found: dict[str, list[float]] = {}
    for number in np.unique(day[names != ""]):
        on = np.flatnonzero((names != "") & (day == number))
        share = _share(level, calendar, on)
        if share is not None:
            found.setdefault(names[on[0]], []).append(share)
    every = [share for shares in found.values() for share in shares]
    other = _drawn(every, USUAL_SHARE, USUAL_HOLIDAYS)
    named = {name: _drawn(found[name], other, SAME_HOLIDAYS) for name in sorted(found)}
    return Pooled(Shares(other, named), contrast)


def fit(level: Floats, design: Design, hours: Any, pooled: Pooled) -> Holidays:
    """The effect in each series, with the contrasts of the last weeks of `level`."""
    contrasts = _contrasts(level, design.calendar(hours))
    contrasts = np.where(np.isfinite(contrasts), contrasts, pooled.contrast)
    return Holidays(pooled.shares, np.vstack([contrasts, pooled.contrast]).astype(np.float32))


def _contrasts(level: Floats, calendar: Calendar) -> Floats:
    """The contrast of each series in the last weeks, (series, 24); NaN if unknown."""
    end = level.shape[1]
    span = np.arange(max(0, end - CONTRAST_WEEKS * HOURS_PER_WEEK), end)
    week = _Week.around(level, calendar, span)
    return week.sunday - week.working


def _share(level: Floats, calendar: Calendar, day: Ints) -> float | None:
    """The share of one holiday, given by its hours: a regression on the contrast around it."""
    span = np.arange(max(0, day[0] - _NEAR), min(level.shape[1], day[-1] + 1 + _NEAR))
    week = _Week.around(level, calendar, span)
    hour = calendar.column("hour", day).astype(int)
    contrast = (week.sunday - week.working)[:, hour]
    change = week.deviation[:, day - span[0]] - week.working[:, hour]
    known = np.isfinite(contrast) & np.isfinite(change)
    total = float((contrast[known] ** 2).sum())
    if not total:
        return None
    return float(np.clip((contrast[known] * change[known]).sum() / total, 0.0, _LARGEST_SHARE))


@dataclass(frozen=True)
class _Week:
    """Some weeks of a panel relative to the mean of the week around each hour.

    `deviation` (series, hours), and its means at each hour of `working` days and Sundays that are
    no holidays, (series, 24).
    """

    deviation: Floats
    working: Floats
    sunday: Floats

    @classmethod
    def around(cls, level: Floats, calendar: Calendar, span: Ints) -> _Week:
        """The weeks at the hours `span`."""
        first, last = max(0, span[0] - HOURS_PER_WEEK), span[-1] + 1 + HOURS_PER_WEEK
        near = level[:, first:last]
        deviation = (near - _centre(near))[:, span - first]
        usual = calendar.column("holiday", span) == 0
        of_hour = np.eye(HOURS_PER_DAY)[calendar.column("hour", span).astype(int)]
        known = np.isfinite(deviation)
        filled = np.where(known, deviation, 0.0)

        def profile(days: Bools) -> Floats:
            columns = of_hour * (usual & days)[:, None]
            count = known @ columns
            return np.where(count > 0, (filled @ columns) / np.maximum(count, 1), np.nan)

        weekday = calendar.column("weekday", span)
        return cls(deviation, profile(weekday < _SATURDAY), profile(weekday == _SUNDAY))


def _centre(level: Floats) -> Floats:
    """The mean of the week around each hour."""
    hours = level.shape[1]
    half = HOURS_PER_WEEK // 2
    padded = np.pad(level, ((0, 0), (HOURS_PER_WEEK, half)), constant_values=np.nan)
    return WindowMeans(padded)(np.arange(hours) + HOURS_PER_WEEK + half - 1, HOURS_PER_WEEK)


def _drawn(values: list[float], towards: float, strength: float) -> float:
    """The mean of some values and of `strength` values `towards`."""
    return (sum(values) + strength * towards) / (len(values) + strength)
