"""Shapes of the week of other series, which stand in for the past that a new series does not have.

A series with few hours of history is a mixture of the kinds that fit these hours: with one hour it
is a bit of all, with two days it is what it is most like. Its level is its own.

Does not belong here: forecasting. With its past filled in, a new series is forecast like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from energy_assets.forecasting.doubts.usual import MONTH
from energy_assets.forecasting.features.feature_matrix import HISTORY_HOURS
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.matrix import (
    HOURS_PER_DAY,
    HOURS_PER_WEEK,
    Floats,
    Ints,
    PanelMatrix,
)

COUNT = 64
"""So many evenly spaced series are examples of their kinds."""

ERROR = 0.1
"""How much a series deviates from its kind, on the logarithmic scale."""

LITTLE_HISTORY = HOURS_PER_WEEK
"""With fewer hours than this, the past of a series is filled in."""


@dataclass(frozen=True)
class Kinds:
    """The logarithms of typical weeks, less their means: shape (kinds, 168).

    The hours of the week are in UTC, counted from those of 1970-01-01 00:00.
    """

    shapes: npt.NDArray[np.float32]

    @classmethod
    def of(cls, panel: PanelMatrix) -> Kinds | None:
        """The kinds of a treated panel; None if it has no whole week of a positive series."""
        recent = panel.last(MONTH * HOURS_PER_DAY)
        hours = _hours_of_week(recent)
        if hours is None or len(hours) < HOURS_PER_WEEK:
            return None
        weeks = len(hours) // HOURS_PER_WEEK
        array = recent.array[:, -weeks * HOURS_PER_WEEK :]
        positive = ~(array <= 0).any(axis=1)
        known = np.isfinite(array).reshape(len(array), weeks, -1).sum(axis=1)
        rows = np.flatnonzero(positive & (known.min(axis=1) > 0))
        if not len(rows):
            return None
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), COUNT)).astype(int)]
        level = np.nanmedian(np.log(array[rows]).reshape(len(rows), weeks, -1), axis=1)
        shapes = np.empty_like(level)
        shapes[:, hours[-HOURS_PER_WEEK:]] = level - level.mean(axis=1, keepdims=True)
        return cls(shapes.astype(np.float32))

    def extended(self, history: PanelMatrix) -> PanelMatrix:
        """The history with a past for the series that have little, if they are positive."""
        array, hours = history.array, _hours_of_week(history)
        known = np.isfinite(array)
        count = known.sum(axis=1)
        new = (count > 0) & (count < LITTLE_HISTORY) & ~(array <= 0).any(axis=1)
        if hours is None or not new.any():
            return history
        extended = array.copy()
        for row in np.flatnonzero(new):
            unknown = np.flatnonzero(~known[row])
            # The features do not look back any further.
            unknown = unknown[unknown >= array.shape[1] - HISTORY_HOURS]
            at = known[row]
            extended[row, unknown] = self._typical(array[row, at], hours[at], hours[unknown])
        return replace(history, array=extended)

    def _typical(self, values: Floats, hours: Ints, wanted: Ints) -> Floats:
        """The values at `wanted` hours of the week of a series with `values` at `hours`.

        What the kinds leave unexplained at an hour of the day is repeated on the other days.
        """
        shapes = self.shapes.astype(np.float64)
        residual = np.log(values) - shapes[:, hours]
        level = residual.mean(axis=1)
        squares = ((residual - level[:, None]) ** 2).sum(axis=1)
        weights = np.exp((squares.min() - squares) / (2 * ERROR**2))
        typical = (weights / weights.sum()) @ (level[:, None] + shapes)
        of_day = hours % HOURS_PER_DAY
        total = np.bincount(of_day, np.log(values) - typical[hours], HOURS_PER_DAY)
        own = total / np.maximum(np.bincount(of_day, minlength=HOURS_PER_DAY), 1)
        return np.exp(typical[wanted] + own[wanted % HOURS_PER_DAY])


def _hours_of_week(panel: PanelMatrix) -> Ints | None:
    """The hour of the week of each column; None if the columns are not hours."""
    if time_axis.hours_of(panel.hours, 0, 0) is None:
        return None
    first = time_axis.first_step(panel.hours)
    return (first + np.arange(len(panel.hours))) % HOURS_PER_WEEK
