"""The linear model: ridge regression with weights of its own for every series, partially pooled.

Each series' weights are drawn towards those of all series together, the more the less it has to
say itself; a series never seen is forecast by the pooled ones. It errs elsewhere than trees do,
which is why the mean of both is better than either.

Belongs here: moments, their solution, and forecasts from weights. Does not belong here: features.

Besides the columns of the design every hour of the day and every hour of the local week has an
effect of its own. A row is in one hour of the week, so that this block of the normal equations is
diagonal and is eliminated before they are solved: 168 columns that cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from energy_assets.forecasting.features.matrix import FEATURES, Rows
from energy_assets.forecasting.panel.matrix import DAY, WEEK, Floats, Ints

POOLED_ROWS = 50.0
"""How many rows of its own weigh as much, for a series, as the pooled weights."""

FADE_HOURS = 5.0
"""By which horizon the additional weight of the newest hours has fallen to 1/e."""

_TINY = 1e-6

_CALENDAR = [FEATURES.index(name) for name in ("horizon", "target_hour", "target_weekday")]
_NEWEST = [
    place
    for place, name in enumerate(FEATURES)
    if name.startswith(("last_", "mean_")) or name == "day_mean_0"
]


@dataclass(frozen=True)
class Moments:
    """Sums over the rows of each series from which its weights follow; they may be added.

    `gram` (series, columns, columns), `by_hour` (series, columns, 168), `count` (series, 168),
    `target` (series, columns) and `target_by_hour` (series, 168), where 168 are the hours of the
    week.
    """

    gram: Floats
    by_hour: Floats
    count: Floats
    target: Floats
    target_by_hour: Floats

    def __add__(self, other: Moments) -> Moments:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Moments(*(mine + theirs for mine, theirs in pairs))

    def pooled(self) -> Moments:
        """Those of all series as if they were one."""
        return Moments(*(sums.sum(axis=0, keepdims=True) for sums in vars(self).values()))

    def with_hours_of_day(self) -> Moments:
        """The same with a column more for each hour of the day, 1 in its rows and 0 in others.

        Nothing has to be summed for them: an hour of the week is in one hour of the day.
        """
        series, columns = self.target.shape
        shared = self.by_hour.reshape(series, columns, 7, DAY).sum(axis=2)
        counts = self.count.reshape(series, 7, DAY).sum(axis=1)
        gram = np.zeros((series, columns + DAY, columns + DAY))
        gram[:, :columns, :columns] = self.gram
        gram[:, :columns, columns:] = shared
        gram[:, columns:, :columns] = shared.transpose(0, 2, 1)
        hour = np.arange(DAY)
        gram[:, columns + hour, columns + hour] = counts
        by_hour = np.zeros((series, columns + DAY, WEEK))
        by_hour[:, :columns] = self.by_hour
        of_week = np.arange(WEEK)
        by_hour[:, columns + of_week % DAY, of_week] = self.count
        target_by_hour = self.target_by_hour.reshape(series, 7, DAY).sum(axis=1)
        target = np.concatenate([self.target, target_by_hour], axis=1)
        return Moments(gram, by_hour, self.count, target, self.target_by_hour)


@dataclass(frozen=True)
class Weights:
    """`columns` (series, columns) and `hours` (series, 168): what each adds to a forecast."""

    columns: npt.NDArray[np.float32]
    hours: npt.NDArray[np.float32]

    def take(self, series: Ints) -> Weights:
        """Those of some series; -1 is the last, which by convention holds the pooled ones."""
        return Weights(self.columns[series], self.hours[series])


def joined(parts: Sequence[Weights]) -> Weights:
    """Those of some series after those of others."""
    return Weights(
        np.concatenate([part.columns for part in parts]),
        np.concatenate([part.hours for part in parts]),
    )


def design(rows: Rows, chosen: Ints) -> npt.NDArray[np.float32]:
    """The columns of the `chosen` rows, shape (series, columns, rows).

    `chosen` are places in the flattened (origins, horizons).
    """
    features = rows.features.reshape(*rows.features.shape[:2], -1)
    numbers = [place for place in range(len(features)) if place not in _CALENDAR]
    fading = np.exp(-features[FEATURES.index("horizon"), 0, chosen] / np.float32(FADE_HOURS))
    shape = (features.shape[1], len(numbers) + len(_NEWEST), len(chosen))
    columns = np.empty(shape, dtype=np.float32)
    for column, place in enumerate(numbers):
        np.take(features[place], chosen, axis=1, out=columns[:, column])
    for column, place in enumerate(_NEWEST, len(numbers)):
        np.multiply(columns[:, numbers.index(place)], fading, out=columns[:, column])
    np.copyto(columns, np.float32(0), where=np.isnan(columns))
    return columns


def moments(rows: Rows, residual: Floats, chosen: npt.NDArray[np.bool_]) -> Moments:
    """The sums over the rows of each series that are `chosen`, shape (origins, horizons).

    Rows whose `residual`, shape (series, origins, horizons), is NaN are left out.
    """
    places = np.flatnonzero(chosen)
    # In the order of the hours of the week, so that each is one run of rows.
    places = places[np.argsort(rows.hour_of_week.ravel()[places], kind="stable")]
    columns = design(rows, places)
    series = len(columns)
    target = residual.reshape(series, -1)[:, places].astype(np.float32)
    known = np.isfinite(target)
    if not known.all():
        np.copyto(target, np.float32(0), where=~known)
        columns *= known[:, None]
    return _sums(columns, target, known, rows.hour_of_week.ravel()[places])


def _sums(
    columns: npt.NDArray[np.float32],
    target: npt.NDArray[np.float32],
    known: npt.NDArray[np.bool_],
    hour_of_week: Ints,
) -> Moments:
    """The sums over rows in the order of their hours of the week; 0 where they are not `known`."""
    hours, starts = np.unique(hour_of_week, return_index=True)

    def by_hour(values: npt.NDArray[np.floating]) -> Floats:
        sums = np.zeros((*values.shape[:-1], WEEK))
        if len(hours):
            sums[..., hours] = np.add.reduceat(values, starts, axis=-1)
        return sums

    return Moments(
        gram=np.matmul(columns, columns.transpose(0, 2, 1)).astype(np.float64),
        by_hour=by_hour(columns),
        count=by_hour(known.astype(np.float32)),
        target=np.matmul(columns, target[..., None])[..., 0].astype(np.float64),
        target_by_hour=by_hour(target),
    )


def pooled(sums: Moments) -> Weights:
    """The weights of all series together."""
    one = sums.pooled()
    nothing = Weights(np.zeros((1, one.gram.shape[1]), np.float32), np.zeros((1, WEEK), np.float32))
    return solve(one, one, nothing, strength=1.0)


def solve(sums: Moments, pool: Moments, prior: Weights, strength: float = POOLED_ROWS) -> Weights:
    """The weights of each series: least squares, drawn towards `prior` by `strength` rows.

    A row of the penalty weighs each column as a row of `pool` does on average.
    """
    count = sums.gram.shape[1]
    sums, pool = sums.with_hours_of_day(), pool.with_hours_of_day()
    rows = max(float(pool.count.sum()), 1.0)
    penalty = strength * (np.diagonal(pool.gram[0]) / rows + _TINY)
    penalty_by_hour = strength * (pool.count[0] / rows + _TINY)
    columns = np.concatenate([prior.columns[0], np.zeros(DAY)]).astype(np.float64)
    hours = prior.hours[0].astype(np.float64)

    # What the prior leaves to be explained.
    left = sums.target - sums.gram @ columns - sums.by_hour @ hours
    left_by_hour = sums.target_by_hour - columns @ sums.by_hour - sums.count * hours
    diagonal = sums.count + penalty_by_hour
    shared = sums.by_hour / diagonal[:, None]
    reduced = sums.gram - np.matmul(shared, sums.by_hour.transpose(0, 2, 1))
    places = np.arange(len(penalty))
    reduced[:, places, places] += penalty
    right = left - np.matmul(shared, left_by_hour[..., None])[..., 0]
    change = np.linalg.solve(reduced, right[..., None])[..., 0]
    change_by_hour = (left_by_hour - np.matmul(change[:, None], sums.by_hour)[:, 0]) / diagonal
    of_day = np.tile(change[:, count:], 7)
    return Weights(
        (columns[:count] + change[:, :count]).astype(np.float32),
        (hours + of_day + change_by_hour).astype(np.float32),
    )


def predict(weights: Weights, rows: Rows) -> Floats:
    """The residuals of all rows, shape (series, origins, horizons); `weights` a row a series."""
    shape = rows.base.shape
    columns = design(rows, np.arange(shape[1] * shape[2]))
    found = np.matmul(weights.columns[:, None], columns)[:, 0].reshape(shape)
    return (found + weights.hours[:, rows.hour_of_week]).astype(np.float64)
