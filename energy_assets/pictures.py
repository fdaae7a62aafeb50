"""Pictures of the tables: from rows to the plots that the UI and the terminal show."""

from __future__ import annotations

import pandas as pd

from energy_assets.forecasting.plots import error_by_horizon_plot, forecast_plot
from energy_assets.schemas import KEY, TARGET, as_panel

WEEK = pd.Timedelta(days=7)


def forecast_picture(observed: pd.DataFrame, predictions: pd.DataFrame, source: str) -> bytes:
    """The largest series of a forecast, with last week's values beside it, as PNG.

    `observed` are rows of `schemas.CONSUMPTION`, `predictions` of `schemas.PREDICTIONS`.
    """
    week_later = observed.assign(datetime_utc=observed["datetime_utc"] + WEEK)
    last_week = as_panel(week_later)[TARGET].rename("seasonal_naive_168")
    forecast = predictions.set_index(list(KEY)).rename(columns={TARGET: "forecast"})
    return forecast_plot(
        as_panel(observed),
        forecast[["forecast", "lower", "upper"]].join(last_week),
        title=f"Consumption, 24 hours from {predictions['origin'].iloc[0]:%Y-%m-%d %H:%M} UTC "
        f"(source={source})",
    )


def horizon_picture(errors: pd.DataFrame) -> bytes:
    """Errors by horizon, one line for each column of `monitoring.errors_by_horizon`, as PNG."""
    return error_by_horizon_plot({str(name): errors[name] for name in errors})
