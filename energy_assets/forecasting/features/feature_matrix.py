"""The feature matrix: what is known at an origin about a target hour some hours ahead.

A feature is an entry in `FEATURES` (or `EXOGENOUS_FEATURES`): its name, and the function that
computes its array. Arrays are over (series, origin, horizon), without loops over any of them.

Does not belong here: the models that are fitted to the features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from energy_assets.forecasting.features import transform
from energy_assets.forecasting.features.calendar import COLUMNS, Calendar
from energy_assets.forecasting.panel.matrix import (
    HOURS_PER_DAY,
    HOURS_PER_WEEK,
    Bools,
    Floats,
    Ints,
)

LAGS = (24, 25, 26, 47, 48, 49, 72, 96, 120, 144, 166, 167, 168, 169, 170, 192)
RECENT_HOURS = (3, 6, 12, 24)
LAST_VALUES = 3
SEASONS = (HOURS_PER_DAY, HOURS_PER_WEEK)
HISTORY_HOURS = HOURS_PER_DAY + HOURS_PER_WEEK
"""Hours up to the origin that the features of horizons up to a day look at."""


@dataclass(frozen=True)
class FeatureMatrix:
    """The features of every (series, origin, horizon), and how a residual becomes a forecast.

    `features` has the shape (features, series, origins, horizons); `names` are those of the first
    features, in order, and features of exogenous columns follow. `base`, shape (series, origins,
    horizons), is the forecast before any model corrects it. Both are on the transformed scale,
    relative to `centre`, shape (series, origins, 1). `scale`, shape (series, 1, 1), is the scale of
    the transform. `hour_of_week`, shape (origins, horizons), is the target's hour of the week,
    counted from midnight on Monday.
    """

    features: npt.NDArray[np.float32]
    names: tuple[str, ...]
    base: Floats
    centre: Floats
    scale: Floats
    hour_of_week: Ints

    def at(self, origins: Bools) -> FeatureMatrix:
        """The part for the selected origins."""
        return FeatureMatrix(
            self.features[:, :, origins],
            self.names,
            self.base[:, origins],
            self.centre[:, origins],
            self.scale,
            self.hour_of_week[origins],
        )

    def forecast(self, residual: Floats) -> Floats:
        """Forecasts in the unit of the panel: the base plus `residual`, transformed back.

        Without a base (no value a day before the target) the forecast is the mean of the week
        before the origin.
        """
        corrected = np.where(np.isfinite(self.base), self.base + residual, 0.0)
        return transform.sinh(self.centre + corrected, self.scale)


class WindowMeans:
    """Means over windows of hours, from running sums; missing values are left out."""

    def __init__(self, values: Floats) -> None:
        observed = np.isfinite(values)
        self._sums = np.cumsum(np.where(observed, values, 0.0), axis=1)
        self._counts = np.cumsum(observed, axis=1)

    def __call__(self, ends: Ints, hours: int) -> Floats:
        """Mean of the `hours` values up to each of `ends`, shape (series, ends); NaN if none."""
        counts = self._counts[:, ends] - self._counts[:, ends - hours]
        sums = self._sums[:, ends] - self._sums[:, ends - hours]
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


class View:
    """What features are computed from: the transformed panel as seen from each origin.

    Every method gives an array that broadcasts to (series, origins, horizons), NaN for hours before
    the panel. None looks at hours after the origin, except at the calendar.
    """

    def __init__(self, level: Floats, origins: Ints, horizon: Ints, calendar: Calendar) -> None:
        self.horizon = horizon
        self.target = origins[:, None] + horizon[None, :]
        self._calendar = calendar
        self._pad = calendar.pad
        self._padded = np.pad(level, ((0, 0), (self._pad, 0)), constant_values=np.nan)
        self._origins = origins + self._pad
        self._means = WindowMeans(self._padded)
        self._lags: dict[int, Floats] = {}

    @cached_property
    def centre(self) -> Floats:
        """The mean of the week before the origin, shape (series, origins, 1)."""
        return self.mean(HOURS_PER_WEEK)

    @cached_property
    def base(self) -> Floats:
        """The base forecast: a mix of the same hour yesterday and a week ago."""
        day, week = self.lag(HOURS_PER_DAY), self.lag(HOURS_PER_WEEK)
        return np.where(np.isnan(week), day, 0.6 * day + 0.4 * week)

    def calendar(self, column: str) -> npt.NDArray[np.float32]:
        """A column of the calendar at the target, shape (origins, horizons)."""
        return self._calendar.column(column, self.target)

    def holiday(self, lag: int) -> npt.NDArray[np.float32]:
        """Whether the hour that `lag` refers to is on a holiday, shape (origins, horizons)."""
        return self._calendar.column("holiday", self.target - known_lag(lag, self.horizon))

    def lag(self, lag: int) -> Floats:
        """The value `lag` hours before the target, relative to the centre."""
        if lag not in self._lags:
            hours = self.target + self._pad - known_lag(lag, self.horizon)
            self._lags[lag] = self._padded[:, hours] - self.centre
        return self._lags[lag]

    def mean_of_lags(self, lags: Sequence[int]) -> Floats:
        """The mean of several lags, without the missing ones."""
        arrays = [self.lag(lag) for lag in lags]
        total, count = np.zeros_like(arrays[0]), np.zeros_like(arrays[0])
        for values in arrays:
            observed = np.isfinite(values)
            total += np.where(observed, values, 0.0)
            count += observed
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def value(self, back: int) -> Floats:
        """The value `back` hours before the origin, relative to the centre."""
        return self._padded[:, self._origins - back][:, :, None] - self.centre

    def mean(self, hours: int, back: int = 0) -> Floats:
        """The mean of the `hours` values that end `back` hours before the origin."""
        return self._means(self._origins - back, hours)[:, :, None]

    def day_mean(self, days: int) -> Floats:
        """The mean of the 24 hours that end `days` days before the origin, less the centre."""
        return self.mean(HOURS_PER_DAY, back=HOURS_PER_DAY * days) - self.centre

    def change(self, hours: int, lag: int) -> Floats:
        """The mean of the last `hours` values less the same mean `lag` hours earlier."""
        return self.mean(hours) - self.mean(hours, back=lag)

    def deviation(self, hours: int) -> Floats:
        """The standard deviation of the `hours` values up to the origin."""
        squares = self._squares(self._origins, hours)[:, :, None]
        return np.sqrt(np.maximum(squares - self.mean(hours) ** 2, 0.0))

    @cached_property
    def _squares(self) -> WindowMeans:
        return WindowMeans(self._padded**2)


class ExogenousView:
    """An exogenous column as seen from each origin, shape (series, hours + longest horizon)."""

    def __init__(self, column: Floats, origins: Ints, horizon: Ints, pad: int) -> None:
        self._padded = np.pad(column, ((0, 0), (pad, 0)), constant_values=np.nan)
        self._origins = origins + pad
        self._target = self._origins[:, None] + horizon[None, :]

    @cached_property
    def at_target(self) -> Floats:
        """The values at the target."""
        return self._padded[:, self._target]

    def change_since_day_before(self) -> Floats:
        """The values at the target less those a day before it."""
        return self.at_target - self._padded[:, self._target - HOURS_PER_DAY]

    def minus_week_mean(self) -> Floats:
        """The values at the target less their mean of the week before the origin."""
        return self.at_target - WindowMeans(self._padded)(self._origins, HOURS_PER_WEEK)[:, :, None]


Values = npt.NDArray[np.floating] | Ints

FEATURES: Mapping[str, Callable[[View], Values]] = {
    "horizon": lambda view: view.horizon,
    **{f"target_{name}": partial(View.calendar, column=name) for name in ("hour", "weekday")},
    **{f"lag_{lag}": partial(View.lag, lag=lag) for lag in LAGS},
    "same_hour_mean_7d": partial(View.mean_of_lags, lags=range(24, 168 + 1, 24)),
    **{f"last_{back}": partial(View.value, back=back) for back in range(LAST_VALUES)},
    **{
        f"mean_{hours}_minus_lag_{lag}": partial(View.change, hours=hours, lag=lag)
        for hours in RECENT_HOURS
        for lag in SEASONS
    },
    **{f"day_mean_{days}": partial(View.day_mean, days=days) for days in range(7)},
    "day_deviation": partial(View.deviation, hours=HOURS_PER_DAY),
    "week_deviation": partial(View.deviation, hours=HOURS_PER_WEEK),
}
"""The features, in the order in which newly trained models see them."""

EARLIER_FEATURES: Mapping[str, Callable[[View], Values]] = {
    **{f"target_{name}": partial(View.calendar, column=name) for name in COLUMNS[2:]},
    **{f"holiday_lag_{lag}": partial(View.holiday, lag=lag) for lag in SEASONS},
}
"""Features that only models of earlier releases see; holidays are now taken away beforehand."""

EXOGENOUS_FEATURES: Mapping[str, Callable[[ExogenousView], Floats]] = {
    "{}": lambda view: view.at_target,
    "{}_minus_lag_24": ExogenousView.change_since_day_before,
    "{}_minus_week_mean": ExogenousView.minus_week_mean,
}
"""The features of each exogenous column, by name; `{}` stands for the column's name."""


def known_lag(lag: int, horizon: Ints) -> Ints:
    """The lag itself, or the next one by whole seasons that is known at the origin.

    Lags of about a week and longer step back by weeks, shorter ones by days. For horizons up to 24
    hours every lag here is known.
    """
    season = HOURS_PER_WEEK if lag >= HOURS_PER_WEEK - 2 else HOURS_PER_DAY
    return lag + season * np.maximum(0, -((lag - horizon) // season))


def padding(horizon: int) -> int:
    """Hours before the start of a panel that features of `horizon` hours ahead may look at."""
    return HISTORY_HOURS + HOURS_PER_WEEK * (1 + horizon // HOURS_PER_WEEK)


def build_features(
    filled: Floats,
    scale: Floats,
    origins: Ints,
    horizon: Ints,
    calendar: Calendar,
    exogenous: Floats | None = None,
    names: Sequence[str] = tuple(FEATURES),
) -> FeatureMatrix:
    """The features of all series at `origins` (column positions) for each of `horizon` hours ahead.

    `filled`, shape (series, hours), has no gaps after a series' first observation; `scale`, shape
    (series, 1), is the scale of the transform. `calendar` belongs to the hours of `filled`.
    `exogenous`, shape (columns, series, hours + longest horizon), includes the hours ahead. `names`
    are the wanted features, in order.

    A feature that looks at hours before the panel is NaN. Apart from the calendar and `exogenous`,
    nothing later than its origin is used.
    """
    view = View(transform.asinh(filled, scale), origins, horizon, calendar)
    base = view.base
    known = {**FEATURES, **EARLIER_FEATURES}
    arrays: list[Values] = [known[name](view) for name in names]
    for column in () if exogenous is None else exogenous:
        exogenous_view = ExogenousView(column, origins, horizon, calendar.pad)
        arrays += [compute(exogenous_view) for compute in EXOGENOUS_FEATURES.values()]
    features = np.stack([np.broadcast_to(array, base.shape) for array in arrays], dtype=np.float32)
    hour, weekday = (view.calendar(column).astype(np.int64) for column in ("hour", "weekday"))
    return FeatureMatrix(
        features,
        tuple(names),
        base,
        view.centre,
        scale[:, :, None],
        weekday * HOURS_PER_DAY + hour,
    )
