"""Rules that recognise faults of meters in a (series x hours) matrix, NaN for missing values.

Each rule compares a series with itself. It finds hours that are unlike the same hour of the other
days, and then lets go of what seems to be the nature of the series: what happens on many days, or
again a week earlier or later. A window is at least half of these days what it should be.

Does not belong here: changes that last, see `levels`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, HOURS_PER_WEEK, Floats, Ints
from energy_assets.forecasting.panel.runs import Bools, Runs

MONTH = 28
"""Days that a value is compared with. Longer windows are divided, because levels have seasons."""

NOTHING = 0.1
"""A value below this share of the usual low one, the quartile of its hour, is next to nothing."""

LITTLE = 0.15
"""Values below this share of the median of their hour show that a series comes near zero."""

OFTEN = 0.2
"""What happens on a fifth of the other days is natural: on one day a week it is nearly that."""

MOSTLY = 0.5
"""What happens at the same hour in half of the other weeks is natural."""

SOMETIMES = 0.1
"""So often must a series come near zero for its zeros to be natural."""

BEYOND = 2.0
"""A spike is away from the median of its hour by more than this many times the larger of the
median and of `SPREAD` times the distance of the quartiles."""

SPREAD = 3.0

WITHIN_REACH = 0.5
"""Zero is near if the lower quartile is at most so many times the distance of the quartiles."""

STEPS = 3
"""Zero is near as well if it is so many steps away, where values are whole numbers or the like."""

IMPLAUSIBLE = 10.0
"""From this factor on a value is a spike whatever is next to it. A smaller one must stand alone."""

HIGHER = 2.5
"""A spike is higher than the height that is reached `OFTEN`, by this factor."""

SHORTEST_STUCK = 6
"""Hours of the same value that may be chance in series of any kind."""

BY_CHANCE = 3.0
"""A run is stuck only if it is longer than chance explains, by this factor."""

ALIKE = 3
"""If this many other runs of the same value are at least half as long, a run is natural."""

CLOSED_AFTER = 72
"""Hours of nothing after which a series is taken to have closed; see `levels.LASTING`."""

FEW = 3
"""An hour of the day with fewer values is compared with all hours of the series."""


NONE, ZERO, SPIKE, STUCK = range(4)


@dataclass(frozen=True)
class Usual:
    """The quartiles of each hour, from the same hour of the other days, shape (series, hours).

    Zeros do not count. A series that is negative most of the time is judged upside down, `values`
    as well.
    """

    values: Floats
    low: Floats
    median: Floats
    high: Floats


def found(values: Floats) -> npt.NDArray[np.int8]:
    """The fault of each hour: `NONE`, `ZERO` or `SPIKE`, shape (series, hours)."""
    hours = values.shape[1]
    parts = max(1, round(hours / HOURS_PER_DAY / MONTH))
    edges = [hours - part * hours // parts for part in range(parts, -1, -1)]
    return np.hstack([_found(values[:, start:end]) for start, end in itertools.pairwise(edges)])


def _found(values: Floats) -> npt.NDArray[np.int8]:
    usual = usual_of(values)
    reasons = np.zeros(values.shape, dtype=np.int8)
    reasons[vanished(usual)] = ZERO
    reasons[spikes(usual)] = SPIKE
    return reasons


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
    natural = _share_of_other_days(runs, nothing, values) >= OFTEN
    natural |= _share_of_other_days(runs, little, values) >= SOMETIMES
    natural |= _in_other_weeks(runs, nothing, values) | _gradual(runs, usual)
    near = _within_reach(runs, usual) | _a_few_steps_away(runs, usual)
    natural |= near & (_share_of_days(runs, nothing, values) >= MOSTLY)
    last = values.shape[1] - 1 - observed[:, ::-1].argmax(axis=1)
    natural |= (runs.last >= last[runs.row]) & (runs.length > CLOSED_AFTER)
    return runs.where(~natural).mask() & observed


def spikes(usual: Usual) -> Bools:
    """Hours whose value is far beyond all that is usual, to either side."""
    values = usual.values
    unit = np.maximum(np.abs(usual.median), SPREAD * (usual.high - usual.low))
    distance = (values - usual.median) / np.where(unit > 0, unit, np.nan)
    beyond = np.abs(distance) > BEYOND
    if not beyond.any():
        return beyond
    runs = Runs.of(beyond)
    natural = _in_other_weeks(runs, beyond, values)
    natural |= _share_of_days_as_high(runs, np.abs(values)) >= OFTEN
    natural |= _among_others(runs, distance)
    return runs.where(~natural).mask()


def stuck(values: Floats) -> Bools:
    """Hours that repeat the value before them for longer than the series does by nature.

    Zeros are left to `vanished`. A value that fills half of the window is the series' own.
    """
    flat = Runs.of_equal(values, np.isfinite(values) & (values != 0))
    long = flat.length >= SHORTEST_STUCK
    if not long.any():
        return np.zeros(values.shape, dtype=bool)
    observed = np.maximum(np.isfinite(values).sum(axis=1), 2)
    # By chance, values repeat this often, and then in runs of at most about this length.
    repeats = np.bincount(flat.row, np.where(long, 0, flat.length - 1), len(values))
    chance = np.clip(repeats / observed, 1e-9, 0.99)
    by_chance = 1 + np.log(observed) / -np.log(chance)
    longest = np.maximum(SHORTEST_STUCK, BY_CHANCE * by_chance)
    flat = flat.where((flat.length >= longest[flat.row]) & (2 * flat.length < observed[flat.row]))
    natural = _in_other_weeks(flat, flat.mask(), values) | _often_the_same(flat, values)
    found = flat.where(~natural)
    # The first of the values is right.
    return replace(found, first=found.first + 1).mask()


def _often_the_same(flat: Runs, values: Floats) -> Bools:
    """Whether a series has the value of a run, or runs as long, often."""
    natural = np.zeros(len(flat.row), dtype=bool)
    for run, (row, first, length) in enumerate(zip(flat.row, flat.first, flat.length, strict=True)):
        same_value = (values[row] == values[row, first]).sum() - length
        as_long = (2 * flat.length[flat.row == row] >= length).sum() - 1
        natural[run] = 2 * same_value >= length or as_long >= ALIKE
    return natural


def usual_of(values: Floats) -> Usual:
    """What is usual at each hour; NaN in a series without any value but zero."""
    counted = np.where(values == 0, np.nan, values)
    days = _days(counted)
    ordered = np.sort(days, axis=1)
    count = np.isfinite(days).sum(axis=1)
    of_hour = [_quantile(ordered, count, share) for share in (0.25, 0.5, 0.75)]
    few = count < FEW
    if few.any():
        rows = np.flatnonzero(few.any(axis=1))
        flat = np.sort(counted[rows], axis=1)
        number = np.isfinite(counted[rows]).sum(axis=1)
        for share, part in zip((0.25, 0.5, 0.75), of_hour, strict=True):
            whole = _quantile(flat[:, :, None], number[:, None], share)
            part[rows] = np.where(few[rows], whole, part[rows])
    sign = np.where(np.nansum(np.sign(counted), axis=1, keepdims=True) < 0, -1.0, 1.0)
    low, median, high = (_at_hours(part, values.shape[1]) for part in of_hour)
    low, high = np.where(sign < 0, -high, low), np.where(sign < 0, -low, high)
    return Usual(sign * values, low, sign * median, high)


def _quantile(ordered: Floats, count: Ints, share: float) -> Floats:
    """The quantile of the first `count` values along axis 1; NaN if there are none."""
    place = np.maximum(np.rint(share * (count - 1)).astype(np.int64), 0)
    return np.take_along_axis(ordered, place[:, None], axis=1)[:, 0]


def _share_of_other_days(runs: Runs, what: Bools, values: Floats) -> Floats:
    """How often `what` is true at the same hours of other days, as a mean over each run."""
    observed = np.isfinite(values)
    width = values.shape[1]
    times, known = (_at_hours(np.nansum(_days(part), axis=1), width) for part in (what, observed))
    run, row, hour = runs.hours()
    # The days of the run itself do not count.
    before, after = hour - runs.first[run], runs.last[run] - hour
    own = before // HOURS_PER_DAY + after // HOURS_PER_DAY + 1
    own_times = own * what[row, hour]
    others = np.maximum(known[row, hour] - own, 1)
    return runs.mean(run, np.maximum(times[row, hour] - own_times, 0) / others)


def _share_of_days_as_high(runs: Runs, size: Floats) -> Floats:
    """The share of the other days that reach the height of a run, divided by `HIGHER`.

    The height of a day is that of its second highest hour: a single hour may be a fault, too.
    """
    days = np.nan_to_num(_days(size), nan=-1.0)
    reached = np.partition(days, -2, axis=2)[:, :, -2]
    run, row, hour = runs.hours()
    height = np.zeros(len(runs.row))
    np.maximum.at(height, run, size[row, hour])
    day = np.arange(days.shape[1])
    first, last = _first_and_last_day(runs)
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


def _in_other_weeks(runs: Runs, what: Bools, values: Floats) -> Bools:
    """Whether `what` is true at half or more of the same hours of the other weeks."""
    run, row, hour = runs.hours()
    times, known = np.zeros(len(run)), np.zeros(len(run))
    weeks = values.shape[1] // HOURS_PER_WEEK
    for other in (hour + HOURS_PER_WEEK * shift for shift in range(-weeks, weeks + 1) if shift):
        # A run of a week would see itself.
        counts = (other >= 0) & (other < values.shape[1])
        counts &= (other < runs.first[run]) | (other > runs.last[run])
        other = np.clip(other, 0, values.shape[1] - 1)
        counts &= np.isfinite(values[row, other])
        known += counts
        times += counts & what[row, other]
    share = np.where(known > 0, times / np.maximum(known, 1), np.nan)
    return runs.mean(run, share) >= MOSTLY


def _share_of_days(runs: Runs, what: Bools, values: Floats) -> Floats:
    """The share of the other days on which `what` is true at any hour."""
    happened = np.nansum(_days(what), axis=2) > 0
    known = np.isfinite(_days(values)).any(axis=2)
    first, last = _first_and_last_day(runs)
    day = np.arange(known.shape[1])
    other = known[runs.row] & ((day < first) | (day > last))
    return (other & happened[runs.row]).sum(axis=1) / np.maximum(other.sum(axis=1), 1)


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


def _first_and_last_day(runs: Runs) -> tuple[Ints, Ints]:
    """The days, as `_days` has them, on which each run starts and ends, shape (runs, 1)."""
    shift = -runs.shape[1] % HOURS_PER_DAY
    first, last = ((edge[:, None] + shift) // HOURS_PER_DAY for edge in (runs.first, runs.last))
    return first, last


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


def _days(values: Floats | Bools) -> Floats:
    """The values by day and hour, shape (series, days, 24); the last day is whole."""
    missing = -values.shape[1] % HOURS_PER_DAY
    padded = np.pad(values.astype(float), ((0, 0), (missing, 0)), constant_values=np.nan)
    return padded.reshape(len(values), -1, HOURS_PER_DAY)


def _at_hours(of_day: Floats, hours: int) -> Floats:
    """What belongs to each hour of the day, shape (series, 24), for each of the hours."""
    days = -(-hours // HOURS_PER_DAY)
    return np.tile(of_day, days)[:, -hours:]
