"""Hours whose value is far beyond all that is usual, to either side."""

from __future__ import annotations

import numpy as np

from energy_assets.forecasting.doubts import nature
from energy_assets.forecasting.doubts.runs import Runs
from energy_assets.forecasting.doubts.usual import Usual, by_day
from energy_assets.forecasting.panel.matrix import Bools, Floats

BEYOND = 2.0
"""A spike is away from the median of its hour by more than this many units. The unit of an hour is
its median or `SPREAD` times the distance of its quartiles, whichever is larger."""

SPREAD = 3.0

HIGHER = 2.5
"""A spike is higher by this factor than the height that is reached on many days."""

IMPLAUSIBLE = 10.0
"""From so many units on it is a spike whatever is next to it. A lower one must stand alone, because
a true rise goes on in the hours around it."""


def spikes(usual: Usual) -> Bools:
    """Hours whose value is far beyond all that is usual, to either side."""
    values = usual.values
    unit = np.maximum(np.abs(usual.median), SPREAD * (usual.high - usual.low))
    with np.errstate(over="ignore"):
        distance = (values - usual.median) / np.where(unit > 0, unit, np.nan)
    beyond = np.abs(distance) > BEYOND
    if not beyond.any():
        return beyond
    runs = Runs.of(beyond)
    natural = nature.in_other_weeks(runs, beyond, values)
    natural |= _share_of_days_as_high(runs, np.abs(values)) >= nature.OFTEN
    natural |= _among_others(runs, distance)
    return runs.where(~natural).mask()


def _share_of_days_as_high(runs: Runs, size: Floats) -> Floats:
    """The share of the other days that reach the height of a run, divided by `HIGHER`.

    The height of a day is that of its second highest hour: a single hour may be a fault, too.
    """
    days = np.nan_to_num(by_day(size), nan=-1.0)
    reached = np.partition(days, -2, axis=2)[:, :, -2]
    run, row, hour = runs.hours()
    height = np.zeros(len(runs.row))
    np.maximum.at(height, run, size[row, hour])
    day = np.arange(days.shape[1])
    first, last = nature.first_and_last_day(runs)
    known = (reached[runs.row] >= 0) & ((day < first) | (day > last))
    as_high = known & (HIGHER * reached[runs.row] >= height[:, None])
    return as_high.sum(axis=1) / np.maximum(known.sum(axis=1), 1)


def _among_others(runs: Runs, distance: Floats) -> Bools:
    """Whether a moderate run goes on, less far, in an hour before or after it."""
    run, row, hour = runs.hours()
    height = runs.mean(run, distance[row, hour])
    among = np.zeros(len(runs.row), dtype=bool)
    last = distance.shape[1] - 1
    for edge in (np.maximum(runs.first - 1, 0), np.minimum(runs.last + 1, last)):
        outside = (edge < runs.first) | (edge > runs.last)
        among |= outside & (distance[runs.row, edge] * np.sign(height) > BEYOND / 2)
    return among & (np.abs(height) < IMPLAUSIBLE)
