"""What is known of the weather: weather."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial

import dagster as dg
import pandas as pd

from energy_assets.assets.metadata import (
    INGESTION,
    LOADING_RUNS,
    column_schema,
    picture,
    rows_per_hour,
)
from energy_assets.contract.quarantine import store_quarantine
from energy_assets.contract.weather_rules import FOLDER, validate_weather
from energy_assets.partitions import hour_of, key_of
from energy_assets.schemas import WEATHER
from energy_assets.settings import Settings
from energy_assets.sources import Source
from energy_assets.sources.weather import COLUMNS, WeatherSource
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.weather import weather_as_of
from energy_assets.time_limit import within

DAYS_DRAWN = 3


@dg.asset(
    **INGESTION,
    backfill_policy=LOADING_RUNS,
    kinds={"python", "parquet"},
    io_manager_key="weather_io_manager",
    # It reads nothing of the hour. But if it were a second root of the graph, Dagster's backfill of
    # some hours would reach monitoring_metrics by way of the forecasts alone, and score the hours
    # of the day after as well.
    deps=["feature_group"],
    metadata={"dagster/column_schema": column_schema(WEATHER)},
)
def weather(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    source: dg.ResourceParam[Source],
    weather_source: dg.ResourceParam[WeatherSource],
    object_store: dg.ResourceParam[ObjectStore],
) -> dg.MaterializeResult:
    """The weather that was observed in an hour, and forecast for the 48 hours after it, by area.

    Partition `2023-03-01-10:00` holds the observations of 10:00, and of earlier hours that became
    known lately, with the newest forecast that had been issued by then for 11:00 that day to 10:00
    two days later. Running the hour again adds observations, and leaves the forecast as it was.

    If the source fails, the hour is stored without weather, for a forecast can be made without.
    Values that cannot be true go to the quarantine with the reason.
    """
    published, problem = _fetch(context, weather_source, settings.forecast_patience_seconds)
    validated = validate_weather(published, weather_source.areas)
    quarantine = validated.quarantine
    if len(quarantine):
        context.log.warning("%d weather records are in quarantine", len(quarantine))
    store_quarantine(
        object_store, quarantine, context.partition_keys, {"source": weather_source.name}, FOLDER
    )
    rows = validated.rows
    rows_per_hour(context, rows)
    for key, known in rows.items():
        context.add_asset_metadata(dict(_figures(known)), partition_key=key)
    if png := _drawn(context, object_store, rows, source, weather_source.name):
        context.add_asset_metadata(
            {"temperature": picture(png)}, partition_key=context.partition_keys[-1]
        )
    return dg.MaterializeResult(
        value=rows,
        metadata={
            "source": weather_source.name,
            "quarantined in the run": len(quarantine),
            **({"terms": weather_source.terms} if weather_source.terms else {}),
            **({"why weather is missing": problem} if problem else {}),
        },
    )


def _fetch(
    context: dg.AssetExecutionContext, weather_source: WeatherSource, patience: float
) -> tuple[dict[datetime, pd.DataFrame], str | None]:
    """What the source says of each hour, and why it says nothing from some hour on.

    After the first failure it is not asked again: it would fail as well, and take as long.
    """
    nothing = pd.DataFrame(columns=list(COLUMNS), dtype="object")
    hours = dict.fromkeys(map(hour_of, context.partition_keys), nothing)
    hour = min(hours)
    try:
        for hour in hours:
            hours[hour] = within(patience, partial(weather_source.fetch, hour))
    except Exception as error:  # whatever it is, the run goes on
        context.log.warning("there is no weather from %s on: %s", key_of(hour), error)
        return hours, f"from {key_of(hour)} on: {error}"
    return hours, None


def _figures(rows: pd.DataFrame) -> Iterator[tuple[str, float | str]]:
    """What the UI shows of the rows of an hour."""
    horizon, temperature = rows["horizon"].to_numpy(), rows["temperature"].to_numpy()
    observed, day_ahead = horizon == 0, (horizon > 0) & (horizon <= 24)
    if observed.any():
        yield "temperature observed (degrees C)", round(float(temperature[observed].mean()), 1)
    if day_ahead.any():
        mean = float(temperature[day_ahead].mean())
        yield "temperature of the day ahead (degrees C)", round(mean, 1)
        yield "forecast issued", f"{rows['issued_at'][horizon > 0].max():%Y-%m-%d %H:%M} UTC"


def _drawn(
    context: dg.AssetExecutionContext,
    objects: ObjectStore,
    rows: Mapping[str, pd.DataFrame],
    source: Source,
    name: str,
) -> bytes | None:
    """The temperature of the last days, and of the hours after the newest one.

    None if there is nothing to draw, or if it fails, which is no reason to stop.
    """
    try:
        newest = list(rows)[-1]
        ahead = rows[newest][rows[newest]["horizon"] > 0]
        stored = weather_as_of(objects, hour_of(newest), DAYS_DRAWN, horizon=0).reset_index()
        known = pd.concat([stored, *list(rows.values())[-24 * DAYS_DRAWN :]])
        observed = known[known["horizon"] == 0]
        if ahead.empty or observed.empty:
            return None
        # matplotlib takes seconds to import.
        from energy_assets.forecasts.pictures import weather_picture

        return weather_picture(observed, ahead, source, name)
    except Exception as error:
        context.log.warning("the weather is not drawn: %s", error)
        return None
