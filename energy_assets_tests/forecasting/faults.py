"""A catalogue of what goes wrong with meters, and of what looks like it but is true.

A fault takes the hourly values of one series up to the origin, at least ten days of them, and gives
what a broken meter or a broken transmission makes of them. A true change also changes what comes
after the origin.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from energy_assets.forecasting.panel.matrix import Floats

Fault = Callable[[Floats], Floats]
"""The values of a series up to the origin -> the same, spoilt."""

DAY = 24


def set_to(value: float, first: int, last: int = 0) -> Fault:
    """The hours from `first` up to `last` before the origin have another value."""
    return lambda values: _with(values, first, last, value)


def times(factor: float, first: int, last: int = 0) -> Fault:
    """The hours from `first` up to `last` before the origin are too high by a factor."""
    return lambda values: _with(values, first, last, factor * _part(values, first, last))


def stuck(first: int, last: int = 0) -> Fault:
    """The hours from `first` up to `last` before the origin repeat the value before them."""
    return lambda values: _with(values, first, last, values[-first - 1])


def gone(first: int, last: int = 0) -> Fault:
    """The hours from `first` up to `last` before the origin are missing."""
    return set_to(np.nan, first, last)


def caught_up(first: int, last: int) -> Fault:
    """Zeros from `first` up to `last` before the origin, whose sum comes in the hour after them."""

    def spoil(values: Floats) -> Floats:
        spoilt = _with(values, first, last, 0.0)
        spoilt[len(values) - last] += np.nansum(_part(values, first, last))
        return spoilt

    return spoil


def scattered(share: float, factor: float, seed: int = 1) -> Fault:
    """Hours here and there are too high by a factor."""

    def spoil(values: Floats) -> Floats:
        at = np.random.default_rng(seed).random(len(values)) < share
        return np.where(at, factor * values, values)

    return spoil


def started(hours: int) -> Fault:
    """Zeros until so many hours ago."""
    return lambda values: np.where(np.arange(len(values)) < len(values) - hours, 0.0, values)


def all_of(*faults: Fault) -> Fault:
    """Several faults in the same series."""

    def spoil(values: Floats) -> Floats:
        for fault in faults:
            values = fault(values)
        return values

    return spoil


NO_FAULT: Fault = np.copy

FAULTS: Mapping[str, Fault] = {
    "a zero in the last hour": set_to(0, 1),
    "zeros in the last 12 hours": set_to(0, 12),
    "zeros in the last 24 hours": set_to(0, 24),
    "zeros in the last 48 hours": set_to(0, 48),
    "a day of zeros, a week ago": set_to(0, 8 * DAY, 7 * DAY),
    "a day of zeros, three days ago": set_to(0, 4 * DAY, 3 * DAY),
    "two days with zeros": all_of(set_to(0, 9 * DAY, 8 * DAY), set_to(0, 2 * DAY, DAY)),
    "zeros at one hour in twenty": scattered(0.05, 0),
    "zero until 3 days ago, then alive": started(3 * DAY),
    "a tenth of a percent in the last 12 hours": times(0.001, 12),
    "zeros for 6 hours, then their sum": caught_up(30, 24),
    "zeros for 6 hours, then their sum, just now": caught_up(7, 1),
    "a value 10 times too high, yesterday": times(10, 30, 29),
    "a value 100 times too high, yesterday": times(100, 30, 29),
    "a value 100 times too high in the last hour": times(100, 1),
    "values 5 times too high at one hour in fifty": scattered(0.02, 5),
    "values 50 times too high at one hour in fifty": scattered(0.02, 50),
    "a day 1000 times too high, two days ago": times(1000, 3 * DAY, 2 * DAY),
    "the last 12 hours 1000 times too high": times(1000, 12),
    "the last 3 hours negative": times(-1, 3),
    "a huge negative value, a week ago": times(-40_000, 7 * DAY, 7 * DAY - 1),
    "stuck for 12 hours": stuck(12),
    "stuck for 24 hours": stuck(24),
    "stuck for 3 days": stuck(3 * DAY),
    "stuck for a day, a week ago": stuck(8 * DAY, 7 * DAY),
    "nothing in the last 24 hours": gone(24),
}
"""Faults by name. What was true can still be told from the rest of the series."""


def spoil_some(panel: pd.DataFrame, fault: Fault, every: int, offset: int = 0) -> pd.DataFrame:
    """The panel with one series in `every` spoilt, beginning with number `offset`.

    Its series have a row for each hour, in order.
    """
    spoilt = panel.copy()
    codes = pd.factorize(panel.index.droplevel(-1))[0]
    values = spoilt.iloc[:, 0].to_numpy(copy=True)
    for code in range(offset, codes.max() + 1, every):
        rows = codes == code
        values[rows] = fault(values[rows])
    spoilt.iloc[:, 0] = values
    return spoilt


def spoil_many(panel: pd.DataFrame, every: int) -> pd.DataFrame:
    """The panel with one series in `every` spoilt, each by another fault of the catalogue."""
    # From all parts of the catalogue, which begins with zeros.
    faults = itertools.cycle(list(FAULTS.values())[start] for start in _shuffled(len(FAULTS)))
    return spoil_some(panel, lambda values: next(faults)(values), every)


def _shuffled(count: int) -> list[int]:
    return sorted(range(count), key=lambda number: number * 7 % count)


def _part(values: Floats, first: int, last: int) -> Floats:
    return values[len(values) - first : len(values) - last]


def _with(values: Floats, first: int, last: int, part: float | Floats) -> Floats:
    changed = values.copy()
    changed[len(values) - first : len(values) - last] = part
    return changed
