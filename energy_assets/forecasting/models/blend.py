"""The direct strategy: every hour ahead from what is known at the origin, by several models.

Belongs here: training trees and linear models, and their blend. Does not belong here: features,
either model's own way, and sktime.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from energy_assets.forecasting.features import matrix as features
from energy_assets.forecasting.models import autoregression as lear
from energy_assets.forecasting.models import ridge as linear
from energy_assets.forecasting.models import trees as boosting
from energy_assets.forecasting.models.held_out import HeldOut
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.matrix import DAY, Floats, HourlyMatrix, Ints

MAX_ROWS = 600_000
"""Rows that trees and pooled weights are trained on; more of them change forecasts little."""

MAX_ORIGINS = 700
"""Training origins of a series: those of five months, five hours apart."""

_CHUNK_ROWS = 80_000
"""Rows of features that are in memory at once for each thread."""

Bools = npt.NDArray[np.bool_]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Design:
    """What the rows of a direct model are made of."""

    horizon: int
    country: str | None
    timezone: str
    exogenous: tuple[str, ...] = ()
    exogenous_means: tuple[float, ...] = ()

    @property
    def names(self) -> list[str]:
        """The names of the features, in order."""
        added = [name.format(x) for x in self.exogenous for name in features.EXOGENOUS]
        return [*features.FEATURES, *added]


@dataclass(frozen=True)
class DirectModel:
    """Trees and weights that were fitted, and how they are mixed.

    `booster` is None where there was nothing to train on: forecasts are then those of the base, the
    mean of the same hour yesterday and a week ago. `series` are the keys of the rows of `weights`,
    whose last row holds the pooled ones, and of `hourly`, which only a long window gives; None for
    a single series without a key.
    """

    design: Design
    linear_weight: float
    lear_weight: float
    booster: lgb.Booster | None = None
    weights: linear.Weights | None = None
    hourly: lear.Autoregression | None = None
    series: pd.Index | None = None

    def forecast(
        self, history: HourlyMatrix, steps: Ints, exogenous: Floats | None, threads: int | None
    ) -> Floats:
        """Forecasts in the panel's unit, shape (series, steps), for the hours after `history`.

        `history` is filled; `exogenous` has the shape (columns, series, its hours + the longest
        of `steps`).
        """
        origin = np.array([len(history.hours) - 1])
        days = features.calendar(
            history.hours, int(steps.max()), self.design.country, self.design.timezone
        )
        known = self._places(history.series)
        start = time_axis.first_hour(history.hours)
        whole = features.calendar(
            history.hours, self.design.horizon, self.design.country, self.design.timezone
        )

        def part(chosen: slice) -> Floats:
            array = history.array[chosen]
            x = None if exogenous is None else exogenous[:, chosen]
            scale = features.series_scale(array)
            rows = features.build_rows(array, scale, origin, steps, days, x)
            hourly = None
            if self.hourly is not None and len(history.hours) > lear.REACH:
                level = features.to_log(array, scale)
                hourly = self.hourly.forecast(level, known[chosen], origin, whole, start)
                hourly = hourly[..., steps - 1]
            return self.of_rows(rows, known[chosen], threads, hourly)[:, 0]

        size = max(1, _CHUNK_ROWS // len(steps))
        return np.concatenate([part(chosen) for chosen in _slices(len(history.array), size)])

    def of_rows(
        self,
        rows: features.Rows,
        places: Ints,
        threads: int | None,
        hourly: Floats | None = None,
    ) -> Floats:
        """Forecasts in the panel's unit of rows, those of each series with its own weights.

        `hourly` are those of the autoregression on the transformed scale, NaN where there is none.
        """
        residual = np.zeros(rows.base.shape)
        if self.booster is not None and self.linear_weight < 1:
            trees = boosting.predict(self.booster, rows.features, threads)
            residual += (1 - self.linear_weight) * trees
        if self.weights is not None and self.linear_weight > 0:
            residual += self.linear_weight * linear.predict(self.weights.take(places), rows)
        if hourly is not None:
            known = hourly - rows.centre - rows.base
            share = np.where(np.isfinite(known), self.lear_weight, 0.0)
            residual = (1 - share) * residual + share * np.nan_to_num(known)
        return rows.to_level(residual)

    def _places(self, series: pd.Index | None) -> Ints:
        if series is None or self.series is None:
            single = series is None and self.series is None
            return np.full(1 if series is None else len(series), 0 if single else -1)
        if series.nlevels != self.series.nlevels:
            return np.full(len(series), -1)
        return self.series.get_indexer(series)


@dataclass(frozen=True)
class _Training:
    """A window to train on, its origins and horizons, and from where on nothing may be seen.

    `ends` are the columns before which a model may see: the whole window first and, if hours are
    held out, those before them.
    """

    window: HourlyMatrix
    filled: HourlyMatrix
    exogenous: Floats | None
    days: features.Calendar
    origins: Ints
    steps: Ints
    ends: tuple[int, ...]

    @classmethod
    def of(
        cls,
        window: HourlyMatrix,
        filled: HourlyMatrix,
        exogenous: Floats | None,
        design: Design,
        origin_step: int,
        held_out: int,
    ) -> _Training:
        hours, horizon = len(window.hours), design.horizon
        days = features.calendar(window.hours, horizon, design.country, design.timezone)
        origins = _origins(hours, horizon, origin_step)
        ends = (hours, hours - held_out) if held_out else (hours,)
        return cls(window, filled, exogenous, days, origins, np.arange(1, horizon + 1), ends)

    @property
    def target(self) -> Ints:
        """The columns that are forecast, shape (origins, horizons)."""
        return self.origins[:, None] + self.steps

    @property
    def in_time(self) -> list[Bools]:
        """For each of `ends`, the (origins, horizons) whose target lies before it."""
        return [self.target < end for end in self.ends]

    @property
    def held_out(self) -> Bools:
        """The origins all of whose targets are among the hours held out."""
        return (self.origins >= self.ends[-1] - 1) & (self.target[:, -1] < self.ends[0])

    @property
    def start(self) -> int:
        """The number of hours since 1970 of the first one."""
        return time_axis.first_hour(self.window.hours)

    def scale(self, chosen: slice | Ints) -> Floats:
        """The transform's scale of the chosen series, by what every model may see."""
        return features.series_scale(self.window.array[chosen], self.ends[-1])

    def rows(self, chosen: slice | Ints) -> tuple[features.Rows, Floats]:
        """The rows of the chosen series, and what is to be learnt of each."""
        filled = self.filled.array[chosen]
        x = None if self.exogenous is None else self.exogenous[:, chosen]
        rows = features.build_rows(
            filled, self.scale(chosen), self.origins, self.steps, self.days, x
        )
        after = ((0, 0), (0, len(self.steps)))
        padded = np.pad(self.window.array[chosen], after, constant_values=np.nan)
        level = features.to_log(padded[:, self.target], rows.scale)
        return rows, level - rows.centre - rows.base

    def level(self) -> Floats:
        """The filled values of all series on the transformed scale."""
        return features.to_log(self.filled.array, self.scale(slice(None)))


@threadpool_limits.wrap(limits=1, user_api="blas")
def train(
    window: HourlyMatrix,
    filled: HourlyMatrix,
    exogenous: Floats | None,
    design: Design,
    *,
    linear_weight: float,
    lear_weight: float,
    parameters: Mapping[str, Any],
    origin_step: int,
    thinning: int,
    held_out: int,
    threads: int | None,
    workers: int,
) -> tuple[DirectModel, HeldOut | None]:
    """Fit to a window, and to what is before its last `held_out` hours to forecast those.

    `window` has gaps, which are no targets, `filled` has none. With more rows than `MAX_ROWS` the
    trees and the pooled weights are trained on evenly spaced series; every series still gets
    weights of its own. `workers` chunks of series are in work at once, each in one thread: BLAS'
    own threads would wait for each other, as LightGBM's do.

    Raises ForecastError if LightGBM refuses `parameters`.
    """
    training = _Training.of(window, filled, exogenous, design, origin_step, held_out)
    empty = DirectModel(design, linear_weight, lear_weight, series=window.series)
    count, each = len(window.array), max(1, len(training.origins) * design.horizon)
    fits = count * each <= MAX_ROWS
    sample = np.linspace(0, count - 1, count if fits else max(1, MAX_ROWS // each)).astype(int)
    rows, residual = training.rows(sample)
    # Neighbours in origin and horizon say nearly the same, and trees cost by the row.
    thin = (np.arange(len(training.origins))[:, None] + training.steps) % thinning == 0
    usable = _usable(rows, residual)
    chosen = [usable & part & thin for part in training.in_time]
    if not all(part.any() for part in chosen):
        return empty, None

    boosters: list[lgb.Booster] = []
    if linear_weight < 1:
        boosters = boosting.train(
            rows.features, residual, chosen, design.names, parameters, threads
        )
    level, hourly = None, []
    if lear_weight > 0 and training.ends[-1] >= lear.MIN_HOURS:
        level = training.level()
        hourly = _autoregressions(training, level, design.horizon, workers)
    sums = _moments(rows, residual, training.in_time) if linear_weight > 0 else []
    pools = [sum_.pooled() for sum_ in sums]
    priors = [linear.pooled(pool) for pool in pools]

    def fit(part: slice) -> tuple[list[linear.Weights], Floats | None]:
        """The weights of some series, and their forecasts of the hours held out."""
        own, left = (rows, residual) if fits else training.rows(part)
        weights = []
        if linear_weight > 0:
            own_sums = sums if fits else _moments(own, left, training.in_time)
            weights = list(map(linear.solve, own_sums, pools, priors))
        if not held_out:
            return weights, None
        unseeing = replace(empty, booster=_at(boosters, 1), weights=_at(weights, 1))
        known = None
        if level is not None:
            places, ahead = np.arange(count)[part], training.origins[training.held_out]
            known = hourly[1].forecast(level[part], places, ahead, training.days, training.start)
        seen = own.at(training.held_out)
        return weights, unseeing.of_rows(seen, np.arange(len(left)), threads, known)

    parts = list(_slices(count, count if fits else max(1, _CHUNK_ROWS // each)))
    with ThreadPoolExecutor(workers) as pool:
        fitted = list(pool.map(fit, parts))
    weights = None
    if linear_weight > 0:
        weights = linear.joined([one[0] for one, _ in fitted] + [priors[0]])
    model = replace(empty, booster=_at(boosters, 0), weights=weights, hourly=_at(hourly, 0))
    if not held_out:
        return model, None
    ahead = training.origins[training.held_out]
    forecast = np.concatenate([made for _, made in fitted if made is not None])
    actual = window.array[:, ahead[:, None] + training.steps]
    return model, HeldOut(ahead, actual, forecast, training.scale(slice(None))[:, :, None])


def _autoregressions(
    training: _Training, level: Floats, horizon: int, workers: int
) -> list[lear.Autoregression]:
    observed = np.isfinite(training.window.array)
    fit_until = partial(lear.fit, level, observed, horizon, training.days, training.start)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(fit_until, training.ends))


def base_errors(window: HourlyMatrix, filled: HourlyMatrix, design: Design) -> HeldOut:
    """What the base alone, which needs no training, would have forecast within the window."""
    hours, steps = len(window.hours), np.arange(1, design.horizon + 1)
    origins = np.arange(0, max(1, hours - 1))
    days = features.calendar(window.hours, design.horizon, design.country, design.timezone)
    scale = features.series_scale(window.array)
    rows = features.build_rows(filled.array, scale, origins, steps, days)
    padded = np.pad(window.array, ((0, 0), (0, design.horizon)), constant_values=np.nan)
    made = rows.to_level(np.zeros(rows.base.shape))
    return HeldOut(origins, padded[:, origins[:, None] + steps], made, rows.scale)


def _origins(hours: int, horizon: int, step: int) -> Ints:
    """Training origins: the newest one with a whole horizon behind it is among them.

    In a long window they are farther apart, but each hour of the day remains an origin if it was.
    """
    if hours > MAX_ORIGINS * step:
        step = next(n for n in itertools.count(hours // MAX_ORIGINS + 1) if math.gcd(n, DAY) == 1)
    newest = hours - 2 - (horizon - 1) % step
    return np.arange(newest, DAY - 2, -step)[::-1]


def _usable(rows: features.Rows, residual: Floats) -> Bools:
    """The rows that trees may be trained on.

    Rows from before a series' first week are unlike those to be forecast, so that a series trains
    on them only while it has little else.
    """
    known = np.isfinite(residual)
    longest = features.FEATURES.index(f"lag_{max(features.LAGS)}")
    whole = known & np.isfinite(rows.features[longest])
    few = 2 * whole.sum(axis=(1, 2)) < known.sum(axis=(1, 2))
    return np.where(few[:, None, None], known, whole)


def _moments(rows: features.Rows, residual: Floats, in_time: list[Bools]) -> list[linear.Moments]:
    """The moments of the rows of each of `in_time`, of which the first contains the second."""
    whole, *part = in_time
    if not part:
        return [linear.moments(rows, residual, whole)]
    # The rest apart, so that no row is summed twice.
    seen = linear.moments(rows, residual, part[0])
    return [seen + linear.moments(rows, residual, whole & ~part[0]), seen]


def _at(models: Sequence[_T], place: int) -> _T | None:
    """One of some models; None where there are none of their kind."""
    return models[place] if models else None


def _slices(count: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that cover `count`."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
