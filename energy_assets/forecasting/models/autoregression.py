"""LEAR: autoregression with weights of its own for every series, part of the day and horizon.

Linear in the logarithms of the last two days, the same hours of the last two weeks and the daily
means of the last week, with one set of weights for each block of origin hours and each hour ahead:
what the last hour says about the next ones depends on the time of the day. It needs months of
history, and is then the best there is for the next hours. Weights are drawn towards those of all
series together.

Lago, Marcjasz, De Schutter, Weron (2021), "Forecasting day-ahead electricity prices", Applied
Energy 293, there with lasso and for the hours of the next day.

Belongs here: its inputs, its solution and its forecasts. Does not belong here: the transform.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from energy_assets.forecasting.features import calendar as local_calendar
from energy_assets.forecasting.features.matrix import Calendar, known_lag
from energy_assets.forecasting.panel.matrix import DAY, WEEK, Floats, Ints

BLOCK_HOURS = 3
BLOCKS = DAY // BLOCK_HOURS
MIN_HOURS = 100 * DAY
"""With less history a block has fewer origins than weights, and the forecasts are no better."""

REACH = 2 * WEEK + DAY
"""Hours up to the origin that the inputs look at."""

POOLED_ORIGINS = 20.0
"""How many origins of its own weigh as much, for a series, as the pooled weights."""

_CHUNK_SERIES = 50
_LAST_HOURS = 48
YEAR = 365.25 * DAY


@dataclass(frozen=True)
class Autoregression:
    """Weights (series + 1, blocks, inputs + 1, horizons): the pooled ones last, the mean first."""

    weights: npt.NDArray[np.float32]

    def forecast(
        self, level: Floats, places: Ints, origins: Ints, calendar: Calendar, start: int
    ) -> Floats:
        """Levels on the transformed scale, shape (series, origins, horizons), NaN where unknown.

        `level` has the shape (series, hours) with `REACH` hours or more before each of `origins`;
        `places` are the rows of each series' weights. `start` is the number of hours since 1970
        of the first one.
        """
        horizon = self.weights.shape[-1]
        made = np.empty((len(level), len(origins), horizon))
        for block, some in _blocks(origins, start):
            inputs = _inputs(level, origins[some], horizon, calendar, start)
            made[:, some] = np.matmul(inputs, self.weights[places, block])
        return made + _anchor(level, origins, horizon)


def fit(
    level: Floats,
    observed: npt.NDArray[np.bool_],
    horizon: int,
    calendar: Calendar,
    start: int,
    end: int,
) -> Autoregression:
    """Fit to the origins whose whole horizon lies before column `end` of `level`.

    `level`, shape (series, hours), has no gaps after a series' start; an origin counts for a series
    where it observed every hour ahead and every input is known.
    """
    origins = np.arange(REACH, end - horizon)
    count = len(level)
    sample = np.unique(np.linspace(0, count - 1, _CHUNK_SERIES).astype(int))
    inputs = _inputs(level[:1], origins[:1], horizon, calendar, start).shape[-1]
    weights = np.zeros((count + 1, BLOCKS, inputs, horizon), dtype=np.float32)

    def sums(series: slice | Ints, at: Ints) -> tuple[Floats, Floats, Floats]:
        inputs = _inputs(level[series], at, horizon, calendar, start)
        ahead = at[:, None] + np.arange(1, horizon + 1)
        target = level[series][:, ahead] - _anchor(level[series], at, horizon)
        usable = np.asarray(observed[series][:, ahead].all(axis=2))
        for part in (target, inputs):
            usable = usable & np.isfinite(part).all(axis=2)
        rows = np.where(usable[..., None], inputs, 0.0)
        target = np.where(usable[..., None], target, 0.0)
        across = rows.transpose(0, 2, 1)
        return np.matmul(across, rows), np.matmul(across, target), usable.sum(axis=1)

    for block, some in _blocks(origins, start):
        gram, moment, rows = (part.sum(axis=0) for part in sums(sample, origins[some]))
        # The penalty of an input is its mean square, and nearly none for the constant.
        spread = np.diagonal(gram) / max(float(rows), 1.0) + 1e-9
        penalty = POOLED_ORIGINS * np.diag(np.where(np.arange(len(spread)) == 0, 1e-6, spread))
        pooled = np.linalg.solve(gram + penalty, moment)
        weights[-1, block] = pooled
        for first in range(0, count, _CHUNK_SERIES):
            chunk = slice(first, min(first + _CHUNK_SERIES, count))
            gram, moment, _ = sums(chunk, origins[some])
            weights[chunk, block] = np.linalg.solve(gram + penalty, moment + penalty @ pooled)
    return Autoregression(weights)


def _blocks(origins: Ints, start: int) -> Iterator[tuple[int, Ints]]:
    """The blocks of the day that occur, and the places of the origins in each."""
    blocks = (start + origins) % DAY // BLOCK_HOURS
    for block in np.unique(blocks):
        yield int(block), np.flatnonzero(blocks == block)


def _anchor(level: Floats, origins: Ints, horizon: int) -> Floats:
    """The same hour of the day before, from which the forecast tells the difference."""
    steps = np.arange(1, horizon + 1)
    return level[:, origins[:, None] + steps - known_lag(DAY, steps)]


def _inputs(level: Floats, origins: Ints, horizon: int, calendar: Calendar, start: int) -> Floats:
    """The inputs at each origin, shape (series, origins, inputs), the constant 1 first."""

    def mean(ends: Ints, hours: int) -> Floats:
        return np.lib.stride_tricks.sliding_window_view(level, hours, axis=1).mean(axis=-1)[
            :, ends - hours + 1
        ]

    steps = np.arange(1, horizon + 1)
    at = origins[:, None]
    weekly = known_lag(WEEK, steps)
    centre = mean(origins, WEEK)[..., None]
    past = [
        level[:, at - np.arange(_LAST_HOURS)],
        level[:, at + steps - weekly],
        level[:, at + steps - weekly - WEEK],
        mean(at - DAY * np.arange(7), DAY),
    ]
    days = calendar.days[calendar.pad + at + np.array([0, 1, 1 + horizon // 2, horizon])]
    hour, weekday, holiday = (
        days[..., local_calendar.COLUMNS.index(name)] for name in ("hour", "weekday", "holiday")
    )
    year = 2 * np.pi * (start + origins) / YEAR
    known = [
        np.eye(DAY)[hour[:, 0].astype(int)],
        *(np.eye(7)[weekday[:, place].astype(int)] for place in (1, 2, 3)),
        holiday,
        np.stack([np.sin(year), np.cos(year), np.sin(2 * year), np.cos(2 * year)], axis=-1),
    ]
    same = np.concatenate([np.ones((len(origins), 1)), *known], axis=-1)
    shared = np.broadcast_to(same, (len(level), *same.shape))
    return np.concatenate([shared, *(values - centre for values in past)], axis=-1)
