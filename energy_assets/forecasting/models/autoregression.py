"""LEAR: an autoregression with separate weights per series, part of the day and horizon.

It is linear in the transformed values of the last two days, the same hours of the last two weeks
and the daily means of the last week. Each block of origin hours and each hour ahead has its own
weights, because what the last hour says about the next ones depends on the time of day. It needs
months of history, and is then the best model for the next few hours. The weights of a series are
shrunk towards the pooled weights of all series.

Lago, Marcjasz, De Schutter, Weron (2021), "Forecasting day-ahead electricity prices", Applied
Energy 293; there with lasso, and for the hours of the next day.

Does not belong here: the transform.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from energy_assets.forecasting.features.calendar import Calendar
from energy_assets.forecasting.features.feature_matrix import known_lag
from energy_assets.forecasting.models.held_out import Pair
from energy_assets.forecasting.panel.matrix import (
    HOURS_PER_DAY,
    HOURS_PER_WEEK,
    YEAR,
    Bools,
    Floats,
    Ints,
)

BLOCK_HOURS = 3
BLOCKS = HOURS_PER_DAY // BLOCK_HOURS
MIN_HOURS = 100 * HOURS_PER_DAY
"""With less history, a block has fewer origins than weights and forecasts do not improve."""

REACH = 2 * HOURS_PER_WEEK + HOURS_PER_DAY
"""Hours up to the origin that the inputs look at."""

POOLED_ORIGINS = 20.0
"""The pooled weights count as much as this many origins of a series."""

SAMPLE_SERIES = 50
"""So many series are enough for the pooled weights."""

OTHER_SEASON = 0.1
"""Rows of the opposite time of the year count this much; those of the same time of it count 1."""

_CHUNK_SERIES = 25
_CHUNK_ORIGINS = 256
"""Series and origins whose inputs are in memory at a time, whatever the length of the history."""

_LAST_HOURS = 48


@dataclass(frozen=True)
class Autoregression:
    """Weights of shape (series + 1, blocks, inputs, horizons); the last row is pooled.

    The first input is the constant.
    """

    weights: npt.NDArray[np.float32]

    def forecast(
        self, level: Floats, rows: Ints, origins: Ints, calendar: Calendar, start: int
    ) -> Floats:
        """Forecasts on the transformed scale, shape (series, origins, horizons), NaN if unknown.

        `level`, shape (series, hours), needs `REACH` hours before each of `origins`. `rows` are the
        rows of the weights for each series. `start` is the first hour, counted from 1970.
        """
        view = View(level, self.weights.shape[-1], calendar, start)
        forecast = view.anchor(origins)
        blocks = block_of(start + origins)
        for block in np.unique(blocks):
            members = blocks == block
            forecast[:, members] += np.matmul(
                view.inputs(origins[members]), self.weights[rows, block]
            )
        return forecast


class View:
    """What is known at an origin: the inputs, and the same hours of the day before.

    `level`, shape (series, hours), has no gaps after a series' start. `start` is the first hour,
    counted from 1970.
    """

    def __init__(self, level: Floats, horizon: int, calendar: Calendar, start: int) -> None:
        self.level = level
        self.steps = np.arange(1, horizon + 1)
        self._calendar = calendar
        self._start = start
        known = np.isfinite(level)
        sums = np.cumsum(np.where(known, level, 0.0), axis=1)
        self._sums = np.pad(sums, ((0, 0), (1, 0)))
        # The first hour from which on a series is known.
        self._known_from = np.where(known.any(axis=1), known.argmax(axis=1), level.shape[1])

    def anchor(self, origins: Ints) -> Floats:
        """The same hours of the day before: the model forecasts the change since then."""
        lag = known_lag(HOURS_PER_DAY, self.steps)
        return self.level[:, origins[:, None] + self.steps - lag]

    def inputs(self, origins: Ints) -> Floats:
        """The inputs at each origin, shape (series, origins, inputs); the first is the constant."""
        at = origins[:, None]
        weekly = at + self.steps - known_lag(HOURS_PER_WEEK, self.steps)
        past = [
            self.level[:, at - np.arange(_LAST_HOURS)],
            self.level[:, weekly],
            self.level[:, weekly - HOURS_PER_WEEK],
            self._mean(at - HOURS_PER_DAY * np.arange(7), HOURS_PER_DAY),
        ]
        same = self._calendar_inputs(origins)
        inputs = np.empty(
            (len(self.level), len(origins), same.shape[1] + sum(part.shape[2] for part in past))
        )
        inputs[..., : same.shape[1]] = same
        np.concatenate(past, axis=-1, out=inputs[..., same.shape[1] :])
        inputs[..., same.shape[1] :] -= self._mean(at, HOURS_PER_WEEK)
        return inputs

    def _mean(self, ends: Ints, hours: int) -> Floats:
        """The means of so many values up to each of `ends`, NaN if not all of them are known."""
        means = (self._sums[:, ends + 1] - self._sums[:, ends + 1 - hours]) / hours
        unknown = ends + 1 - hours < self._known_from[:, None, None]
        if unknown.any():
            means[unknown] = np.nan
        return means

    def _calendar_inputs(self, origins: Ints) -> Floats:
        """What the calendar says at each origin, shape (origins, inputs)."""
        horizon = len(self.steps)
        hours = origins[:, None] + np.array([0, 1, 1 + horizon // 2, horizon])
        hour, weekday, holiday = (
            self._calendar.column(name, hours) for name in ("hour", "weekday", "holiday")
        )
        year = 2 * np.pi * (self._start + origins) / YEAR
        parts = [
            np.ones((len(origins), 1)),
            np.eye(HOURS_PER_DAY)[hour[:, 0].astype(int)],
            *(np.eye(7)[weekday[:, column].astype(int)] for column in (1, 2, 3)),
            holiday,
            np.stack([np.sin(year), np.cos(year), np.sin(2 * year), np.cos(2 * year)], axis=-1),
        ]
        return np.concatenate(parts, axis=-1)


@dataclass(frozen=True)
class Rows:
    """What is trained on: the origins whose whole horizon lies before one of `ends`.

    `level` and `observed` have the shape (series, hours); `level` has no gaps after a series'
    start. An origin counts for a series if every hour ahead was `observed` and every input is
    known. `start` is the first hour, counted from 1970. `ends` are columns of `level`, the held-out
    model's before the final one's.
    """

    level: Floats
    observed: Bools
    horizon: int
    calendar: Calendar
    start: int
    ends: Pair[int]

    def sums(self, series: Ints | slice, apply: Callable[..., Any] = map) -> Pair[Sums]:
        """The sums over the rows of some series that each model may see.

        `apply` works like the built-in map; an executor's map works on the blocks in parallel.
        """
        view = View(self.level[series], self.horizon, self.calendar, self.start)
        pairs = list(apply(partial(self._of_block, view, self.observed[series]), range(BLOCKS)))
        final = Sums.stacked([pair.final for pair in pairs])
        held_out = [pair.held_out for pair in pairs if pair.held_out is not None]
        return Pair(final, Sums.stacked(held_out) if held_out else None)

    def _of_block(self, view: View, observed: Bools, block: int) -> Pair[Sums]:
        origins = np.arange(REACH, self.ends.final - self.horizon)
        origins = origins[block_of(self.start + origins) == block]
        weights = season_weights(self.ends.final - origins)
        if self.ends.held_out is None:
            return Pair(_sums(view, observed, origins, weights), None)
        # The held-out model's rows are part of the final model's: no row is summed twice.
        seen = origins < self.ends.held_out - self.horizon
        held_out, others = (
            _sums(view, observed, origins[part], weights[part]) for part in (seen, ~seen)
        )
        return Pair(held_out + others, held_out)


@dataclass(frozen=True)
class Sums:
    """Sums over the rows of each series and block that determine the weights. They can be added.

    `gram` (series, blocks, inputs, inputs), `moment` (series, blocks, inputs, horizons) and
    `count` (series, blocks), without the axis of the blocks for a single one.
    """

    gram: Floats
    moment: Floats
    count: Floats

    def __add__(self, other: Sums) -> Sums:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Sums(*(left + right for left, right in pairs))

    @classmethod
    def stacked(cls, blocks: list[Sums]) -> Sums:
        """The sums of all blocks."""
        parts = zip(*(vars(sums).values() for sums in blocks), strict=True)
        return cls(*(np.stack(part, axis=1) for part in parts))


def season_weights(age: Ints) -> Floats:
    """How much rows count that are so many hours old, from `OTHER_SEASON` to 1."""
    return OTHER_SEASON + (1 - OTHER_SEASON) * np.cos(np.pi * age / YEAR) ** 4


def _sums(view: View, observed: Bools, origins: Ints, weights: Floats) -> Sums:
    """The weighted sums over the usable rows at `origins`."""
    series, horizon = len(view.level), len(view.steps)
    inputs = view.inputs(origins[:0]).shape[-1]
    gram, moment = np.zeros((series, inputs, inputs)), np.zeros((series, inputs, horizon))
    count = np.zeros(series)
    for first in range(0, len(origins), _CHUNK_ORIGINS):
        at = origins[first : first + _CHUNK_ORIGINS]
        ahead = at[:, None] + view.steps
        rows, target = view.inputs(at), view.level[:, ahead] - view.anchor(at)
        usable = observed[:, ahead].all(axis=2)
        usable &= np.isfinite(rows.sum(axis=2)) & np.isfinite(target.sum(axis=2))
        weight = weights[first : first + _CHUNK_ORIGINS] * usable
        if not usable.all():
            rows[~usable], target[~usable] = 0.0, 0.0
        # On both factors of a product.
        rows *= np.sqrt(weight)[..., None]
        target *= np.sqrt(weight)[..., None]
        across = rows.transpose(0, 2, 1)
        gram += np.matmul(across, rows)
        moment += np.matmul(across, target)
        count += weight.sum(axis=1)
    return Sums(gram, moment, count)


@dataclass(frozen=True)
class Pooled:
    """What the series share: `weights` (blocks, inputs, horizons), `penalty` (blocks, inputs)."""

    weights: Floats
    penalty: Floats


def sample(count: int) -> Ints:
    """The evenly spaced series, of so many, that the pooled weights come from."""
    return np.unique(np.linspace(0, count - 1, SAMPLE_SERIES).astype(int))


def pool(sums: Sums) -> Pooled:
    """The pooled weights, from the sums of a sample."""
    gram, moment, count = (part.sum(axis=0) for part in vars(sums).values())
    # The penalty of an input is its mean square; the constant has almost none.
    spread = np.diagonal(gram, axis1=1, axis2=2) / np.maximum(count, 1.0)[:, None] + 1e-9
    penalty = POOLED_ORIGINS * np.where(np.arange(spread.shape[1]) == 0, 1e-6, spread)
    return Pooled(_solve(gram, penalty, moment), penalty)


def fit(
    rows: Rows,
    pooled: Pair[Pooled],
    sums: Pair[Sums] | None = None,
    apply: Callable[..., Any] = map,
) -> Pair[Autoregression]:
    """Fit to each series, with weights that are shrunk towards `pooled`.

    `sums` are those of all series, if they are at hand.
    """
    count = len(rows.level)
    shape = (count + 1, *pooled.final.weights.shape)
    fitted = pooled.map(lambda _: np.zeros(shape, dtype=np.float32))
    chunk = count if sums else _CHUNK_SERIES
    for first in range(0, count, chunk):
        part = slice(first, min(first + chunk, count))
        found = sums or rows.sums(part, apply)
        for weights, shared, own in zip(fitted.parts, pooled.parts, found.parts, strict=True):
            right = own.moment + shared.penalty[..., None] * shared.weights
            weights[part] = _solve(own.gram, shared.penalty, right)
            weights[-1] = shared.weights
    return fitted.map(Autoregression)


def block_of(hours: Ints) -> Ints:
    """The block of the day of hours counted from 1970."""
    return hours % HOURS_PER_DAY // BLOCK_HOURS


def _solve(gram: Floats, penalty: Floats, right: Floats) -> Floats:
    penalised = gram.copy()
    diagonal = np.arange(penalty.shape[-1])
    penalised[..., diagonal, diagonal] += penalty
    return np.linalg.solve(penalised, right)
