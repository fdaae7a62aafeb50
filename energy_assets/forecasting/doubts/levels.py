"""Changes of level that last: a plant closes or grows, or a meter counts in another unit.

A change is believed once it has lasted for three days. Until then it may be a fault, see `zeros`
and `spikes`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, Bools, Floats, Ints

LASTING = 3
"""Whole days up to the origin that a new level must have lasted."""

BEFORE = 7
"""Days of the old level that must be known: a weekend is no change of level."""

MEMORY = 28
"""Days in which the change is looked for."""

RATIO = 2.0
"""The typical days of both levels differ by this factor or more,"""

GAP = 1.4
"""and no day of one level comes nearer to a day of the other than by this factor."""

LARGEST = 1e6
"""No two units of consumption are further apart, so a larger ratio is not believed."""

LONGER = 1.5
"""A series has closed if it was zero for so many times as long as ever before."""


@dataclass(frozen=True)
class Change:
    """The last change of level of each series: where the new one starts, its ratio to the old.

    Both have the shape (series,); `start` is 0 for a series without a change. The ratio is 0 for a
    series that has closed.
    """

    start: Ints
    ratio: Floats

    @property
    def any(self) -> bool:
        """Whether any series has changed."""
        return bool((self.start > 0).any())

    def before(self, hours: int) -> Bools:
        """The hours before the change, of so many in all, shape (series, hours)."""
        return np.arange(hours) < self.start[:, None]

    def scaled(self, values: Floats) -> Floats:
        """The values as if they had always been at the new level."""
        return np.where(self.before(values.shape[1]), values * self.ratio[:, None], values)


def last_change(values: Floats) -> Change:
    """The last change of level of each series of a (series x hours) matrix."""
    start, ratio = np.zeros(len(values), dtype=np.int64), np.ones(len(values))
    days = min(MEMORY, values.shape[1] // HOURS_PER_DAY)
    if days <= LASTING:
        return Change(start, ratio)
    first = values.shape[1] - days * HOURS_PER_DAY
    recent = values[:, first:].reshape(len(values), days, HOURS_PER_DAY)
    for row in np.flatnonzero(_closed(recent)):
        start[row], ratio[row] = first + _after_last(recent[row].ravel() != 0), 0.0
    split = _split(recent)
    for row in np.flatnonzero((split > 0) & (start == 0)):
        hour, factor = _located(recent[row], int(split[row]))
        if 1 / LARGEST <= factor <= LARGEST:
            start[row], ratio[row] = first + hour, factor
    return Change(start, ratio)


def _closed(recent: Floats) -> Bools:
    """Whether a series is zero since days, and never was for nearly as long; shape (series,)."""
    observed = np.isfinite(recent)
    known = np.asarray(observed.any(axis=2))
    zero = known & ~np.asarray((observed & (recent != 0)).any(axis=2))
    length, longest = np.zeros(len(recent), dtype=np.int64), np.zeros(len(recent), dtype=np.int64)
    for day in range(recent.shape[1]):
        longest = np.where(zero[:, day] | ~known[:, day], longest, np.maximum(longest, length))
        length = np.where(zero[:, day], length + 1, np.where(known[:, day], 0, length))
    alive: Bools = np.asarray((known & ~zero).any(axis=1))
    return alive & (length >= LASTING) & (length > LONGER * longest)


def _split(recent: Floats) -> Ints:
    """The day on which a new level starts, shape (series,); 0 without a change."""
    level = _medians(recent)
    level *= np.where(np.nansum(np.sign(level), axis=1, keepdims=True) < 0, -1, 1)
    level = np.where(level > 0, level, np.nan)
    days = level.shape[1]
    if days < BEFORE + LASTING:
        return np.zeros(len(level), dtype=np.int64)
    splits = np.arange(BEFORE, days - LASTING + 1)
    backwards = level[:, ::-1]
    lowest, highest = np.fmin.accumulate(level, axis=1), np.fmax.accumulate(level, axis=1)
    lowest_after = np.fmin.accumulate(backwards, axis=1)[:, ::-1]
    highest_after = np.fmax.accumulate(backwards, axis=1)[:, ::-1]
    with np.errstate(over="ignore"):
        gap = np.fmax(
            lowest_after[:, splits] / highest[:, splits - 1],
            lowest[:, splits - 1] / highest_after[:, splits],
        )
    gap = np.nan_to_num(gap)
    best = gap.argmax(axis=1)
    split = np.where(gap[np.arange(len(gap)), best] >= GAP, splits[best], 0)
    for row in np.flatnonzero(split):
        before, after = level[row, : split[row]], level[row, split[row] :]
        enough = np.isfinite(before).sum() >= BEFORE and np.isfinite(after).sum() >= LASTING
        change = np.log(np.nanmedian(after)) - np.log(np.nanmedian(before))
        if not enough or abs(change) < np.log(RATIO):
            split[row] = 0
    return split


def _located(recent: Floats, split: int) -> tuple[int, float]:
    """The first hour of the new level, and its ratio to the old level, of one series.

    The ratio is 0 if the same hours of the day cannot be compared.

    `recent` has the shape (days, 24); the new level starts on about the day `split`.
    """
    usual = _of_hours(recent[: split - 1])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = recent / usual
    known = ratio[split:][np.isfinite(ratio[split:])]
    factor = float(np.median(known)) if len(known) else 0.0
    if factor <= 0:
        return 0, 0.0
    near = slice(HOURS_PER_DAY * (split - 1), HOURS_PER_DAY * min(split + 1, len(recent)))
    part = ratio.ravel()[near]
    is_new = np.where(np.isfinite(part), (part > np.sqrt(factor)) == (factor > 1), np.nan)
    # The hour with the fewest new hours before it and old hours after it.
    wrong = np.concatenate(
        [[0.0], np.nancumsum(np.where(is_new == 1, 1, -1) * np.isfinite(is_new))]
    )
    return near.start + int(wrong.argmin()), factor


def _of_hours(days: Floats) -> Floats:
    """The median of each hour of the day, shape (24,); NaN without any value."""
    ordered = np.sort(days, axis=0)
    count = np.isfinite(days).sum(axis=0)
    return ordered[np.maximum(count - 1, 0) // 2, np.arange(HOURS_PER_DAY)]


def _after_last(what: Bools) -> int:
    """The place after the last True."""
    return int(len(what) - what[::-1].argmax())


def _medians(recent: Floats) -> Floats:
    """The median of each day, shape (series, days); NaN if half of it is missing."""
    ordered = np.sort(recent, axis=2)
    count = np.isfinite(recent).sum(axis=2)
    middle = np.take_along_axis(ordered, np.maximum(count - 1, 0)[..., None] // 2, axis=2)[..., 0]
    return np.where(2 * count >= HOURS_PER_DAY, middle, np.nan)
