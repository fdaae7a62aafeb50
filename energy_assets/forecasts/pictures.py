"""Pictures of the tables: from rows to the plots that the UI and the terminal show."""

from __future__ import annotations

import pandas as pd

from energy_assets.forecasting.evaluation.plots import error_by_horizon_plot, forecast_plot
from energy_assets.schemas import KEY, TARGET, as_panel

WEEK = pd.Timedelta(days=7)


def forecast_picture(observed: pd.DataFrame, predictions: pd.DataFrame, source: str) -> bytes:
    """The largest series of a forecast, with last week's values beside it, as PNG.

    `observed` are rows of `schemas.CONSUMPTION`, `predictions` of `schemas.PREDICTIONS`.
    """
    week_later = observed.assign(datetime_utc=observed["datetime_utc"] + WEEK)
    last_week = as_panel(week_later)[TARGET].rename("seasonal_naive_168")
    title = f"Consumption, 24 hours from {_origin(predictions):%Y-%m-%d %H:%M} UTC"
    return forecast_plot(
        as_panel(observed),
        _as_forecast(predictions).join(last_week),
        title=f"{title} (source={source})",
    )


def outcome_picture(observed: pd.DataFrame, predictions: pd.DataFrame, source: str) -> bytes:
    """The two largest series of a forecast whose hours have come since, with both, as PNG."""
    actual = as_panel(observed)[TARGET].rename("actual")
    return forecast_plot(
        as_panel(observed[observed["datetime_utc"] <= _origin(predictions)]),
        _as_forecast(predictions).join(actual),
        series=2,
        title=f"Forecast from {_origin(predictions):%Y-%m-%d %H:%M} UTC, and what came "
        f"(source={source})",
    )


def _as_forecast(predictions: pd.DataFrame) -> pd.DataFrame:
    renamed = predictions.rename(columns={TARGET: "forecast"})
    return renamed.set_index(list(KEY))[["forecast", "lower", "upper"]]


def _origin(predictions: pd.DataFrame) -> pd.Timestamp:
    return predictions["origin"].iloc[0]


def horizon_picture(errors: pd.DataFrame, source: str) -> bytes:
    """Errors by horizon, one line for each column of `monitoring.errors_by_horizon`, as PNG."""
    lines = {str(name): errors[name] for name in errors}
    return error_by_horizon_plot(lines, title=f"Error by hours ahead (source={source})")
