"""What is usual at each hour of the day of a series, and its values by day.

Does not belong here: rules for what is unusual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, Bools, Floats, Ints

MONTH = 28
"""Days that a value is compared with. Longer windows are divided, because levels have seasons."""

FEW = 3
"""An hour of the day with fewer values is compared with all hours of the series."""


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


def usual_of(values: Floats) -> Usual:
    """What is usual at each hour; NaN in a series without any value but zero."""
    counted = np.where(values == 0, np.nan, values)
    days = by_day(counted)
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
    low, median, high = (at_hours(part, values.shape[1]) for part in of_hour)
    low, high = np.where(sign < 0, -high, low), np.where(sign < 0, -low, high)
    return Usual(sign * values, low, sign * median, high)


def may_be_unusual(values: Floats) -> Bools:
    """The series that could have values as unusual as `zeros` and `spikes` look for; (series,).

    A quick look at the means, to spare most series the quartiles. Of values that are not negative,
    less than 0.1 times the quartile is less than 0.15 times the mean. At most a quarter of them
    can be far beyond the quartiles, and these are then more than 1.5 times the mean.
    """
    days = by_day(values)
    known = np.isfinite(days)
    count = known.sum(axis=1)
    total = np.where(known, days, 0.0).sum(axis=1)
    sign = np.where(total.sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    mean = sign * total / np.maximum(count, 1)
    lowest = np.fmin.reduce(sign[:, None] * days, axis=1)
    highest = np.fmax.reduce(sign[:, None] * days, axis=1)
    usual = (lowest >= 0.15 * mean) & (highest <= 1.5 * mean) & (count > FEW)
    return ~np.asarray(usual.all(axis=1))


def _quantile(ordered: Floats, count: Ints, share: float) -> Floats:
    """The quantile of the first `count` values along axis 1; NaN if there are none."""
    place = np.maximum(np.rint(share * (count - 1)).astype(np.int64), 0)
    return np.take_along_axis(ordered, place[:, None], axis=1)[:, 0]


def by_day(values: Floats | Bools) -> Floats:
    """The values by day and hour, shape (series, days, 24); the last day is whole."""
    missing = -values.shape[1] % HOURS_PER_DAY
    padded = np.pad(values.astype(float), ((0, 0), (missing, 0)), constant_values=np.nan)
    return padded.reshape(len(values), -1, HOURS_PER_DAY)


def at_hours(of_day: Floats, hours: int) -> Floats:
    """What belongs to each hour of the day, shape (series, 24), for each of the hours."""
    days = -(-hours // HOURS_PER_DAY)
    return np.tile(of_day, days)[:, -hours:]
