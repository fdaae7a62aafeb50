"""The linear model: ridge regression with partially pooled weights for each series.

The less history a series has, the more its weights are shrunk towards the pooled weights of all
series. A new series is forecast with the pooled weights. The model's errors differ from the errors
of the trees, so a mean of both is better than either.

Besides the feature columns, every hour of the day and every hour of the local week has an effect.
Each row belongs to one hour of the week, so this block of the normal equations is diagonal and is
eliminated before solving: 168 columns that cost next to nothing.

Does not belong here: the features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from energy_assets.forecasting.features.feature_matrix import FeatureMatrix
from energy_assets.forecasting.panel.matrix import (
    HOURS_PER_DAY,
    HOURS_PER_WEEK,
    Bools,
    Floats,
    Ints,
)

POOLED_ROWS = 50.0
"""The pooled weights count as much as this many rows of a series, unless more are better."""

MORE_POOLED_ROWS = (400.0, 3200.0)
"""Where series are alike, such as the loads of regions, the pooled weights should count more."""

ALIKE = 0.8
"""A series is like the others if their weights explain this share of what its own explain."""

ALONE = 1e9
"""The strength at which a series has the pooled weights."""

FADE_HOURS = 5.0
"""The horizon at which the extra weight of the newest hours has fallen to 1/e."""

_TINY = 1e-6

_NOT_LINEAR = ("horizon", "target_hour", "target_weekday")
_NEWEST = ("last_", "mean_", "day_mean_0")
"""The features of the newest hours, by what their names begin with."""


@dataclass(frozen=True)
class Moments:
    """Sums over the rows of each series that determine its weights. Moments can be added.

    `gram` (series, columns, columns), `by_hour` (series, columns, 168), `count` (series, 168),
    `target` (series, columns) and `target_by_hour` (series, 168), over the 168 hours of the week.
    """

    gram: Floats
    by_hour: Floats
    count: Floats
    target: Floats
    target_by_hour: Floats

    def __add__(self, other: Moments) -> Moments:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Moments(*(left + right for left, right in pairs))

    def __sub__(self, other: Moments) -> Moments:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Moments(*(left - right for left, right in pairs))

    def pooled(self) -> Moments:
        """The moments of all series together, as if they were one."""
        return Moments(*(sums.sum(axis=0, keepdims=True) for sums in vars(self).values()))

    def with_hours_of_day(self) -> Moments:
        """The same moments with 24 more columns, indicators of the hour of the day.

        They follow from the sums by hour of the week, without another pass over the rows.
        """
        series, columns = self.target.shape
        shared = self.by_hour.reshape(series, columns, 7, HOURS_PER_DAY).sum(axis=2)
        counts = self.count.reshape(series, 7, HOURS_PER_DAY).sum(axis=1)
        gram = np.zeros((series, columns + HOURS_PER_DAY, columns + HOURS_PER_DAY))
        gram[:, :columns, :columns] = self.gram
        gram[:, :columns, columns:] = shared
        gram[:, columns:, :columns] = shared.transpose(0, 2, 1)
        hour = np.arange(HOURS_PER_DAY)
        gram[:, columns + hour, columns + hour] = counts
        by_hour = np.zeros((series, columns + HOURS_PER_DAY, HOURS_PER_WEEK))
        by_hour[:, :columns] = self.by_hour
        of_week = np.arange(HOURS_PER_WEEK)
        by_hour[:, columns + of_week % HOURS_PER_DAY, of_week] = self.count
        target_by_hour = self.target_by_hour.reshape(series, 7, HOURS_PER_DAY).sum(axis=1)
        target = np.concatenate([self.target, target_by_hour], axis=1)
        return Moments(gram, by_hour, self.count, target, self.target_by_hour)


@dataclass(frozen=True)
class Weights:
    """The weights of the `columns`, shape (series, columns), and of the `hours`, (series, 168)."""

    columns: npt.NDArray[np.float32]
    hours: npt.NDArray[np.float32]

    def take(self, series: Ints | slice) -> Weights:
        """The weights of some series; -1 takes the last row, by convention the pooled weights."""
        return Weights(self.columns[series], self.hours[series])


def joined(parts: Sequence[Weights]) -> Weights:
    """The weights of several groups of series, in order."""
    return Weights(
        np.concatenate([part.columns for part in parts]),
        np.concatenate([part.hours for part in parts]),
    )


def design(matrix: FeatureMatrix, rows: Ints) -> npt.NDArray[np.float32]:
    """The columns of the regression, shape (series, columns, rows).

    `rows` are positions in the flattened (origins, horizons). The newest values have a second
    column that fades with the horizon. Missing values become 0.
    """
    features = matrix.features.reshape(*matrix.features.shape[:2], -1)
    excluded = [matrix.names.index(name) for name in _NOT_LINEAR]
    linear = [position for position in range(len(features)) if position not in excluded]
    newest = [at for at, name in enumerate(matrix.names) if name.startswith(_NEWEST)]
    horizon = features[matrix.names.index("horizon"), 0, rows]
    fading = np.exp(-horizon / np.float32(FADE_HOURS))
    # Filled in place: these are the largest arrays of a fit.
    columns = np.empty((features.shape[1], len(linear) + len(newest), len(rows)), dtype=np.float32)
    for column, position in enumerate(linear):
        np.take(features[position], rows, axis=1, out=columns[:, column])
    for column, position in enumerate(newest, len(linear)):
        np.multiply(columns[:, linear.index(position)], fading, out=columns[:, column])
    np.copyto(columns, np.float32(0), where=np.isnan(columns))
    return columns


def moments(matrix: FeatureMatrix, residual: Floats, mask: Bools) -> Moments:
    """The moments of the rows in `mask`, shape (origins, horizons).

    Rows whose `residual`, shape (series, origins, horizons), is NaN are left out.
    """
    rows = np.flatnonzero(mask)
    # Sorted by hour of the week, so that the rows of each hour are contiguous.
    rows = rows[np.argsort(matrix.hour_of_week.ravel()[rows], kind="stable")]
    columns = design(matrix, rows)
    series = len(columns)
    target = residual.reshape(series, -1)[:, rows].astype(np.float32)
    observed = np.isfinite(target)
    if not observed.all():
        np.copyto(target, np.float32(0), where=~observed)
        columns *= observed[:, None]
    return _sums(columns, target, observed, matrix.hour_of_week.ravel()[rows])


def _sums(
    columns: npt.NDArray[np.float32],
    target: npt.NDArray[np.float32],
    observed: Bools,
    hour_of_week: Ints,
) -> Moments:
    """The moments of rows sorted by hour of the week; unobserved rows must be 0."""
    hours, starts = np.unique(hour_of_week, return_index=True)

    def by_hour(values: npt.NDArray[np.floating]) -> Floats:
        sums = np.zeros((*values.shape[:-1], HOURS_PER_WEEK))
        if len(hours):
            sums[..., hours] = np.add.reduceat(values, starts, axis=-1)
        return sums

    return Moments(
        gram=np.matmul(columns, columns.transpose(0, 2, 1)).astype(np.float64),
        by_hour=by_hour(columns),
        count=by_hour(observed.astype(np.float32)),
        target=np.matmul(columns, target[..., None])[..., 0].astype(np.float64),
        target_by_hour=by_hour(target),
    )


def pooled(sums: Moments) -> Weights:
    """The weights of all series together."""
    one = sums.pooled()
    columns = np.zeros((1, one.gram.shape[1]), np.float32)
    zero = Weights(columns, np.zeros((1, HOURS_PER_WEEK), np.float32))
    return solve(one, one, zero, strength=1.0)


def solve(
    sums: Moments, pool: Moments, prior: Weights, strength: float | Floats = POOLED_ROWS
) -> Weights:
    """The weights of each series: least squares, shrunk towards `prior`.

    The penalty counts as much as `strength` average rows of `pool`, the moments of all series; it
    may differ from series to series.
    """
    strength = np.reshape(strength, (-1, 1))
    count = sums.gram.shape[1]
    sums, pool = sums.with_hours_of_day(), pool.with_hours_of_day()
    rows = max(float(pool.count.sum()), 1.0)
    penalty = strength * (np.diagonal(pool.gram[0]) / rows + _TINY)
    penalty_by_hour = strength * (pool.count[0] / rows + _TINY)
    columns = np.concatenate([prior.columns[0], np.zeros(HOURS_PER_DAY)]).astype(np.float64)
    hours = prior.hours[0].astype(np.float64)

    # What the prior leaves unexplained.
    residual = sums.target - sums.gram @ columns - sums.by_hour @ hours
    residual_by_hour = sums.target_by_hour - columns @ sums.by_hour - sums.count * hours
    diagonal = sums.count + penalty_by_hour
    shared = sums.by_hour / diagonal[:, None]
    reduced = sums.gram - np.matmul(shared, sums.by_hour.transpose(0, 2, 1))
    diagonal_positions = np.arange(penalty.shape[-1])
    reduced[:, diagonal_positions, diagonal_positions] += penalty
    right = residual - np.matmul(shared, residual_by_hour[..., None])[..., 0]
    change = np.linalg.solve(reduced, right[..., None])[..., 0]
    change_by_hour = np.matmul(change[:, None], sums.by_hour)[:, 0]
    change_by_hour = (residual_by_hour - change_by_hour) / diagonal
    of_day = np.tile(change[:, count:], 7)
    return Weights(
        (columns[:count] + change[:, :count]).astype(np.float32),
        (hours + of_day + change_by_hour).astype(np.float32),
    )


@dataclass(frozen=True)
class Trial:
    """A trial of strengths: weights from earlier rows, judged by the `recent` ones of each series.

    `pool` and `prior` are the moments and the weights of the earlier rows of all series.
    """

    pool: Moments
    prior: Weights
    strength: float = POOLED_ROWS

    @classmethod
    def of(cls, sums: Moments, recent: Moments) -> Trial:
        """The trial of a sample: the largest strength that serves most of its series.

        `sums` are the moments of all rows up to the end of the `recent` ones. The typical series
        decides, because a few unsteady ones may have larger errors than all others together.
        """
        pool = (sums - recent).pooled()
        trial = cls(pool, pooled(pool))
        errors = trial.errors(sums, recent, POOLED_ROWS)
        for more in MORE_POOLED_ROWS:
            others = trial.errors(sums, recent, more)
            if 2 * (others < errors).sum() <= len(errors):
                break
            trial, errors = cls(pool, trial.prior, more), others
        return trial

    def strengths(self, sums: Moments, recent: Moments) -> Floats:
        """The strength for each series: that of the panel, unless the series is unlike others.

        It is like them if the pooled weights alone explain almost as much as its own.
        """
        if self.strength == POOLED_ROWS:
            return np.full(len(sums.target), POOLED_ROWS)
        usual, drawn, alone = (
            self.errors(sums, recent, strength) for strength in (POOLED_ROWS, self.strength, ALONE)
        )
        alike = alone < ALIKE * np.minimum(usual, 0.0)
        return np.where(alike & (drawn < usual), self.strength, POOLED_ROWS)

    def errors(self, sums: Moments, recent: Moments, strength: float) -> Floats:
        """The sum of squared errors of each series, less the sum of its squared targets."""
        weights = solve(sums - recent, self.pool, self.prior, strength)
        columns, hours = weights.columns.astype(np.float64), weights.hours.astype(np.float64)
        explained = (columns * recent.target).sum(axis=1)
        explained += (hours * recent.target_by_hour).sum(axis=1)
        across = np.matmul(columns[:, None], recent.gram)[:, 0]
        across += 2 * np.matmul(recent.by_hour, hours[..., None])[..., 0]
        squares = (columns * across).sum(axis=1) + (recent.count * hours**2).sum(axis=1)
        return squares - 2 * explained


def predict(weights: Weights, matrix: FeatureMatrix) -> Floats:
    """The predicted residuals, shape (series, origins, horizons); one row of weights per series."""
    shape = matrix.base.shape
    columns = design(matrix, np.arange(shape[1] * shape[2]))
    linear = np.matmul(weights.columns[:, None], columns)[:, 0].reshape(shape)
    return (linear + weights.hours[:, matrix.hour_of_week]).astype(np.float64)
