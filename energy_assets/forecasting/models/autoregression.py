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

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from energy_assets.forecasting.features.calendar import Calendar
from energy_assets.forecasting.features.feature_matrix import known_lag
from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, HOURS_PER_WEEK, Floats, Ints

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

_CHUNK_SERIES = 50
_LAST_HOURS = 48
YEAR = 365.25 * HOURS_PER_DAY


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
        horizon = self.weights.shape[-1]
        change = np.full((len(level), len(origins), horizon), np.nan)
        for block, members in _blocks(origins, start):
            inputs = _inputs(level, origins[members], horizon, calendar, start)
            change[:, members] = np.matmul(inputs, self.weights[rows, block])
        return change + _anchor(level, origins, horizon)


@dataclass(frozen=True)
class Rows:
    """What is trained on: the origins whose whole horizon lies before column `end` of `level`.

    `level` and `observed` have the shape (series, hours); `level` has no gaps after a series'
    start. An origin counts for a series if every hour ahead was `observed` and every input is
    known. `start` is the first hour, counted from 1970.
    """

    level: Floats
    observed: npt.NDArray[np.bool_]
    horizon: int
    calendar: Calendar
    start: int
    end: int

    @property
    def origins(self) -> Ints:
        """The origins, as columns of `level`."""
        return np.arange(REACH, self.end - self.horizon)

    @property
    def inputs(self) -> int:
        """How many inputs there are."""
        return self._inputs(slice(0, 1), self.origins[:1]).shape[-1]

    def of(self, series: Ints) -> Rows:
        """The rows of some of the series."""
        return replace(self, level=self.level[series], observed=self.observed[series])

    def blocks(self) -> Iterator[tuple[int, Ints]]:
        """Each block of the day that has origins, with its origins."""
        for block, members in _blocks(self.origins, self.start):
            yield block, self.origins[members]

    def sums(self, series: slice, at: Ints) -> tuple[Floats, Floats, Floats]:
        """The sums of squares and products over the origins, and how many of them count."""
        level, inputs = self.level[series], self._inputs(series, at)
        ahead = at[:, None] + np.arange(1, self.horizon + 1)
        target = level[:, ahead] - _anchor(level, at, self.horizon)
        usable = np.asarray(self.observed[series][:, ahead].all(axis=2))
        for part in (target, inputs):
            usable = usable & np.isfinite(part).all(axis=2)
        rows = np.where(usable[..., None], inputs, 0.0)
        target = np.where(usable[..., None], target, 0.0)
        across = rows.transpose(0, 2, 1)
        return np.matmul(across, rows), np.matmul(across, target), usable.sum(axis=1)

    def _inputs(self, series: slice, at: Ints) -> Floats:
        return _inputs(self.level[series], at, self.horizon, self.calendar, self.start)


@dataclass(frozen=True)
class Pooled:
    """What the series share: `weights` (blocks, inputs, horizons) and `penalty` (blocks, inputs).

    NaN for a block without origins.
    """

    weights: Floats
    penalty: Floats


def pool(rows: Rows) -> Pooled:
    """The pooled weights of evenly spaced series."""
    count = len(rows.level)
    rows = rows.of(np.unique(np.linspace(0, count - 1, SAMPLE_SERIES).astype(int)))
    weights = np.full((BLOCKS, rows.inputs, rows.horizon), np.nan)
    penalty = np.full((BLOCKS, rows.inputs), np.nan)
    for block, members in rows.blocks():
        gram, moment, total = (part.sum(axis=0) for part in rows.sums(slice(None), members))
        # The penalty of an input is its mean square; the constant has almost none.
        spread = np.diagonal(gram) / max(float(total), 1.0) + 1e-9
        penalty[block] = POOLED_ORIGINS * np.where(np.arange(len(spread)) == 0, 1e-6, spread)
        weights[block] = np.linalg.solve(gram + np.diag(penalty[block]), moment)
    return Pooled(weights, penalty)


def fit(rows: Rows, pooled: Pooled) -> Autoregression:
    """Fit to each series, with weights that are shrunk towards `pooled`."""
    count = len(rows.level)
    weights = np.zeros((count + 1, BLOCKS, rows.inputs, rows.horizon), dtype=np.float32)
    for block, members in rows.blocks():
        penalty = np.diag(pooled.penalty[block])
        weights[-1, block] = pooled.weights[block]
        for first in range(0, count, _CHUNK_SERIES):
            chunk = slice(first, min(first + _CHUNK_SERIES, count))
            gram, moment, _ = rows.sums(chunk, members)
            weights[chunk, block] = np.linalg.solve(
                gram + penalty, moment + penalty @ pooled.weights[block]
            )
    return Autoregression(weights)


def _blocks(origins: Ints, start: int) -> Iterator[tuple[int, Ints]]:
    """Each block of the day that has origins, with the positions of its origins."""
    blocks = (start + origins) % HOURS_PER_DAY // BLOCK_HOURS
    for block in np.unique(blocks):
        yield int(block), np.flatnonzero(blocks == block)


def _anchor(level: Floats, origins: Ints, horizon: int) -> Floats:
    """The same hour of the day before: the model forecasts the change since then."""
    steps = np.arange(1, horizon + 1)
    return level[:, origins[:, None] + steps - known_lag(HOURS_PER_DAY, steps)]


def _inputs(level: Floats, origins: Ints, horizon: int, calendar: Calendar, start: int) -> Floats:
    """The inputs at each origin, shape (series, origins, inputs); the first is the constant 1."""

    def mean(ends: Ints, hours: int) -> Floats:
        return np.lib.stride_tricks.sliding_window_view(level, hours, axis=1).mean(axis=-1)[
            :, ends - hours + 1
        ]

    steps = np.arange(1, horizon + 1)
    at = origins[:, None]
    weekly = known_lag(HOURS_PER_WEEK, steps)
    centre = mean(origins, HOURS_PER_WEEK)[..., None]
    past = [
        level[:, at - np.arange(_LAST_HOURS)],
        level[:, at + steps - weekly],
        level[:, at + steps - weekly - HOURS_PER_WEEK],
        mean(at - HOURS_PER_DAY * np.arange(7), HOURS_PER_DAY),
    ]
    hours = at + np.array([0, 1, 1 + horizon // 2, horizon])
    hour, weekday, holiday = (
        calendar.column(name, hours) for name in ("hour", "weekday", "holiday")
    )
    year = 2 * np.pi * (start + origins) / YEAR
    calendar_inputs = [
        np.eye(HOURS_PER_DAY)[hour[:, 0].astype(int)],
        *(np.eye(7)[weekday[:, column].astype(int)] for column in (1, 2, 3)),
        holiday,
        np.stack([np.sin(year), np.cos(year), np.sin(2 * year), np.cos(2 * year)], axis=-1),
    ]
    same = np.concatenate([np.ones((len(origins), 1)), *calendar_inputs], axis=-1)
    shared = np.broadcast_to(same, (len(level), *same.shape))
    return np.concatenate([shared, *(values - centre for values in past)], axis=-1)
