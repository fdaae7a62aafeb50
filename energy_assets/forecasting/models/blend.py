"""The blend: several models forecast every hour ahead from what is known at the origin.

The horizon is a feature, so no forecast is fed back into another one.

Does not belong here: fitting (`training`), and how each of the models works.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np
import pandas as pd

from energy_assets.forecasting.features import feature_matrix, transform
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.features.feature_matrix import FeatureMatrix
from energy_assets.forecasting.models import autoregression, ridge, trees
from energy_assets.forecasting.models.autoregression import Autoregression
from energy_assets.forecasting.models.blas import single_blas_thread
from energy_assets.forecasting.models.holiday import Holidays
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.matrix import Floats, Ints, PanelMatrix

CHUNK_ROWS = 80_000
"""Rows of features that each thread holds in memory at once."""


NEXT_HOURS = 0.4
"""For the next hours the autoregression, with its weights for the time of the day, is best."""

FADE_HOURS = 5.0
"""The horizon at which this has fallen to 1/e."""


@dataclass(frozen=True)
class Shares:
    """How the models are mixed.

    `autoregression` is its share of the forecast, where it can forecast. At the next hour it has
    the share `next_hours` of the rest as well, which fades with the horizon; models of earlier
    releases have none. Of what then remains, `linear` is the share of the ridge regression, and the
    trees have the others.
    """

    linear: float
    autoregression: float
    next_hours: float = 0.0

    def of_autoregression(self, steps: Ints) -> Floats:
        """The share of the autoregression so many hours ahead."""
        fading = np.exp(-(steps - 1) / FADE_HOURS)
        return self.autoregression + (1 - self.autoregression) * self.next_hours * fading


@dataclass(frozen=True)
class BlendedModel:
    """The fitted models and their shares.

    Without any fitted model (too little to train on) the forecast is the base: a mix of the same
    hour yesterday and a week ago. `series` are the keys of the rows of `weights` (of the ridge
    regression) and of `hourly` (which needs a long window), or None for a single series without a
    key; both have the pooled weights in an additional last row. So have `holidays`, whose effect is
    taken away from the past and added to forecasts; models of earlier releases have none.
    """

    design: Design
    shares: Shares
    booster: lgb.Booster | None = None
    weights: ridge.Weights | None = None
    hourly: Autoregression | None = None
    series: pd.Index | None = None
    holidays: Holidays | None = None

    @single_blas_thread
    def forecast(
        self, history: PanelMatrix, steps: Ints, exogenous: Floats | None, threads: int | None
    ) -> Floats:
        """Forecasts in the unit of the panel, shape (series, steps), for the hours after `history`.

        `history` has no gaps. `exogenous` has the shape (columns, series, hours of `history` + the
        longest of `steps`).
        """
        rows, known = self._weight_rows(history.series), len(history.hours)
        factor: Floats | None = None
        if self.holidays is not None:
            factor = self.holidays.factor(rows, self.design, history.hours, int(steps.max()))
        if factor is not None:
            history = replace(history, array=history.array / factor[:, :known])
        origin = np.array([known - 1])
        calendar = self.design.calendar(history.hours, int(steps.max()))
        whole_calendar = self.design.calendar(history.hours)
        start = time_axis.first_step(history.hours)

        def forecast_part(part: slice) -> Floats:
            array = history.array[part]
            x = None if exogenous is None else exogenous[:, part]
            scale = transform.series_scale(array)
            matrix = feature_matrix.build_features(
                array, scale, origin, steps, calendar, x, self.design.features
            )
            hourly = None
            if self.hourly is not None and len(history.hours) > autoregression.REACH:
                level = transform.asinh(array, scale)
                hourly = self.hourly.forecast(level, rows[part], origin, whole_calendar, start)
                hourly = hourly[..., steps - 1]
            return self.blend(matrix, rows[part], steps, threads, hourly)[:, 0]

        parts = slices(len(history.array), max(1, CHUNK_ROWS // len(steps)))
        forecast = np.concatenate([forecast_part(part) for part in parts])
        return forecast if factor is None else forecast * factor[:, known - 1 + steps]

    def blend(
        self,
        matrix: FeatureMatrix,
        rows: Ints,
        steps: Ints,
        threads: int | None,
        hourly: Floats | None = None,
    ) -> Floats:
        """Forecasts in the unit of the panel, shape (series, origins, horizons).

        `rows` are the rows of the weights for each series, `steps` the horizons. `hourly` are the
        forecasts of the autoregression on the transformed scale, NaN where it has none.
        """
        residual = np.zeros(matrix.base.shape)
        linear = self.shares.linear
        if self.booster is not None and linear < 1:
            residual += (1 - linear) * trees.predict(self.booster, matrix.features, threads)
        if self.weights is not None and linear > 0:
            residual += linear * ridge.predict(self.weights.take(rows), matrix)
        if hourly is not None:
            change = hourly - matrix.centre - matrix.base
            share = np.where(np.isfinite(change), self.shares.of_autoregression(steps), 0.0)
            residual = (1 - share) * residual + share * np.nan_to_num(change)
        return matrix.forecast(residual)

    def _weight_rows(self, series: pd.Index | None) -> Ints:
        """The row of the weights for each series; -1, the pooled weights, for a new series."""
        if series is None or self.series is None:
            single = series is None and self.series is None
            return np.full(1 if series is None else len(series), 0 if single else -1)
        if series.nlevels != self.series.nlevels:
            return np.full(len(series), -1)
        return self.series.get_indexer(series)


def slices(count: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that together cover `count`."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
