"""Fitting the response to columns known ahead; see `response` for what it is.

It is fitted to what yesterday and last week do not explain, hour of the week by hour of the week:
the seasons, which follow the weather too, would otherwise be taken for it. Series that have the
same columns in the same hours, such as those of an area, are fitted together.

Columns that measure the same in several places, `temperature:STATION`, are tried by themselves. A
series responds to the mean of the few that explain it best, as in Hong, Wang, White (2015),
"Weather station selection for electric load forecasting", International Journal of Forecasting 31.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from energy_assets.forecasting.features.calendar import Calendar
from energy_assets.forecasting.features.known_ahead import pooling
from energy_assets.forecasting.features.known_ahead.pooling import Pool, Sums
from energy_assets.forecasting.features.known_ahead.response import (
    BLOCKS,
    KNOTS,
    PARTS,
    TERMS,
    Kind,
    Response,
    combined,
    hinges,
)
from energy_assets.forecasting.panel.matrix import (
    HOURS_PER_DAY,
    HOURS_PER_WEEK,
    Bools,
    Floats,
    Ints,
)

MOST_PLACES = 3
"""Of several places that measure the same, so many at most count for a series: the best one, and
others if the mean with them is better."""

SPARE = 1e-9
"""The share of the places that do not count: they stand in where none of the others is known."""

MIN_HOURS = 2 * HOURS_PER_WEEK
"""With less history there is no response."""

PART_DAYS = 4
"""The days whose response is checked with the others alternate in blocks of so many."""

_YESTERDAY, _LAST_WEEK = 0.6, 0.4

_KEPT = 32
"""The sums of so many groups of series are kept in memory; those of others are made twice."""


@dataclass(frozen=True)
class Pooled:
    """What the response of every series is made with: all that series share.

    `names` are those of the columns, and `mix`, shape (columns,), is the mean share of each column
    in its kind.
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    mix: Floats
    weights: Pool


@dataclass(frozen=True)
class Prepared:
    """Series in groups that have the same columns, and are observed in the same hours.

    `mix`, shape (series, columns), is the share of each column in its kind. `groups` are the rows
    of each group, and `sums` gives its sums by number. `hours`, shape (series,), counts those that
    there is something to explain in.
    """

    mix: Floats
    groups: Sequence[Ints]
    sums: Callable[[int], Sums]
    hours: Ints


def pool(
    level: Floats, values: Floats, names: Sequence[str], calendar: Calendar
) -> tuple[Pooled, Prepared] | None:
    """What series share, fitted to all or to a sample of them, with what was prepared for it.

    The arguments are those of `prepare`. None if there are too few hours or no values.
    """
    kinds = _kinds(values, names)
    if not kinds or level.shape[1] < MIN_HOURS:
        return None
    prepared = prepare(level, values, kinds, calendar)
    if prepared.hours.max() < HOURS_PER_WEEK:
        return None
    weights = pooling.pool(len(prepared.groups), prepared.sums, len(kinds))
    return Pooled(tuple(names), kinds, prepared.mix.mean(axis=0), weights), prepared


def prepare(level: Floats, values: Floats, kinds: Sequence[Kind], calendar: Calendar) -> Prepared:
    """Prepare series for fitting.

    `level`, shape (series, hours), are the observations on the transformed scale, NaN where there
    are none. `values` has the shape (columns, series, hours). `calendar` belongs to the hours.
    """
    hours = np.arange(level.shape[1])
    holiday = calendar.column("holiday", hours) > 0
    usable = ~(holiday | _shifted(holiday, HOURS_PER_DAY) | _shifted(holiday, HOURS_PER_WEEK))
    target = np.where(usable, _unexplained(level), np.nan)
    similar = _similar(calendar, hours)
    mix = np.stack(
        [_best_places(target[row], values[:, row], kinds, similar) for row in range(len(level))]
    )
    block = calendar.column("hour", hours).astype(np.int64) * BLOCKS // HOURS_PER_DAY
    rows_of_series = range(len(level))
    first = np.empty(len(level), dtype=np.int64)
    for rows in _alike((values[:, row].tobytes(), mix[row].tobytes()) for row in rows_of_series):
        first[rows] = rows[0]
    groups = _alike((first[row], np.isfinite(target[row]).tobytes()) for row in rows_of_series)

    @lru_cache(1)  # the series of an area follow one another
    def terms(row: int) -> Floats:
        return _unexplained(_terms(values[:, [row]], mix[[row]], kinds, block))

    @lru_cache(_KEPT)
    def sums(number: int) -> Sums:
        rows = groups[number]
        return _sums(target[rows], terms(int(first[rows[0]])), similar)

    return Prepared(mix, groups, sums, np.isfinite(target).sum(axis=1))


def fit_series(
    prepared: Prepared, pooled: Pooled, series: pd.Index | None, workers: int = 1
) -> Response:
    """The response of each series, given what series share, in so many threads."""

    def own(number: int) -> Floats:
        return pooled.weights.own(prepared.sums(number))

    weights = np.empty((len(prepared.mix) + 1, pooled.weights.weights.size), dtype=np.float32)
    weights[-1] = pooled.weights.believed
    with ThreadPoolExecutor(workers) as executor:
        found = executor.map(own, range(len(prepared.groups)))
        for rows, of_group in zip(prepared.groups, found, strict=True):
            weights[rows] = of_group
    return Response(
        pooled.names,
        pooled.kinds,
        series,
        np.vstack([prepared.mix, pooled.mix]).astype(np.float32),
        weights.reshape(-1, len(pooled.kinds), PARTS, BLOCKS, TERMS),
    )


def _kinds(values: Floats, names: Sequence[str]) -> tuple[Kind, ...]:
    """The kinds of columns, by what their names have before a colon; those that vary."""
    kinds = []
    prefixes = [name.partition(":")[0] for name in names]
    for prefix in dict.fromkeys(prefixes):
        columns = tuple(at for at, other in enumerate(prefixes) if other == prefix)
        known = values[list(columns)]
        known = known[np.isfinite(known)]
        if not known.size or known.std() <= 1e-9 * max(1.0, abs(known.mean())):
            continue
        centre, spread = float(known.mean()), float(known.std())
        known = (known - centre) / spread
        knots = tuple(np.unique(np.quantile(known, KNOTS)).tolist())
        knots += (knots[-1],) * (len(KNOTS) - len(knots))
        kinds.append(Kind(columns, centre, spread, knots, (float(known.min()), float(known.max()))))
    return tuple(kinds)


def _best_places(target: Floats, values: Floats, kinds: Sequence[Kind], similar: Ints) -> Floats:
    """The share of each column in its kind for one series."""
    mix = np.zeros(len(values))
    for kind in kinds:
        columns = np.array(kind.columns)
        if len(columns) > 1:
            each = [_error(target, values[[column]], kind, similar) for column in columns]
            columns = columns[np.argsort(each, kind="stable")[:MOST_PLACES]]
            counts = range(1, len(columns) + 1)
            means = [_error(target, values[columns[:count]], kind, similar) for count in counts]
            columns = columns[: counts[int(np.argmin(means))]]
        mix[list(kind.columns)] = SPARE
        mix[columns] = 1 / len(columns)
    return mix


def _error(target: Floats, values: Floats, kind: Kind, similar: Ints) -> float:
    """The mean squared error that the mean of columns leaves unexplained; infinite if unknown."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    mean = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    standard = (mean - kind.centre) / kind.spread
    terms = np.stack([standard, *(np.maximum(standard - knot, 0.0) for knot in kind.knots)])
    terms, targets, _ = _without_means(target[None], _unexplained(terms), similar)
    if not targets.size:
        return np.inf
    gram = terms @ terms.T + 1e-6 * targets.size * np.eye(len(terms))
    weights = np.linalg.solve(gram, terms @ targets[0])
    return float(np.mean((targets[0] - weights @ terms) ** 2))


def _alike(keys: Iterable[Hashable]) -> list[Ints]:
    """The rows of each key."""
    groups: dict[Hashable, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    return [np.array(rows) for rows in groups.values()]


def _terms(values: Floats, mix: Floats, kinds: Sequence[Kind], block: Ints) -> Floats:
    """The terms of one series by part of the day, all kinds: shape (terms, hours)."""
    of_block = (block == np.arange(BLOCKS)[:, None])[:, None]
    terms = [hinges(combined(values, mix, kind), kind)[:, None, :, 0] * of_block for kind in kinds]
    return np.stack(terms).reshape(-1, values.shape[2])


def _sums(target: Floats, terms: Floats, similar: Ints) -> Sums:
    terms, target, hours = _without_means(target, terms, similar)
    return Sums.of(terms, target, hours // (PART_DAYS * HOURS_PER_DAY) % pooling.PARTS)


def _without_means(target: Floats, terms: Floats, similar: Ints) -> tuple[Floats, Floats, Ints]:
    """Terms and target where all are known, without the means of similar hours, and which hours."""
    known = np.isfinite(target).all(axis=0) & np.isfinite(terms).all(axis=0)
    hours = np.flatnonzero(known)
    hours = hours[np.argsort(similar[hours], kind="stable")]
    both = np.vstack([terms[:, hours], target[:, hours]])
    if hours.size:
        _, starts, counts = np.unique(similar[hours], return_index=True, return_counts=True)
        both -= np.repeat(np.add.reduceat(both, starts, axis=1) / counts, counts, axis=1)
    return both[: len(terms)], both[len(terms) :], hours


def _similar(calendar: Calendar, hours: Ints) -> Ints:
    """Hours that are alike: by hour of the day, and Monday, Saturday, Sunday or another day."""
    weekday = calendar.column("weekday", hours)
    day = np.select([weekday == 0, weekday == 5, weekday == 6], [1, 2, 3], 0)
    return calendar.column("hour", hours).astype(np.int64) * 4 + day


def _unexplained(values: Floats) -> Floats:
    """What the same hours yesterday and last week do not explain; NaN in the first week."""
    rest = np.full(values.shape, np.nan)
    week = HOURS_PER_WEEK
    yesterday = values[..., week - HOURS_PER_DAY : -HOURS_PER_DAY]
    rest[..., week:] = (
        values[..., week:] - _YESTERDAY * yesterday - _LAST_WEEK * values[..., :-week]
    )
    return rest


def _shifted(flags: Bools, hours: int) -> Bools:
    return np.concatenate([np.zeros(hours, dtype=bool), flags[:-hours]])
