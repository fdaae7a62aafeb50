"""Rolling origins: what methods would have forecast from past origins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import pandas as pd

from energy_assets.forecasting.evaluation.scores import naive_errors, series_rows
from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, to_matrix, training_window
from energy_assets.forecasting.panel.time_axis import HOUR

if TYPE_CHECKING:
    from sktime.forecasting.base import BaseForecaster

Forecast = Callable[[pd.DataFrame, int], pd.DataFrame]
"""From a training window and a horizon in hours to the columns `forecast`[, `lower`, `upper`]."""


def rolling_origin(
    panel: pd.DataFrame,
    methods: Mapping[str, Forecast],
    origins: Iterable[pd.Timestamp],
    window_days: int = 30,
    horizon: int = HOURS_PER_DAY,
    on_origin: Callable[[pd.Timestamp], None] = lambda origin: None,
) -> pd.DataFrame:
    """The table of forecasts of every method from every origin; column `method` names the method.

    A method sees the `window_days` days up to and including the origin, and nothing later.
    Targets that were not observed are left out. `on_origin` is called after each origin.

    Raises ShortHistoryError if there are no observations before an origin.
    """
    tables = []
    for origin in origins:
        window = training_window(panel, origin, window_days)
        matrix = to_matrix(window)
        errors = naive_errors(matrix)
        for name, method in methods.items():
            forecast = method(window, horizon)
            forecast["actual"] = panel.iloc[:, 0].reindex(forecast.index)
            forecast.index.names = [*forecast.index.names[:-1], "datetime_utc"]
            table = forecast.dropna(subset="actual").reset_index()
            table = table.assign(method=name, origin=origin)
            table["horizon"] = (table["datetime_utc"] - origin) // HOUR
            table["naive_error"] = errors[series_rows(table, matrix)]
            tables.append(table)
        on_origin(origin)
    return pd.concat(tables, ignore_index=True)


def from_forecaster(forecaster: BaseForecaster, coverage: float = 0.8) -> Forecast:
    """A method for `rolling_origin` that fits a clone of `forecaster` to each window."""

    def method(window: pd.DataFrame, horizon: int) -> pd.DataFrame:
        fitted = forecaster.clone().fit(window)
        steps = list(range(1, horizon + 1))
        forecast = fitted.predict(fh=steps).set_axis(["forecast"], axis=1)
        if getattr(fitted, "calibration_", None) is not None:
            bounds = fitted.predict_interval(fh=steps, coverage=coverage)
            forecast[["lower", "upper"]] = bounds.to_numpy()
        return forecast

    return method
