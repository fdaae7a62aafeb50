"""Held-out hours: pairs of what is fitted with and without them, and their forecasts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd

from energy_assets.forecasting.features import transform
from energy_assets.forecasting.models import intervals
from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, Floats, Ints, PanelMatrix

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Pair(Generic[T]):
    """A value for the final model, and one for the model that does not see the held-out hours.

    `held_out` is None if no hours are held out.
    """

    final: T
    held_out: T | None

    @property
    def parts(self) -> list[T]:
        """The one or two values, with the final model's first."""
        return [self.final] if self.held_out is None else [self.final, self.held_out]

    def map(
        self, function: Callable[..., U], *others: Pair[Any], apply: Callable[..., Any] = map
    ) -> Pair[U]:
        """Apply `function` to the parts of this pair and of `others`.

        `apply` works like the built-in map; an executor's map runs both parts in parallel.
        """
        final, *held_out = apply(function, *(pair.parts for pair in (self, *others)))
        return Pair(final, held_out[0] if held_out else None)


@dataclass(frozen=True)
class HeldOut:
    """Forecasts of the held-out hours beside the observations, NaN where there are none.

    `origins` are column positions in `panel`. `actual` and `forecast` have the shape (series,
    origins, horizons); `scale`, which broadcasts to it, is the scale of the transform.
    """

    panel: PanelMatrix
    origins: Ints
    actual: Floats
    forecast: Floats
    scale: Floats

    def times(self, factor: Floats, expected: Floats) -> HeldOut:
        """The observations times the factor of their hour, the forecasts times the expected one.

        Both factors have the shape (series, hours).
        """
        steps = np.arange(1, self.forecast.shape[2] + 1)
        target = np.minimum(self.origins[:, None] + steps, factor.shape[1] - 1)
        ahead = expected[:, target]
        panel = replace(self.panel, array=self.panel.array * factor)
        actual = self.actual * factor[:, target]
        return HeldOut(panel, self.origins, actual, self.forecast * ahead, self.scale * ahead)

    @property
    def residuals(self) -> Floats:
        """Actual minus forecast on the transformed scale."""
        return transform.asinh(self.actual, self.scale) - transform.asinh(self.forecast, self.scale)

    @property
    def days(self) -> Ints:
        """The day that each origin belongs to, shape (origins,), counted from 0."""
        return (self.origins - self.origins[0]) // HOURS_PER_DAY

    def bounds(
        self, coverage: float, pooled: Sequence[intervals.Calibration] | None = None
    ) -> tuple[Floats, Floats]:
        """The ends of intervals, each calibrated on other days than its own.

        `pooled` is what the intervals of each day have in common with other series, if these are
        not all; see `intervals.pool_by_day`.
        """
        return intervals.cross_calibrated(
            self.residuals, self.forecast, self.scale, self.days, coverage, pooled
        )

    def table(self, coverage: float) -> pd.DataFrame:
        """The table of forecasts, with intervals; see `GlobalForecaster.holdout_`."""
        lower, upper = self.bounds(coverage)
        columns = {"actual": self.actual, "forecast": self.forecast, "lower": lower, "upper": upper}
        return self.panel.table(self.origins, columns).dropna(subset="actual", ignore_index=True)
