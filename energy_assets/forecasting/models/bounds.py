"""Bounds of what can be forecast: nothing that the history of a series makes implausible.

Linear models extrapolate, and the way back from logarithms amplifies. Where the history is like
what the models were trained on, forecasts stay far from these bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energy_assets.forecasting.panel.matrix import Floats

REACH = 2.0
"""Forecasts go up to this many times the largest value of the history, and as far below zero."""


@dataclass(frozen=True)
class Bounds:
    """The lowest and highest possible forecast, shape (series, 1) or (series, hours)."""

    low: Floats
    high: Floats

    @classmethod
    def of(cls, history: Floats) -> Bounds:
        """The bounds of series with this history, shape (series, hours).

        A series that never was below zero is not forecast below zero, and one that never was above
        is not forecast above.
        """
        known = np.nan_to_num(history)
        low = np.minimum(known.min(axis=1, keepdims=True), 0.0)
        high = np.maximum(known.max(axis=1, keepdims=True), 0.0)
        return cls(REACH * low, REACH * high)

    def within(self, other: Bounds) -> Bounds:
        """The bounds that keep to both."""
        return Bounds(np.maximum(self.low, other.low), np.minimum(self.high, other.high))

    def beyond(self, other: Bounds) -> Bounds:
        """The bounds that allow what either allows."""
        return Bounds(np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    def times(self, factor: Floats | float) -> Bounds:
        """The bounds of forecasts that are multiplied by a positive factor."""
        return Bounds(self.low * factor, self.high * factor)

    def clip(self, forecast: Floats) -> Floats:
        """Forecasts, or quantiles, of shape (series, hours, ...) within the bounds."""
        shape = (*self.low.shape, *(1 for _ in forecast.shape[2:]))
        return np.clip(forecast, self.low.reshape(shape), self.high.reshape(shape))
