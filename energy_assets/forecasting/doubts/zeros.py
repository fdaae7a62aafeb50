"""Hours of nothing, next to nothing, or the wrong sign, in series that are never near zero."""

from __future__ import annotations

import numpy as np

from energy_assets.forecasting.doubts import nature
from energy_assets.forecasting.doubts.runs import Runs
from energy_assets.forecasting.doubts.usual import Usual
from energy_assets.forecasting.panel.matrix import Bools

NOTHING = 0.1
"""A value below this share of the usual low one, the quartile of its hour, is next to nothing."""

LITTLE = 0.15
"""A value below this share of the median of its hour is near zero."""

SOMETIMES = 0.1
"""So often must a series come near zero for its zeros to be natural."""

WITHIN_REACH = 0.5
"""Zero is also near if the lower quartile is at most so many times the quartiles' distance,"""

STEPS = 3
"""or at most so many of the steps in which the series is measured, such as whole numbers. Then it
is natural if it occurs on most days, at any hour."""

CLOSED_AFTER = 72
"""Hours of nothing after which a series is taken to have closed; see `levels.LASTING`."""


def vanished(usual: Usual) -> Bools:
    """Hours of nothing, next to nothing, or the wrong sign, in series that are never near zero.

    A series that has been nothing for days, up to its last hour, has closed.
    """
    values = usual.values
    nothing = (values < NOTHING * usual.low) & (usual.low > 0)
    if not nothing.any():
        return nothing
    observed = np.isfinite(values)
    runs = Runs.of(nothing | (~observed & _between(nothing)))
    little = ~nothing & (values < LITTLE * usual.median)
    natural = nature.share_of_other_days(runs, nothing, values) >= nature.OFTEN
    natural |= nature.share_of_other_hours(runs, nothing, values) >= nature.OFTEN
    natural |= nature.share_of_other_days(runs, little, values) >= SOMETIMES
    natural |= nature.in_other_weeks(runs, nothing, values) | _gradual(runs, usual)
    near = _within_reach(runs, usual) | _a_few_steps_away(runs, usual)
    natural |= near & (nature.share_of_days(runs, nothing, values) >= nature.MOSTLY)
    last = values.shape[1] - 1 - observed[:, ::-1].argmax(axis=1)
    natural |= (runs.last >= last[runs.row]) & (runs.length > CLOSED_AFTER)
    return runs.where(~natural).mask() & observed


def _within_reach(runs: Runs, usual: Usual) -> Bools:
    """Whether zero is no outlier by the distance of the quartiles of its hours."""
    run, row, hour = runs.hours()
    low, high = usual.low[row, hour], usual.high[row, hour]
    return runs.mean(run, low - WITHIN_REACH * (high - low)) <= 0


def _a_few_steps_away(runs: Runs, usual: Usual) -> Bools:
    """Whether zero is a few of the steps in which a series is measured below the lower quartile."""
    run, row, hour = runs.hours()
    rows, place = np.unique(runs.row, return_inverse=True)
    steps = np.diff(np.sort(usual.values[rows], axis=1), axis=1)
    step = np.where(steps > 0, steps, np.inf).min(axis=1, initial=np.inf)
    return runs.mean(run, usual.low[row, hour]) <= STEPS * step[place]


def _gradual(runs: Runs, usual: Usual) -> Bools:
    """Whether a run is entered and left by way of values in between; a run of zeros never is."""
    width = usual.values.shape[1]
    run, row, hour = runs.hours()
    values = usual.values[row, hour]
    varies = usual.values[runs.row, runs.first] != 0
    varies[run[1:][(run[1:] == run[:-1]) & (values[1:] != values[:-1])]] = True
    for edge in (np.maximum(runs.first - 1, 0), np.minimum(runs.last + 1, width - 1)):
        varies &= ~(usual.values[runs.row, edge] > usual.low[runs.row, edge] / 2)
    return varies


def _between(what: Bools) -> Bools:
    """The hours that have `what` before and after them."""
    before = np.maximum.accumulate(what, axis=1)
    after = np.maximum.accumulate(what[:, ::-1], axis=1)[:, ::-1]
    return before & after
