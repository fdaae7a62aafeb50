"""How large errors usually are, day by day: those of a simple regression within the window.

A few held-out days say little about days unlike them, and little about a single series. A
regression on six numbers errs more than the blend, but its errors are known for every day of the
window, and they are large on the days and for the series where those of the blend are. With so few
weights it makes no difference that they were fitted to the same days.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from energy_assets.forecasting.features import transform
from energy_assets.forecasting.features.calendar import Calendar
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.features.feature_matrix import HISTORY_HOURS, WindowMeans
from energy_assets.forecasting.models.blas import single_blas_thread
from energy_assets.forecasting.models.blend import CHUNK_ROWS, slices
from energy_assets.forecasting.models.held_out import HeldOut, UsualErrors
from energy_assets.forecasting.models.training_rows import (
    Bools,
    TrainingWindow,
    with_hours_ahead,
)
from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, HOURS_PER_WEEK, Floats, Ints

DAYS = 56
"""So many of the newest days count."""

ORIGIN_STEP = 5
"""Hours between the origins of the errors."""

LAST_HOURS = 3
FADE_HOURS = (5.0, 24.0)
"""The horizons at which what the last hours say has fallen to 1/e."""

PRIOR = np.array([0.4, 0.3, 0.0, 0.1, 0.4, 0.2])
"""The weights that those of each series are drawn to: about the mean of several panels."""

PRIOR_ROWS = 100.0
"""The prior counts as much as this many rows of a series."""


def with_history(held_out: HeldOut, window: TrainingWindow, design: Design) -> HeldOut:
    """Held-out forecasts with what is known of the days before them."""
    hours, calendar = len(window.observed.hours), design.calendar(window.observed.hours)
    scale = transform.series_scale(window.observed.array, hours - window.held_out)
    sizes = usual_errors(window, scale, calendar)
    newest = np.arange(sizes.shape[1])[::-1] < window.held_out // HOURS_PER_DAY
    local = calendar.column("hour", np.arange(hours)).astype(np.int64)
    holidays = float(calendar.column("holiday", np.arange(hours)).sum()) / HOURS_PER_DAY
    return replace(held_out, usual=UsualErrors(sizes, newest, holidays), hours=local)


@single_blas_thread
def usual_errors(window: TrainingWindow, scale: Floats, calendar: Calendar) -> Floats:
    """The mean absolute errors of each series on each day, shape (series, days), oldest first.

    They are on the transformed scale; `scale` has the shape (series, 1). The last day ends with the
    window. NaN where nothing is known. `calendar` belongs to the hours of the window.
    """
    count, hours = window.observed.array.shape
    earliest = max(HISTORY_HOURS - 1, hours - 1 - DAYS * HOURS_PER_DAY)
    origins = np.arange(hours - 2, earliest - 1, -ORIGIN_STEP)[::-1]
    if not len(origins):
        return np.full((count, 0), np.nan)
    steps = np.arange(1, HOURS_PER_DAY + 1)
    target = np.minimum(origins[:, None] + steps, hours)
    day = (hours - 1 - target.ravel()) // HOURS_PER_DAY
    days = int(day.max()) + 1
    of_day = (day[:, None] == np.arange(days)[::-1]).astype(float)
    chunk = max(1, CHUNK_ROWS // target.size)
    sizes = np.full((count, days), np.nan)
    for part in slices(count, chunk):
        level, observed = (
            transform.asinh(panel.array[part], scale[part])
            for panel in (window.filled, window.observed)
        )
        errors = np.abs(_errors(level, observed, origins, target, calendar))
        known = np.isfinite(errors)
        total = np.where(known, errors, 0.0) @ of_day
        number = known.astype(float) @ of_day
        np.divide(total, number, out=sizes[part], where=number > 0)
    return sizes


def _errors(
    level: Floats, observed: Floats, origins: Ints, target: Ints, calendar: Calendar
) -> Floats:
    """The errors of the regression, shape (series, origins x horizons)."""
    columns, change = _regression(level, observed, origins, target, calendar)
    known = np.isfinite(change) & np.isfinite(columns).all(axis=2)
    columns, change = np.where(known[..., None], columns, 0.0), np.where(known, change, 0.0)
    gram = columns.transpose(0, 2, 1) @ columns
    moments = (columns.transpose(0, 2, 1) @ change[..., None])[..., 0]
    size = np.diagonal(gram, axis1=1, axis2=2) / np.maximum(known.sum(axis=1), 1)[:, None]
    prior = PRIOR_ROWS * size + np.finfo(float).tiny ** 0.5
    gram += prior[:, None, :] * np.eye(len(PRIOR))
    weights = np.linalg.solve(gram, (moments + prior * PRIOR)[..., None])
    return np.where(known, change - (columns @ weights)[..., 0], np.nan)


def _regression(
    level: Floats, observed: Floats, origins: Ints, target: Ints, calendar: Calendar
) -> tuple[Floats, Floats]:
    """The columns (series, rows, columns), and what they are to explain: the change in a week.

    It is explained by the change of the day before the target (of a day of the same kind, and of
    another), by those of the day and the hours before the origin, and by the mean of seven days.
    """
    hours = np.arange(level.shape[1] + 1)
    day_ago, week_ago = (_back(level, lag) for lag in (HOURS_PER_DAY, HOURS_PER_WEEK))
    in_days = (day_ago - week_ago)[:, target]
    same_hour = sum(_back(level, HOURS_PER_DAY * days) for days in range(1, 8)) / 7 - week_ago
    alike = (_works(calendar, hours) == _works(calendar, hours - HOURS_PER_DAY))[target]
    means = WindowMeans(level)
    last_day, last_hours = (
        (means(origins, count) - means(origins - HOURS_PER_WEEK, count))[:, :, None]
        for count in (HOURS_PER_DAY, LAST_HOURS)
    )
    horizon = target - origins[:, None]
    columns = [
        np.where(alike, in_days, 0.0),
        np.where(alike, 0.0, in_days),
        np.broadcast_to(last_day, in_days.shape),
        *(last_hours * np.exp(-horizon / fade) for fade in FADE_HOURS),
        same_hour[:, target],
    ]
    wanted = with_hours_ahead(observed, target, 1) - week_ago[:, target]
    rows = len(level), target.size
    return np.stack(columns, axis=-1).reshape(*rows, len(columns)), wanted.reshape(rows)


def _works(calendar: Calendar, hours: Ints) -> Bools:
    """Whether the hours are on working days."""
    return (calendar.column("weekday", hours) < 5) & (calendar.column("holiday", hours) == 0)


def _back(level: Floats, lag: int) -> Floats:
    """The value `lag` hours before each hour and the one after, NaN before the panel."""
    return np.pad(level, ((0, 0), (lag, 0)), constant_values=np.nan)[:, : level.shape[1] + 1]
