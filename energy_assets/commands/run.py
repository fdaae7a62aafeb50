"""`make run`: forecast from an hour, and print the forecast with its scores."""

from __future__ import annotations

from datetime import datetime

from rich.table import Table

from energy_assets.commands.deployment import Deployment
from energy_assets.commands.execution import RunFailedError, execute
from energy_assets.commands.steps import Step, newest_hour, steps_to_forecast
from energy_assets.commands.terminal import console, print_errors, scored_forecasts
from energy_assets.forecasting.evaluation.scores import comparison
from energy_assets.forecasts.quality import rung
from energy_assets.forecasts.versions import newest, read_versions
from energy_assets.partitions import HORIZON, HOUR, due, key_of, window_of
from energy_assets.schemas import SERIES_KEY, TARGET
from energy_assets.settings import typed
from energy_assets.stores.files import write_whole
from energy_assets.stores.paths import hour_path
from energy_assets.stores.weather import KnownWeather


def run(deployment: Deployment, origin: datetime | None) -> None:
    """Forecast from `origin`, by default the newest hour, and print the result.

    If a run fails, the forecast is made from what is stored all the same, and the error is raised
    after it is printed.
    """
    origin = origin or newest_hour(deployment)
    console.print(
        f"[bold]Forecasting {HORIZON} hours from {key_of(origin)} UTC[/bold], {deployment}"
    )
    failure: RunFailedError | None = None
    try:
        if not execute(deployment, steps_to_forecast(deployment, origin)):
            console.print("Everything is up to date; nothing was run.")
    except RunFailedError as error:
        failure = error
        console.print(f"  a run failed: {error}")
        step = Step("prediction_job", origin, origin, "forecast from what is stored")
        execute(deployment, [step])
    _print_forecast(deployment, origin)
    if failure:
        raise failure


def _print_forecast(deployment: Deployment, origin: datetime) -> None:
    from energy_assets.forecasts.pictures import forecast_picture

    source, objects = deployment.source, deployment.object_store
    forecast = newest(read_versions(objects, origin))
    settings = deployment.settings
    window = window_of(origin, settings.days_export)
    known_by = due(origin, settings.days_delay)
    observed = deployment.feature_store.read(*window, known_by, shard=0)
    picture = deployment.folder / "forecast.png"
    weather = KnownWeather(objects, [origin], settings).at(origin, HORIZON)
    write_whole(picture, forecast_picture(observed, forecast, source, weather))

    quality, version = rung(forecast), forecast["model_version"].iloc[0]
    console.print()
    console.print(f"series   {len(forecast[list(SERIES_KEY)].drop_duplicates())}")
    console.print(f"origin   {key_of(origin)} UTC, the last hour known to the forecast")
    console.print(f"horizon  {HORIZON} hours, to {key_of(origin + HORIZON * HOUR)}")
    console.print(f"model    {version} (quality: {quality})")
    console.print(f"total    {forecast[TARGET].sum() / 1e6:,.1f} GWh in the day ahead")
    _print_holdout_scores(deployment, origin, version)
    _print_earlier_forecasts(deployment, origin)
    console.print()
    console.print(f"source   {source.name} ({source.profile.dataset})")
    console.print(f"files    {objects.url(hour_path('predictions_parquet', origin, 'parquet'))}")
    console.print(f"         {objects.url('predictions.parquet')} (the newest forecast)")
    console.print(f"picture  {picture}")
    console.print(f"next     {typed('serve')}: the forecast on a page, and over HTTP")
    console.print(f"         {typed('dev')}: the same in the Dagster UI, every hour")


def _print_holdout_scores(deployment: Deployment, origin: datetime, version: str) -> None:
    oldest = origin - deployment.settings.model_max_age_hours * HOUR
    models = deployment.model_registry.promoted(origin, oldest)
    model = next((model for model in models if model.version == version), None)
    if model is None:
        console.print("scores   none: this forecast does not come from a model")
        return
    table = Table(title="Model on days it had not seen", title_justify="left")
    for heading in ("", "MAPE", "median MAPE", "WAPE", "MASE"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, *scores in comparison(model.metrics).itertuples(index=False):
        table.add_row(str(name), *(f"{score:.4f}" for score in scores))
    console.print(table)


def _print_earlier_forecasts(deployment: Deployment, origin: datetime) -> None:
    scored = scored_forecasts(deployment, origin, origin)
    if scored.rows.empty:
        console.print(
            f"earlier  no forecast was made for {key_of(origin)}, so there is none to score"
        )
        return
    print_errors(scored, f"Forecasts made earlier for {key_of(origin)}")
