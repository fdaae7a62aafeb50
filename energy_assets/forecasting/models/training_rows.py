"""The rows that models are trained on: the hours, series and horizons of a training window.

Does not belong here: fitting (`training`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energy_assets.forecasting.features import feature_matrix, transform
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.features.feature_matrix import FeatureMatrix
from energy_assets.forecasting.models import ridge
from energy_assets.forecasting.models.blend import CHUNK_ROWS
from energy_assets.forecasting.models.held_out import Pair
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.matrix import (
    HOURS_PER_DAY,
    YEAR,
    Bools,
    Floats,
    Ints,
    PanelMatrix,
)

MAX_ROWS = 600_000
"""Rows that trees and pooled weights are trained on; more hardly change the forecasts."""

MAX_ORIGINS = 700
"""Training origins per series: five months of them, five hours apart."""

RECENT_HOURS = 4 * HOURS_PER_DAY
"""The last hours that both models see, by which the strength of the pooled weights is chosen."""


@dataclass(frozen=True)
class TrainingWindow:
    """The data to train on.

    Gaps in `observed` are not used as targets; `filled` is the same panel without gaps, for the
    features. The last `held_out` hours are held out once, then trained on.
    """

    observed: PanelMatrix
    filled: PanelMatrix
    held_out: int = 0


@dataclass(frozen=True)
class Sampling:
    """Which rows of a window are trained on.

    Origins are `origin_step` hours apart, and trees see one row in `thinning`. A panel with more
    than `max_rows` rows trains trees and pooled weights on evenly spaced series only. Each thread
    holds up to `chunk_rows` rows of features at once.
    """

    origin_step: int
    thinning: int
    max_rows: int = MAX_ROWS
    chunk_rows: int = CHUNK_ROWS


@dataclass(frozen=True)
class RidgeSums:
    """The moments of the rows of each model, and of the `recent` ones that both may see."""

    models: Pair[ridge.Moments]
    recent: ridge.Moments

    @property
    def common(self) -> ridge.Moments:
        """The moments of all rows that both models may see."""
        return self.models.parts[-1]


class TrainingRows:
    """The rows of a window: its origins and horizons, and which of them each model may see."""

    def __init__(self, window: TrainingWindow, design: Design, origin_step: int) -> None:
        hours = window.observed.hours
        self.window = window
        self.design = design
        self.calendar = design.calendar(hours)
        self.start = time_axis.first_step(hours)
        self.steps = np.arange(1, design.horizon + 1)
        self.origins = _origins(len(hours), design.horizon, origin_step)
        self.target = self.origins[:, None] + self.steps
        # The first column that the held-out model does not see.
        self.cutoff = len(hours) - window.held_out
        self.ends = Pair(len(hours), self.cutoff if window.held_out else None)
        # The (origins, horizons) whose target lies before the end.
        self.masks: Pair[Bools] = self.ends.map(lambda end: self.target < end)
        # The origins whose whole horizon is held out.
        self.held_out = (self.origins >= self.cutoff - 1) & (self.target[:, -1] < len(hours))

    @property
    def per_series(self) -> int:
        """How many rows a series has."""
        return max(1, len(self.origins) * self.design.horizon)

    def sample(self, max_rows: int) -> Ints:
        """Evenly spaced series with at most `max_rows` rows together; all if they have no more."""
        count = len(self.window.observed.array)
        size = min(count, max(1, max_rows // self.per_series))
        return np.linspace(0, count - 1, size).astype(int)

    def scale(self, part: slice | Ints) -> Floats:
        """The scale of the transform, from hours that both models may see."""
        return transform.series_scale(self.window.observed.array[part], self.cutoff)

    def level(self) -> Floats:
        """The filled values of all series on the transformed scale."""
        return transform.asinh(self.window.filled.array, self.scale(slice(None)))

    def features(self, part: slice | Ints) -> tuple[FeatureMatrix, Floats]:
        """The features of some series, and the residuals to learn."""
        matrix = feature_matrix.build_features(
            self.window.filled.array[part],
            self.scale(part),
            self.origins,
            self.steps,
            self.calendar,
            names=self.design.features,
        )
        actual = with_hours_ahead(
            self.window.observed.array[part], self.target, self.design.horizon
        )
        level = transform.asinh(actual, matrix.scale)
        return matrix, level - matrix.centre - matrix.base

    def moments(self, matrix: FeatureMatrix, residual: Floats) -> RidgeSums:
        """The moments of the rows that each model may see; no row is summed twice."""
        both = self.target < self.cutoff
        late = both & (self.target >= self.cutoff - RECENT_HOURS)
        recent = ridge.moments(matrix, residual, late)
        sums = ridge.moments(matrix, residual, both & ~late) + recent
        if self.masks.held_out is None:
            return RidgeSums(Pair(sums, None), recent)
        final = sums + ridge.moments(matrix, residual, self.masks.final & ~both)
        return RidgeSums(Pair(final, sums), recent)


def with_hours_ahead(array: Floats, target: Ints, horizon: int) -> Floats:
    """The values at `target`, NaN for hours after the window."""
    return np.pad(array, ((0, 0), (0, horizon)), constant_values=np.nan)[:, target]


def _origins(hours: int, horizon: int, step: int) -> Ints:
    """The training origins; they include the last one that has a whole horizon after it.

    In a long window they are those nearest to the end of the window in the time of the year: those
    of the last weeks, and of the weeks around the same day in earlier years.
    """
    last = hours - 2 - (horizon - 1) % step
    origins = np.arange(last, HOURS_PER_DAY - 2, -step)
    age = (last - origins) / YEAR
    nearest = np.argsort(np.abs(age - np.round(age)), kind="stable")[:MAX_ORIGINS]
    return np.sort(origins[nearest])
