"""Forecasts of hours that the model had not seen: what it is scored and calibrated by."""

from __future__ import annotations

from dataclasses import dataclass

from energy_assets.forecasting.features.matrix import to_log
from energy_assets.forecasting.panel.matrix import Floats, Ints


@dataclass(frozen=True)
class HeldOut:
    """Forecasts and what was then observed, NaN where nothing was.

    `origins` are column positions; `actual` and `forecast` have the shape (series, origins,
    horizons), `scale`, that of the transform, the shape (series, 1, 1).
    """

    origins: Ints
    actual: Floats
    forecast: Floats
    scale: Floats

    @property
    def residuals(self) -> Floats:
        """Actual minus forecast on the transformed scale."""
        return to_log(self.actual, self.scale) - to_log(self.forecast, self.scale)
