"""Held-out hours: pairs of what is fitted with and without them, forecasts, and usual errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np

from energy_assets.forecasting.features import transform
from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, Bools, Floats, Ints, PanelMatrix

TINY = float(np.finfo(float).tiny)
"""Errors below this are none."""

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
class UsualErrors:
    """The mean absolute errors of a simple forecast, shape (series, days), oldest day first.

    They are on the transformed scale, NaN where nothing is known. `held_out`, shape (days,), marks
    the days that the residuals are from. `holidays` is the number of holidays in the window.
    """

    sizes: Floats
    held_out: Bools
    holidays: float = 0.0

    @property
    def of_series(self) -> Floats:
        """The mean of each series, shape (series,); NaN if it has none, or makes no errors."""
        mean = mean_of_known(self.sizes, axis=1)
        return np.where(mean > TINY, mean, np.nan)

    @property
    def of_days(self) -> Floats:
        """The sizes of the known days, relative to the mean of the held-out ones; 1 if unknown."""
        size = mean_of_known(self.sizes / self.of_series[:, None], axis=0)
        known = np.isfinite(size)
        of_held_out = size[known & self.held_out]
        if not of_held_out.sum() > 0:
            return np.ones(1)
        return size[known] / of_held_out.mean()

    def without(self, days: Bools) -> UsualErrors:
        """The same without some days."""
        return replace(self, sizes=self.sizes[:, ~days], held_out=self.held_out[~days])


@dataclass(frozen=True)
class HeldOut:
    """Forecasts of the held-out hours beside the observations, NaN where there are none.

    `origins` are column positions in `panel`. `actual` and `forecast` have the shape (series,
    origins, horizons); `scale`, which broadcasts to it, is the scale of the transform. `usual` are
    the errors of a simple forecast on all days, and `hours`, shape (hours,), the local hours of the
    day of the panel.
    """

    panel: PanelMatrix
    origins: Ints
    actual: Floats
    forecast: Floats
    scale: Floats
    usual: UsualErrors | None = None
    hours: Ints | None = None

    def times(self, factor: Floats) -> HeldOut:
        """The same forecasts and observations times the `factor` of each hour, (series, hours)."""
        times = self._at_targets(factor)
        panel = replace(self.panel, array=self.panel.array * factor)
        actual, forecast, scale = (
            values * times for values in (self.actual, self.forecast, self.scale)
        )
        return replace(self, panel=panel, actual=actual, forecast=forecast, scale=scale)

    def misjudged(self, ratio: Floats) -> HeldOut:
        """The same with forecasts that are wrong by a `ratio` for each hour, (series, hours)."""
        return replace(self, forecast=self.forecast * self._at_targets(ratio))

    def _at_targets(self, values: Floats) -> Floats:
        """The values of the hours that are forecast, shape (series, origins, horizons)."""
        target = np.minimum(self.origins[:, None] + self.steps, values.shape[1] - 1)
        return values[:, target]

    @property
    def steps(self) -> Ints:
        """The horizons, shape (horizons,), counted from 1."""
        return np.arange(1, self.forecast.shape[2] + 1)

    @property
    def residuals(self) -> Floats:
        """Actual minus forecast on the transformed scale."""
        return transform.asinh(self.actual, self.scale) - transform.asinh(self.forecast, self.scale)

    @property
    def days(self) -> Ints:
        """The day that each origin belongs to, shape (origins,), counted from 0."""
        return (self.origins - self.origins[0]) // HOURS_PER_DAY

    @property
    def target_hours(self) -> Ints:
        """The local hours of the targets, shape (origins, horizons); their positions if unknown."""
        target = self.origins[:, None] + self.steps
        return target if self.hours is None else self.hours[target]

    def at(self, origins: Bools) -> HeldOut:
        """Those from some of the origins."""
        scale = np.broadcast_to(self.scale, self.forecast.shape)
        return replace(
            self,
            origins=self.origins[origins],
            actual=self.actual[:, origins],
            forecast=self.forecast[:, origins],
            scale=scale[:, origins],
        )


def mean_of_known(values: Floats, axis: int | tuple[int, ...]) -> Floats:
    """The mean of what is known, NaN if nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
