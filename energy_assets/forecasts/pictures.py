"""Pictures of the stored tables, as PNG, for the Dagster UI and the command line."""

from __future__ import annotations

import pandas as pd

from energy_assets.forecasting.evaluation.plots import (
    error_by_horizon_plot,
    forecast_plot,
    trials_plot,
)
from energy_assets.forecasting.tuning.result import TuningResult
from energy_assets.partitions import WEEK
from energy_assets.schemas import PRIMARY_KEY, SERIES_KEY, TARGET, as_panel, of_the_same_series
from energy_assets.sources import Source


def forecast_picture(
    observed: pd.DataFrame,
    predictions: pd.DataFrame,
    source: Source,
    weather: pd.DataFrame | None = None,
) -> bytes:
    """The forecasts of the largest series, beside last week's values and the temperature.

    A line shows what would be forecast in the weather of the past week, if it matters.

    `observed` are rows of `schemas.CONSUMPTION`, `predictions` of `schemas.PREDICTIONS`. If not all
    series are observed, because they are divided into shards, the others are left out. `weather` is
    what `weather_as_of` returns.
    """
    predictions = of_the_same_series(predictions, observed)
    week_later = observed.assign(datetime_utc=observed["datetime_utc"] + WEEK)
    last_week = as_panel(week_later)[TARGET].rename("seasonal_naive_168")
    return forecast_plot(
        as_panel(observed),
        _as_forecast(predictions).join(last_week),
        timezone=source.profile.timezone,
        title=f"Consumption, 24 hours from {_origin(predictions):%Y-%m-%d %H:%M} UTC "
        f"(source={source.name})",
        temperature=_temperature(weather, predictions),
    )


def outcome_picture(observed: pd.DataFrame, predictions: pd.DataFrame, source: Source) -> bytes:
    """The forecasts of the two largest series, beside the observations that have come in since.

    Series that are not `observed` are left out.
    """
    predictions = of_the_same_series(predictions, observed)
    actual = as_panel(observed)[TARGET].rename("actual")
    return forecast_plot(
        as_panel(observed[observed["datetime_utc"] <= _origin(predictions)]),
        _as_forecast(predictions).join(actual),
        series=2,
        timezone=source.profile.timezone,
        title=f"Forecast from {_origin(predictions):%Y-%m-%d %H:%M} UTC, and what was observed "
        f"(source={source.name})",
    )


def horizon_picture(errors: pd.DataFrame, source: str) -> bytes:
    """Errors by hours ahead: a line for each column of `scoring.errors_by_horizon`."""
    lines = {str(name): errors[name] for name in errors}
    return error_by_horizon_plot(lines, title=f"Error by hours ahead (source={source})")


def search_picture(result: TuningResult, key: str, source: str) -> bytes:
    """The trials of the search at the hour `key`, beside the seasonal naives."""
    return trials_plot(
        result.trials_table(),
        result.baseline_scores,
        title=f"Hyperparameter search at {key} UTC (source={source})",
        metric=result.metric,
    )


def weather_picture(
    observed: pd.DataFrame, ahead: pd.DataFrame, source: Source, weather_source: str
) -> bytes:
    """The temperature forecast for the hours `ahead`, beside what was `observed` before.

    Both are rows of `schemas.WEATHER`; of several rows of an hour, the last one is drawn.
    """
    index = ["area", "datetime_utc"]
    observed = observed.drop_duplicates(index, keep="last").set_index(index).sort_index()
    forecast = ahead.rename(columns={"temperature": "forecast"}).set_index(index).sort_index()
    return forecast_plot(
        observed[["temperature"]],
        forecast[["forecast"]],
        timezone=source.profile.timezone,
        unit="degrees C",
        title=f"Temperature, {ahead['horizon'].max()} hours ahead (source={weather_source})",
    )


def _temperature(
    weather: pd.DataFrame | None, predictions: pd.DataFrame
) -> dict[tuple[object, ...], pd.Series]:
    """The temperature of the area of each series, up to the end of its forecast."""
    if weather is None or weather.empty:
        return {}
    until = predictions["datetime_utc"].max()
    areas = {
        area: rows.droplevel(0).loc[:until]
        for area, rows in weather["temperature"].groupby(level=0)
    }
    series = predictions[list(SERIES_KEY)].drop_duplicates().itertuples(index=False, name=None)
    return {key: areas[key[0]] for key in series if key[0] in areas}


def _as_forecast(predictions: pd.DataFrame) -> pd.DataFrame:
    renamed = predictions.rename(columns={TARGET: "forecast"}).set_index(list(PRIMARY_KEY))
    drawn = renamed[["forecast", "lower", "upper"]]
    effect = renamed["weather_effect"]
    if effect.isna().all():
        return drawn
    return drawn.assign(usual_weather=drawn["forecast"] - effect)


def _origin(predictions: pd.DataFrame) -> pd.Timestamp:
    return predictions["origin"].iloc[0]
