"""What is the nature of a series: what it does on many days, or in most weeks.

Each function says for every run of unusual hours how often the same happens elsewhere in the
window; the run itself does not count.
"""

from __future__ import annotations

import numpy as np

from energy_assets.forecasting.doubts.runs import Runs
from energy_assets.forecasting.doubts.usual import at_hours, by_day
from energy_assets.forecasting.panel.matrix import (
    HOURS_PER_DAY,
    HOURS_PER_WEEK,
    Bools,
    Floats,
    Ints,
)

OFTEN = 0.2
"""What happens on a fifth of the other days, or in a fifth of all other hours, is natural."""

MOSTLY = 0.5
"""What happens in half of the other weeks at the same hour is natural, too."""


def share_of_other_days(runs: Runs, what: Bools, values: Floats) -> Floats:
    """How often `what` is true at the same hours of other days, as a mean over each run."""
    observed = np.isfinite(values)
    width = values.shape[1]
    times, known = (at_hours(np.nansum(by_day(part), axis=1), width) for part in (what, observed))
    run, row, hour = runs.hours()
    # The days of the run itself do not count.
    before, after = hour - runs.first[run], runs.last[run] - hour
    own = before // HOURS_PER_DAY + after // HOURS_PER_DAY + 1
    own_times = own * what[row, hour]
    others = np.maximum(known[row, hour] - own, 1)
    return runs.mean(run, np.maximum(times[row, hour] - own_times, 0) / others)


def share_of_other_hours(runs: Runs, what: Bools, values: Floats) -> Floats:
    """How often `what` is true at other hours of any kind."""
    run, row, hour = runs.hours()
    own = runs.length - np.bincount(run, np.isnan(values[row, hour]), len(runs.row))
    known = np.isfinite(values).sum(axis=1)[runs.row] - own
    return (what.sum(axis=1)[runs.row] - own) / np.maximum(known, 1)


def share_of_days(runs: Runs, what: Bools, values: Floats) -> Floats:
    """The share of the other days on which `what` is true at any hour."""
    happened = np.nansum(by_day(what), axis=2) > 0
    known = np.isfinite(by_day(values)).sum(axis=2) > 0
    first, last = first_and_last_day(runs)
    day = np.arange(known.shape[1])
    other = known[runs.row] & ((day < first) | (day > last))
    return (other & happened[runs.row]).sum(axis=1) / np.maximum(other.sum(axis=1), 1)


def in_other_weeks(runs: Runs, what: Bools, values: Floats) -> Bools:
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


def first_and_last_day(runs: Runs) -> tuple[Ints, Ints]:
    """The days, as `by_day` has them, on which each run starts and ends, shape (runs, 1)."""
    shift = -runs.shape[1] % HOURS_PER_DAY
    first, last = ((edge[:, None] + shift) // HOURS_PER_DAY for edge in (runs.first, runs.last))
    return first, last
