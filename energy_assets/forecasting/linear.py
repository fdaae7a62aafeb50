"""The linear model: ridge regression with weights of its own for every series, partially pooled.

Each series' weights are drawn towards those of all series together, the more the less it has to
say itself; a series never seen is forecast by the pooled ones. It errs elsewhere than trees do,
which is why the mean of both is better than either.

Belongs here: moments, their solution, and forecasts from weights. Does not belong here: features.

Besides the columns of the design every hour of the local week has an effect of its own. A row is
in one hour of the week, so that this block of the normal equations is diagonal and is eliminated
before they are solved: 168 columns that cost next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from energy_assets.forecasting.features import FEATURES, Rows
from energy_assets.forecasting.panel import DAY, WEEK, Floats, Ints

POOLED_ROWS = 50.0
"""How many rows of its own weigh as much, for a series, as the pooled weights."""

FADE_HOURS = 5.0
"""By which horizon the additional weight of the newest hours has fallen to 1/e."""

_TINY = 1e-6

_CALENDAR = ("horizon", "target_hour", "target_weekday")
_NEWEST = [
    place
    for place, name in enumerate(FEATURES)
    if name.startswith(("last_", "mean_")) or name == "day_mean_0"
]


@dataclass(frozen=True)
class Moments:
    """Sums over the rows of each series from which its weights follow; they may be added.

    `gram` (series, columns, columns), `by_hour` (series, 168, columns), `count` (series, 168),
    `target` (series, columns) and `target_by_hour` (series, 168).
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


@dataclass(frozen=True)
class Weights:
    """`columns` (series, columns) and `hours` (series, 168): what each adds to a forecast."""

    columns: npt.NDArray[np.float32]
    hours: npt.NDArray[np.float32]

    def take(self, series: Ints) -> Weights:
        """Those of some series; -1 is the last, which by convention holds the pooled ones."""
        return Weights(self.columns[series], self.hours[series])


def design(rows: Rows) -> npt.NDArray[np.float32]:
    """The columns of the linear model, shape (series, origins, horizons, columns)."""
    features = rows.features
    numbers = [place for place in range(len(features)) if _name(place) not in _CALENDAR]
    horizon = features[FEATURES.index("horizon")]
    fading = np.exp(-horizon[0, 0] / np.float32(FADE_HOURS))
    hour = np.eye(DAY, dtype=np.float32)[rows.hour_of_week % DAY]
    shape = (*features.shape[1:], len(numbers) + len(_NEWEST) + DAY)
    columns = np.empty(shape, dtype=np.float32)
    columns[..., : len(numbers)] = np.moveaxis(features[numbers], 0, -1)
    columns[..., len(numbers) : -DAY] = np.moveaxis(features[_NEWEST], 0, -1) * fading[:, None]
    columns[..., -DAY:] = hour
    return np.nan_to_num(columns, copy=False)


def _name(place: int) -> str:
    return FEATURES[place] if place < len(FEATURES) else "exogenous"


def moments(
    columns: npt.NDArray[np.float32],
    residual: Floats,
    used: npt.NDArray[np.bool_],
    hour_of_week: Ints,
) -> Moments:
    """The sums over the `used` rows, shape (series, origins, horizons) like `residual`."""
    series = len(columns)
    flat = columns.reshape(series, -1, columns.shape[-1])
    chosen = used.reshape(series, -1)
    target = np.where(chosen, residual.reshape(series, -1), 0.0).astype(np.float32)
    flat = np.where(chosen[..., None], flat, np.float32(0))
    order = np.argsort(hour_of_week.ravel(), kind="stable")
    hours, starts = np.unique(hour_of_week.ravel()[order], return_index=True)

    def by_hour(values: npt.NDArray[np.floating]) -> Floats:
        sums = np.zeros((series, WEEK, *values.shape[2:]))
        sums[:, hours] = np.add.reduceat(values[:, order], starts, axis=1)
        return sums

    return Moments(
        gram=np.matmul(flat.transpose(0, 2, 1), flat).astype(np.float64),
        by_hour=by_hour(flat),
        count=by_hour(chosen.astype(np.float32)),
        target=np.matmul(target[:, None], flat)[:, 0].astype(np.float64),
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
    rows = max(float(pool.count.sum()), 1.0)
    penalty = strength * (np.diagonal(pool.gram, axis1=1, axis2=2).sum(axis=0) / rows + _TINY)
    penalty_by_hour = strength * (pool.count.sum(axis=0) / rows + _TINY)
    columns, hours = prior.columns.astype(np.float64)[0], prior.hours.astype(np.float64)[0]

    # What the prior leaves to be explained.
    left = sums.target - sums.gram @ columns - np.einsum("sgp,g->sp", sums.by_hour, hours)
    left_by_hour = sums.target_by_hour - sums.by_hour @ columns - sums.count * hours
    diagonal = sums.count + penalty_by_hour
    shared = sums.by_hour / diagonal[..., None]
    reduced = sums.gram - np.matmul(sums.by_hour.transpose(0, 2, 1), shared)
    reduced[:, np.arange(len(penalty)), np.arange(len(penalty))] += penalty
    right = left - np.einsum("sgp,sg->sp", shared, left_by_hour)
    change = np.linalg.solve(reduced, right[..., None])[..., 0]
    change_by_hour = (left_by_hour - np.einsum("sgp,sp->sg", sums.by_hour, change)) / diagonal
    return Weights(
        (columns + change).astype(np.float32), (hours + change_by_hour).astype(np.float32)
    )


def predict(weights: Weights, columns: npt.NDArray[np.float32], hour_of_week: Ints) -> Floats:
    """The residuals of all rows, shape (series, origins, horizons); `weights` a row a series."""
    series = len(columns)
    flat = columns.reshape(series, -1, columns.shape[-1])
    found = np.matmul(flat, weights.columns[..., None])[..., 0].reshape(columns.shape[:-1])
    return (found + weights.hours[:, hour_of_week]).astype(np.float64)
