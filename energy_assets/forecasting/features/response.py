"""The response to columns known ahead, above all to the weather: what each series makes of them.

Consumption is a product: what it would be in usual weather, times the factor by which the weather
raises or lowers it. The factor is fitted first, and the series are divided by it. All models then
work on series without weather, and their forecasts are multiplied by the factor of the hours ahead.

The logarithm of the factor is linear in hinges of each column, at its value and at two smoothed
values (buildings take days to cool), with other weights in each part of the day. It is fitted to
what yesterday and last week do not explain, hour of the week by hour of the week: the seasons,
which follow the weather too, would otherwise be taken for it. The weights of a series are shrunk
towards those of all series, and towards none as far as they do not hold on other days.

Columns that measure the same in several places, `temperature:STATION`, are tried by themselves. A
series responds to the mean of the few that explain it best, as in Hong, Wang, White (2015),
"Weather station selection for electric load forecasting", International Journal of Forecasting 31.

Does not belong here: the tables that the columns come from (`exogenous`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from energy_assets.forecasting.features.calendar import Calendar
from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, HOURS_PER_WEEK, Floats, Ints

KNOTS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""The quantiles of a column at which the slope of the response may change."""

SMOOTHING_HOURS = (12.0, 48.0)
"""The time constants of the smoothed values."""

MEMORY = HOURS_PER_WEEK
"""Hours before an hour that its smoothed values look at."""

BLOCK_HOURS = 3
"""The parts of the day that have weights of their own."""

MOST_PLACES = 3
"""Of several places that measure the same, so many at most count for a series."""

POOLED_ROWS = 100.0
"""The weights of all series count as much as this many hours of a series."""

MIN_HOURS = 2 * HOURS_PER_WEEK
"""With less history there is no response."""

HALF_DAYS = 4
"""The days whose response is checked with the others alternate in blocks of so many."""

_LIMIT = 1.0
"""The logarithm of the factor stays within these bounds, whatever the weather."""

_BLOCKS = HOURS_PER_DAY // BLOCK_HOURS
_PARTS = 1 + len(SMOOTHING_HOURS)
_TERMS = 1 + len(KNOTS)
_YESTERDAY, _LAST_WEEK = 0.6, 0.4


@dataclass(frozen=True)
class Kind:
    """Columns that measure the same, by position, and how their values become terms.

    Values are standardised with `centre` and `spread` and kept within `limits`; `knots` and
    `limits` are standardised.
    """

    columns: tuple[int, ...]
    centre: float
    spread: float
    knots: tuple[float, ...]
    limits: tuple[float, float]


@dataclass(frozen=True)
class Response:
    """How series respond to columns known ahead.

    `names` are those of the columns. `series` are the keys of the rows of `mix` and `weights`, or
    None for a single series; a last row is for new series. `mix`, shape (series + 1, columns), is
    the share of each column in its kind. `weights` has the shape (series + 1, kinds, parts, blocks,
    terms).
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    series: pd.Index | None
    mix: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]

    def factor(self, values: Floats, series: pd.Index | None, local_hours: Ints) -> Floats:
        """The factor of each hour, shape (series, hours).

        `values` has the shape (columns, series, hours); the first `MEMORY` hours have less to look
        back at. Where a kind is unknown, it counts as in the nearest hour in which it is known, and
        if there is none, as in usual weather.
        """
        rows = np.zeros(values.shape[1], dtype=np.int64)
        if series is not None and self.series is not None:
            rows = self.series.get_indexer(series)
        block = local_hours // BLOCK_HOURS
        logarithm = np.zeros(values.shape[1:])
        for number, kind in enumerate(self.kinds):
            mixed = _mixed(values, self.mix[rows], kind)
            terms = hinges(mixed, kind)
            weights = self.weights[rows, number][:, :, block]
            of_kind = np.zeros(logarithm.shape)
            # Summed term by term, which does not depend on how many hours there are.
            for part in range(_PARTS):
                for term in range(_TERMS):
                    of_kind += weights[:, part, :, term] * terms[part, term]
            logarithm += _nearest(of_kind)
        return np.exp(np.clip(logarithm, -_LIMIT, _LIMIT))


def fit(
    level: Floats,
    values: Floats,
    names: Sequence[str],
    calendar: Calendar,
    series: pd.Index | None,
) -> Response | None:
    """Fit the response of each series; None if there are too few hours or no values.

    `level`, shape (series, hours), are the observations on the transformed scale, NaN where there
    are none. `values` has the shape (columns, series, hours). `calendar` belongs to the hours.
    """
    kinds = _kinds(values, names)
    if not kinds or level.shape[1] < MIN_HOURS:
        return None
    target = _unexplained(level)
    hours = np.arange(level.shape[1])
    holiday = calendar.column("holiday", hours) > 0
    usable = ~(holiday | _shifted(holiday, HOURS_PER_DAY) | _shifted(holiday, HOURS_PER_WEEK))
    target = np.where(usable, target, np.nan)
    if np.isfinite(target).sum(axis=1).max() < HOURS_PER_WEEK:
        return None
    groups = _groups(calendar, hours)
    rows = range(len(level))
    mix = np.stack([_best_places(target[row], values[:, row], kinds, groups) for row in rows])
    block = calendar.column("hour", hours).astype(np.int64) // BLOCK_HOURS

    def of_series(row: int) -> Rows:
        """The terms and the target of a series."""
        one = values[:, row : row + 1]
        return _rows_of(target[row], one, mix[row : row + 1], kinds, block, groups)

    # One series at a time: its sums take a megabyte.
    gram, moment, count = reduce(_added, (of_series(row).sums() for row in rows))
    penalty = POOLED_ROWS * (np.diagonal(gram) / max(count, 1.0) + 1e-9)
    pooled = np.asarray(np.linalg.solve(gram / len(rows) + np.diag(penalty), moment / len(rows)))
    weights = np.stack([_weights(of_series(row), penalty, pooled, len(kinds)) for row in rows])
    shape = (-1, len(kinds), _PARTS, _BLOCKS, _TERMS)
    return Response(
        tuple(names),
        kinds,
        series,
        np.vstack([mix, mix.mean(axis=0)]).astype(np.float32),
        np.vstack([weights, pooled]).reshape(shape).astype(np.float32),
    )


def hinges(values: Floats, kind: Kind) -> Floats:
    """The terms of standardised values: (parts, terms, series, hours) from (series, hours)."""
    known = np.clip(_nearest(values), *kind.limits)
    parts = [np.where(np.isnan(values), np.nan, known)]
    padded = np.pad(known, ((0, 0), (MEMORY - 1, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, MEMORY, axis=1)
    for hours in SMOOTHING_HOURS:
        decay = np.exp(-np.arange(MEMORY)[::-1] / hours)
        parts.append((windows * (decay / decay.sum())).sum(axis=-1))
    return np.stack(
        [np.stack([part, *(np.maximum(part - knot, 0.0) for knot in kind.knots)]) for part in parts]
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


def _mixed(values: Floats, mix: npt.NDArray[np.floating], kind: Kind) -> Floats:
    """The standardised values of a kind, shape (series, hours): a mean of its known columns."""
    columns = list(kind.columns)
    shares = mix[:, columns].T[:, :, None] * np.isfinite(values[columns])
    total = shares.sum(axis=0)
    mixed = np.where(total > 0, np.nan_to_num(values[columns]) * shares, 0.0).sum(axis=0)
    mixed = np.divide(mixed, total, out=np.full(mixed.shape, np.nan), where=total > 0)
    return (mixed - kind.centre) / kind.spread


def _best_places(target: Floats, values: Floats, kinds: Sequence[Kind], groups: Ints) -> Floats:
    """The share of each column in its kind for one series."""
    mix = np.zeros(len(values))
    for kind in kinds:
        columns = np.array(kind.columns)
        if len(columns) > 1:
            errors = [_error_of_place(target, values[column], kind, groups) for column in columns]
            columns = columns[np.argsort(errors, kind="stable")[:MOST_PLACES]]
        mix[columns] = 1 / len(columns)
    return mix


def _error_of_place(target: Floats, values: Floats, kind: Kind, groups: Ints) -> float:
    """The mean squared error that one column leaves unexplained; infinite if it is unknown."""
    standard = (values - kind.centre) / kind.spread
    terms = np.stack([standard, *(np.maximum(standard - knot, 0.0) for knot in kind.knots)])
    rows = _rows(target, _unexplained(terms), groups)
    gram, moment, count = rows.sums()
    if not count:
        return np.inf
    weights = np.linalg.solve(gram + 1e-6 * count * np.eye(len(gram)), moment)
    return float(np.mean((rows.target - weights @ rows.terms) ** 2))


def _weights(rows: Rows, penalty: npt.NDArray[np.floating], pooled: Floats, kinds: int) -> Floats:
    """The weights of a series, shrunk towards the pooled ones, and as far as they prove right.

    Each half of the days is explained with weights fitted to the other half. How much of that holds
    is what all weights of a kind are multiplied by: little if the series does not follow it, or if
    there is too little history to tell.
    """
    explained = np.zeros((kinds, rows.target.size))
    for half in (rows.half, ~rows.half):
        weights = _solve(rows.at(~half), penalty, pooled).reshape(kinds, -1, 1)
        parts = (weights * rows.terms[:, half].reshape(kinds, -1, int(half.sum()))).sum(axis=1)
        explained[:, half] = parts
    size = (explained**2).sum(axis=1)
    gram = explained @ explained.T + np.diag(1e-3 * size + 1e-12)
    holds = np.clip(np.linalg.solve(gram, explained @ rows.target), 0.0, 1.0)
    whole = _solve(rows, penalty, pooled).reshape(kinds, -1)
    return np.asarray((holds[:, None] * whole).ravel())


def _solve(rows: Rows, penalty: npt.NDArray[np.floating], pooled: Floats) -> Floats:
    gram, moment, _ = rows.sums()
    return np.asarray(np.linalg.solve(gram + np.diag(penalty), moment + penalty * pooled))


Sums: TypeAlias = tuple[Floats, Floats, float]


def _added(left: Sums, right: Sums) -> Sums:
    return left[0] + right[0], left[1] + right[1], left[2] + right[2]


@dataclass(frozen=True)
class Rows:
    """The hours of a series that count: terms (terms, hours), target (hours,) and half of the days.

    The means of each group of hours that are alike are taken away.
    """

    terms: Floats
    target: Floats
    half: npt.NDArray[np.bool_]

    def at(self, chosen: npt.NDArray[np.bool_]) -> Rows:
        """Some of the hours."""
        return Rows(self.terms[:, chosen], self.target[chosen], self.half[chosen])

    def sums(self) -> Sums:
        """The sums of squares and products, and how many hours there are."""
        return self.terms @ self.terms.T, self.terms @ self.target, float(self.target.size)


def _rows_of(
    target: Floats,
    values: Floats,
    mix: Floats,
    kinds: Sequence[Kind],
    block: Ints,
    groups: Ints,
) -> Rows:
    """The hours of one series that count, with the terms of all kinds."""
    of_block = (block == np.arange(_BLOCKS)[:, None])[:, None]
    terms = [hinges(_mixed(values, mix, kind), kind)[:, None, :, 0] * of_block for kind in kinds]
    return _rows(target, _unexplained(np.stack(terms).reshape(-1, len(target))), groups)


def _rows(target: Floats, terms: Floats, groups: Ints) -> Rows:
    """Terms and target of the hours where both are known, without the means of their groups."""
    known = np.isfinite(target) & np.isfinite(terms).all(axis=0)
    members = groups[known]
    order = np.argsort(members, kind="stable")
    both = np.vstack([terms, target])[:, known][:, order]
    half = (np.flatnonzero(known)[order] // (HALF_DAYS * HOURS_PER_DAY)) % 2 == 0
    present, starts, counts = np.unique(members[order], return_index=True, return_counts=True)
    if present.size:
        means = np.add.reduceat(both, starts, axis=1) / counts
        both = both - np.repeat(means, counts, axis=1)
    return Rows(both[:-1], both[-1], half)


def _groups(calendar: Calendar, hours: Ints) -> Ints:
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


def _shifted(flags: npt.NDArray[np.bool_], hours: int) -> npt.NDArray[np.bool_]:
    return np.concatenate([np.zeros(hours, dtype=bool), flags[:-hours]])


def _nearest(values: Floats) -> Floats:
    """Missing values replaced by the nearest known one of the same row; 0 if there is none."""
    missing = np.isnan(values)
    if not missing.any():
        return values
    hours = np.arange(values.shape[1])
    before = np.maximum.accumulate(np.where(missing, -1, hours), axis=1)
    after = np.minimum.accumulate(np.where(missing, len(hours), hours)[:, ::-1], axis=1)[:, ::-1]
    take_before = (before >= 0) & ((after == len(hours)) | (hours - before <= after - hours))
    source = np.where(take_before, before, np.minimum(after, len(hours) - 1))
    return np.nan_to_num(np.take_along_axis(values, source, axis=1))
