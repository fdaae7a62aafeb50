"""The forecast of an hour, and its publication: predictions_parquet, published_forecast."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache, partial
from typing import Any

import dagster as dg
import pandas as pd

from energy_assets.assets import checks
from energy_assets.assets.metadata import (
    DAILY_RUNS,
    FORECASTING,
    column_schema,
    forecast_page,
    picture,
    rows_per_hour,
    table,
    tracked,
)
from energy_assets.errors import StorageError
from energy_assets.forecasting.doubts.treatment import doubts
from energy_assets.forecasts.course_files import course_tables, observation_tables
from energy_assets.forecasts.publishing import Published, publish
from energy_assets.forecasts.quality import rung
from energy_assets.forecasts.versions import last_before, newest, read_versions
from energy_assets.io_managers.model import PromotedModels
from energy_assets.partitions import HORIZON, due, hour_of, key_of, window_of
from energy_assets.schemas import CONSUMPTION_VERSIONS, PREDICTIONS, TARGET, as_panel
from energy_assets.settings import Settings, utc_now
from energy_assets.sources import Source
from energy_assets.stores.feature_store import FeatureStore
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.weather import KnownWeather
from energy_assets.time_limit import within
from energy_assets.tracking import Tracking, records
from energy_assets.workers import in_turn, open_workers

_DOUBTS_SHOWN = 20
"""Runs of doubtful hours that the UI shows, the longest first."""


@dg.asset(
    **FORECASTING,
    backfill_policy=DAILY_RUNS,
    kinds={"sktime", "parquet"},
    io_manager_key="predictions_io_manager",
    # It reads the same window of hours, but from the feature store: a forecast needs no training
    # dataset.
    deps=["feature_view", "weather"],
    check_specs=[checks.FROM_THIS_MODEL, checks.ON_TIME],
    metadata={"dagster/column_schema": column_schema(PREDICTIONS)},
)
def predictions_parquet(
    context: dg.AssetExecutionContext,
    model: dict[str, PromotedModels],
    settings: dg.ResourceParam[Settings],
    source: dg.ResourceParam[Source],
    feature_store: dg.ResourceParam[FeatureStore],
    object_store: dg.ResourceParam[ObjectStore],
    tracking: dg.ResourceParam[Tracking],
) -> dg.MaterializeResult:
    """Forecasts of every series for the 24 hours after an hour, with quantiles.

    Partition `2023-03-10-21:00` is made from what was known of the hours up to 21:00. It holds the
    forecasts for 22:00 that day to 21:00 the next. They come from the newest promoted model at or
    before that hour; failing that, from the seasonal naive; failing that, from the forecast before.
    `quality` says which. Making another forecast for the hour adds a version, told by `made_at`.
    """
    # LightGBM and matplotlib take seconds to import.
    from energy_assets.forecasts.fallback import Limits, forecast
    from energy_assets.forecasts.pictures import forecast_picture

    limits = Limits(
        HORIZON, timedelta(hours=settings.model_max_age_hours), settings.forecast_patience_seconds
    )
    observed: dict[str, pd.DataFrame] = {}
    forecasts: dict[str, pd.DataFrame] = {}

    def histories(key: str) -> list[Callable[[], pd.DataFrame]]:
        """What reads the history of each shard."""
        hour, shards = hour_of(key), _shards(feature_store)
        window, known_by = window_of(hour, settings.days_export), due(hour, settings.days_delay)
        if shards > 1:
            return [
                partial(feature_store.read, *window, known_by, shard) for shard in range(shards)
            ]

        def read() -> pd.DataFrame:
            observed[key] = rows = feature_store.read(*window, known_by)
            return rows

        return [read]

    weather = KnownWeather(object_store, [hour_of(key) for key in context.partition_keys], settings)

    @cache
    def draw(key: str) -> bytes | None:
        if _shards(feature_store) > 1:
            # The series of one shard are enough for a picture.
            observed[key] = histories(key)[0]()
        if key not in observed:
            return None
        known = weather.at(hour_of(key), HORIZON)
        return forecast_picture(observed[key], forecasts[key], source, known)

    for key in context.partition_keys:
        origin = hour_of(key)
        reads = histories(key)
        with open_workers(settings, len(reads)) as apply:
            made = forecast(
                origin,
                reads,
                model[key],
                partial(last_before, object_store, origin),
                limits,
                apply,
                partial(weather.at, origin, HORIZON),
            )
        forecasts[key] = rows = made.assign(made_at=pd.Timestamp(utc_now()))
        record = tracking.log(partial(records.forecast, key, rows, partial(draw, key)))
        context.add_asset_metadata(
            {
                "quality": rung(rows),
                "model_version": rows["model_version"].iloc[0],
                "page": forecast_page(settings, origin),
                "total of the day ahead (MWh)": round(float(rows[TARGET].sum()) / 1000, 1),
                **_doubtful(observed.get(key)),
                **tracked(record),
            },
            partition_key=key,
        )
    rows_per_hour(context, forecasts)
    newest_key = context.partition_keys[-1]
    if png := draw(newest_key):
        context.add_asset_metadata({"forecast": picture(png)}, partition_key=newest_key)
    qualities = {key: rung(rows) for key, rows in forecasts.items()}
    times = {key: rows["made_at"].iloc[0].to_pydatetime() for key, rows in forecasts.items()}
    return dg.MaterializeResult(
        value=forecasts,
        metadata={"source": source.name},
        check_results=[checks.from_this_model(qualities), checks.on_time(times, settings)],
    )


def _doubtful(observed: pd.DataFrame | None) -> dict[str, Any]:
    """The hours of the history that the forecast does not believe, and why; empty if none."""
    if observed is None or observed.empty:
        return {}
    found = doubts(as_panel(observed))
    if found.empty:
        return {}
    longest = found.sort_values("hours", ascending=False, kind="stable").head(_DOUBTS_SHOWN)
    return {"doubtful hours": int(found["hours"].sum()), "doubtful history": table(longest)}


@dg.asset(
    **{**FORECASTING, "dagster_type": dg.Nothing},
    backfill_policy=DAILY_RUNS,
    kinds={"parquet", "json"},
    deps=[predictions_parquet],
)
def published_forecast(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    source: dg.ResourceParam[Source],
    feature_store: dg.ResourceParam[FeatureStore],
    object_store: dg.ResourceParam[ObjectStore],
) -> dg.MaterializeResult:
    """The newest forecast under the names that consumers read, from its stored file.

    Partition `2023-03-10-21:00` publishes the forecast of that hour, unless a newer one is
    published already. A run over several hours publishes the newest of them. `newest.json` names
    what is published and moves forward in one step, so readers never pair two origins. Running it
    again publishes scores and observations that were missing before.
    """
    origin = hour_of(context.partition_keys[-1])
    version = newest(read_versions(object_store, origin))

    def read(shard: int) -> pd.DataFrame:
        window = window_of(origin, settings.days_export)
        known_by = due(origin, settings.days_delay)
        return feature_store.read(*window, known_by, shard, CONSUMPTION_VERSIONS)

    def publish_with(observed: pd.DataFrame, shards: int = 1, complete: bool = True) -> Published:
        tables = course_tables(object_store, version, observed, source.profile)
        others = [partial(read, shard) for shard in range(1, shards)]

        def cut(read: Callable[[], pd.DataFrame]) -> dict[str, pd.DataFrame]:
            return observation_tables(read(), source.profile)

        further = partial(in_turn, cut, others)
        return publish(object_store, version, tables, source.name, complete, further)

    patience, shards = settings.forecast_patience_seconds, _shards(feature_store)
    try:
        published = publish_with(within(patience, partial(read, 0)), shards)
    except StorageError as error:
        # Consumers get the forecast all the same, without the history beside it.
        context.log.warning(f"published without observations: {error}")
        columns = CONSUMPTION_VERSIONS.dtypes
        nothing = pd.DataFrame(columns=list(columns)).astype(columns)
        published = publish_with(nothing, complete=False)
    return dg.MaterializeResult(
        metadata={
            "source": source.name,
            "origin": key_of(published.origin),
            "made at": f"{published.made_at:%Y-%m-%d %H:%M:%S} UTC",
            "quality": published.quality,
            "model_version": published.model_version,
            "page": forecast_page(settings, published.origin),
            "published by this run": published.origin == origin,
        }
    )


def _shards(feature_store: FeatureStore) -> int:
    """The shards of the store; one if it cannot be read, and reading it then says why."""
    try:
        return feature_store.shards
    except StorageError:
        return 1
