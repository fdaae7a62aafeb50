"""The feature matrix: what is known at an origin about a target hour some hours ahead.

Belongs here: the transform of the values, the lags and recent levels, the base forecast. Every
array is over (series, origin, horizon); there is no loop over series, origins or horizons.
Does not belong here: the model that is fitted to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from energy_assets.forecasting.features import calendar as local_calendar
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.matrix import DAY, WEEK, Floats, Ints

LAGS = (24, 25, 26, 47, 48, 49, 72, 96, 120, 144, 166, 167, 168, 169, 170, 192)
RECENT_HOURS = (3, 6, 12, 24)
LAST_VALUES = 3
HISTORY_HOURS = DAY + WEEK
"""Hours up to the origin that the features of horizons up to a day look at."""

SMALL = 0.01
"""Share of a series' mean level below which the transform turns from logarithmic to linear."""

FEATURES = (
    "horizon",
    *(f"target_{name}" for name in local_calendar.COLUMNS),
    "holiday_lag_24",
    "holiday_lag_168",
    *(f"lag_{lag}" for lag in LAGS),
    "same_hour_mean_7d",
    *(f"last_{back}" for back in range(LAST_VALUES)),
    *(f"mean_{n}_minus_lag_{lag}" for n in RECENT_HOURS for lag in (DAY, WEEK)),
    *(f"day_mean_{day}" for day in range(7)),
    "day_deviation",
    "week_deviation",
)


EXOGENOUS = ("{}", "{}_minus_lag_24", "{}_minus_week_mean")
"""The features made of each exogenous column."""


@dataclass(frozen=True)
class Rows:
    """Features of every (series, origin, horizon) and what turns a residual into a forecast.

    `features` has the shape (features, series, origins, horizons), `base` the shape (series,
    origins, horizons), both relative to `centre`, shape (series, origins, 1), on the transformed
    scale. `scale`, shape (series, 1, 1), is that of the transform. `hour_of_week`, shape (origins,
    horizons), is the target's, from Monday's first hour on.
    """

    features: npt.NDArray[np.float32]
    base: Floats
    centre: Floats
    scale: Floats
    hour_of_week: Ints

    def at(self, origins: npt.NDArray[np.bool_]) -> Rows:
        """The rows of the chosen origins."""
        return Rows(
            self.features[:, :, origins],
            self.base[:, origins],
            self.centre[:, origins],
            self.scale,
            self.hour_of_week[origins],
        )

    def to_level(self, residual: Floats) -> Floats:
        """Values in the panel's unit from `residual` on the transformed scale beside the base.

        Without a base (no value a day before) the forecast is the mean of what there is.
        """
        known = np.isfinite(self.base)
        return from_log(self.centre + np.where(known, self.base + residual, 0.0), self.scale)


def series_scale(values: Floats, hours: int | None = None) -> Floats:
    """The transform's scale of each series, shape (series, 1); 1 for a series of zeros.

    Only the first `hours` count, all of them where a series starts later.
    """
    observed = np.isfinite(values)
    if hours is not None:
        late = ~observed[:, :hours].any(axis=1, keepdims=True)
        observed = observed & (late | (np.arange(values.shape[1]) < hours))
    total = np.where(observed, np.abs(values), 0.0).sum(axis=1, keepdims=True)
    mean = total / np.maximum(observed.sum(axis=1, keepdims=True), 1)
    return np.where(mean > 0, SMALL * mean, 1.0)


def to_log(values: Floats, scale: Floats) -> Floats:
    """asinh(values / scale): the logarithm for usual values, smooth through zero and below it."""
    return np.arcsinh(values / scale)


def from_log(values: Floats, scale: Floats) -> Floats:
    """The inverse of `to_log`."""
    return np.sinh(values) * scale


def known_lag(lag: int, horizon: Ints) -> Ints:
    """`lag`, or the next lag a whole number of seasons longer that is known at the origin.

    Lags of a week and about step back by weeks, shorter ones by days. Up to a horizon of 24
    hours every lag here is known.
    """
    season = WEEK if lag >= WEEK - 2 else DAY
    return lag + season * np.maximum(0, -((lag - horizon) // season))


def padding(horizon: int) -> int:
    """Hours before the first one that features of `horizon` hours ahead may look at."""
    return HISTORY_HOURS + WEEK * (1 + horizon // WEEK)


@dataclass(frozen=True)
class Calendar:
    """What `local_calendar` says of the hours of an axis, with `pad` more before them.

    `days` has the shape (pad + hours + horizon, columns of `local_calendar`).
    """

    days: npt.NDArray[np.float32]
    pad: int


def calendar(hours: Any, horizon: int, country: str | None, timezone: str) -> Calendar:
    """The calendar of an axis and of the `horizon` hours after it.

    An axis whose steps are not hours gets days of 24 and weeks of 168 steps without holidays.
    """
    pad = padding(horizon)
    found = time_axis.hours_of(hours, pad, horizon)
    if found is None:
        return Calendar(local_calendar.plain_features(len(hours) + pad + horizon), pad)
    return Calendar(local_calendar.calendar_features(found, country, timezone), pad)


def build_rows(
    filled: Floats,
    scale: Floats,
    origins: Ints,
    horizon: Ints,
    calendar: Calendar,
    exogenous: Floats | None = None,
) -> Rows:
    """The features of all series at `origins` (column positions) for `horizon` hours.

    `filled`, shape (series, hours), has no gaps after a series' first observation; `calendar`
    is its own. `exogenous`, shape (columns, series, hours + the longest horizon), is known for
    the hours ahead; each column counts at the target, as its change since the day before,
    and relative to its mean of the week before the origin.
    A feature that looks at hours before the first is NaN. Nothing later than its origin has a
    part in a row but the exogenous values.
    """
    level = to_log(filled, scale)
    days, pad = calendar.days, calendar.pad
    padded = np.pad(level, ((0, 0), (pad, 0)), constant_values=np.nan)
    window_mean = _WindowMeans(padded)
    at = origins + pad
    target = at[:, None] + horizon[None, :]

    centre = window_mean(at, WEEK)[:, :, None]
    lags = {lag: padded[:, target - known_lag(lag, horizon)] - centre for lag in LAGS}
    base = np.where(np.isnan(lags[WEEK]), lags[DAY], 0.6 * lags[DAY] + 0.4 * lags[WEEK])
    holiday = days[:, local_calendar.COLUMNS.index("holiday")]

    extra = 0 if exogenous is None else len(EXOGENOUS) * len(exogenous)
    features = np.empty((len(FEATURES) + extra, *base.shape), dtype=np.float32)
    columns = iter(features)

    def put(values: npt.NDArray[np.floating] | Ints) -> None:
        next(columns)[...] = values

    put(horizon)
    for name in range(len(local_calendar.COLUMNS)):
        put(days[target, name])
    for lag in (DAY, WEEK):
        put(holiday[target - known_lag(lag, horizon)])
    for lag in LAGS:
        put(lags[lag])
    put(_mean_of([lags[lag] for lag in range(DAY, WEEK + 1, DAY)]))
    for back in range(LAST_VALUES):
        put((padded[:, at - back] - centre[:, :, 0])[:, :, None])
    for hours in RECENT_HOURS:
        recent = window_mean(at, hours)
        for lag in (DAY, WEEK):
            put((recent - window_mean(at - lag, hours))[:, :, None])
    for day in range(7):
        put((window_mean(at - DAY * day, DAY) - centre[:, :, 0])[:, :, None])
    squares = _WindowMeans(padded**2)
    for hours in (DAY, WEEK):
        variance = squares(at, hours) - window_mean(at, hours) ** 2
        put(np.sqrt(np.maximum(variance, 0.0))[:, :, None])
    for column in () if exogenous is None else exogenous:
        known = np.pad(column, ((0, 0), (pad, 0)), constant_values=np.nan)
        now = known[:, target]
        put(now)
        put(now - known[:, target - DAY])
        put(now - _WindowMeans(known)(at, WEEK)[:, :, None])
    hour, weekday = (
        days[target, local_calendar.COLUMNS.index(name)].astype(np.int64)
        for name in ("hour", "weekday")
    )
    return Rows(features, base, centre, scale[:, :, None], weekday * DAY + hour)


class _WindowMeans:
    """Means over windows of hours of a matrix with NaN, from running sums."""

    def __init__(self, values: Floats) -> None:
        known = np.isfinite(values)
        self._sums = np.cumsum(np.where(known, values, 0.0), axis=1)
        self._counts = np.cumsum(known, axis=1)

    def __call__(self, ends: Ints, hours: int) -> Floats:
        """Mean of the `hours` values up to each of `ends`, shape (series, ends); NaN if none."""
        counts = self._counts[:, ends] - self._counts[:, ends - hours]
        sums = self._sums[:, ends] - self._sums[:, ends - hours]
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _mean_of(arrays: list[Floats]) -> Floats:
    """Element-wise mean of the arrays' known values; NaN where none is known."""
    total = np.zeros_like(arrays[0])
    count = np.zeros_like(arrays[0])
    for values in arrays:
        known = np.isfinite(values)
        total += np.where(known, values, 0.0)
        count += known
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
