"""Forecasts against observations: monitoring_metrics."""

from datetime import datetime
from functools import partial
from math import isfinite

import dagster as dg
import pandas as pd

from energy_assets.assets.metadata import (
    FORECASTING,
    SINGLE_RUN,
    accuracy_page,
    column_schema,
    picture,
    rows_per_hour,
    table,
    tracked,
)
from energy_assets.forecasting.models.seasonal_naive import SEASONAL_NAIVES
from energy_assets.forecasts.scoring import errors_by_horizon, interval_scores, score_forecasts
from energy_assets.forecasts.versions import first_issued, read_if_possible, read_issued
from energy_assets.partitions import (
    DAY,
    HORIZON,
    HOUR,
    WEEK,
    hour_of,
    hours_of,
    split_by_hour,
)
from energy_assets.schemas import MONITORING, PRIMARY_KEY, SERIES_KEY
from energy_assets.settings import Settings
from energy_assets.sources import Source
from energy_assets.stores.feature_store import FeatureStore
from energy_assets.stores.object_store import ObjectStore
from energy_assets.tracking import Tracking, records

day_before = dg.TimeWindowPartitionMapping(
    start_offset=-HORIZON, end_offset=-1, allow_nonexistent_upstream_partitions=True
)
"""Hour K depends on the 24 hours before K: the origins from which K was forecast."""

_INTERVAL_SCORES = {
    "coverage": "coverage of the 80 % interval",
    "pinball": "pinball loss / consumption",
    "above_q95": "above the 95 % quantile",
    "above_q99": "above the 99 % quantile",
}
"""Their names in the UI."""


@dg.asset(
    **FORECASTING,
    backfill_policy=SINGLE_RUN,
    kinds={"pandas", "parquet"},
    io_manager_key="parquet_io_manager",
    # Of these forecasts it reads the rows of its own hours only.
    deps=[dg.AssetDep("predictions_parquet", partition_mapping=day_before)],
    metadata={"dagster/column_schema": column_schema(MONITORING)},
)
def monitoring_metrics(
    context: dg.AssetExecutionContext,
    feature_group: pd.DataFrame,
    settings: dg.ResourceParam[Settings],
    source: dg.ResourceParam[Source],
    feature_store: dg.ResourceParam[FeatureStore],
    object_store: dg.ResourceParam[ObjectStore],
    tracking: dg.ResourceParam[Tracking],
) -> dg.MaterializeResult:
    """The observations of an hour against every forecast made for it in the 24 hours before.

    Partition `2023-03-11-21:00` holds, for each series, the observation of 21:00 beside the
    forecasts made from 21:00 the day before (24 hours ahead) to 20:00 (one hour ahead): up to 24
    rows per series. Origins without a forecast are left out.
    """
    start, end = hours_of(context.partition_time_window)
    # Later versions knew more than the forecast that was issued in time.
    first = start - HORIZON * HOUR
    origins = [first + number * HOUR for number in range((end - HOUR - first) // HOUR)]
    issued = read_issued(object_store, origins, start, end)
    scored = score_forecasts(feature_group, issued)
    hours = split_by_hour(scored, scored["datetime_utc"], context.partition_keys)
    rows_per_hour(context, hours)
    for key, rows in hours.items():
        if len(rows):
            scores = {
                "MAPE": round(float(_mape_by_series(rows).mean()), 5),
                **{
                    _INTERVAL_SCORES[name]: round(score, 5)
                    for name, score in interval_scores(rows).items()
                    if isfinite(score)
                },
                "page": accuracy_page(settings, hour_of(key) - DAY + HOUR, hour_of(key) + HOUR),
            }
            context.add_asset_metadata(scores, partition_key=key)

    newest = context.partition_keys[-1]
    if len(hours[newest]):
        from energy_assets.forecasts.pictures import horizon_picture, outcome_picture

        # With many series, those of one shard are enough for a picture.
        divided = feature_store.shards > 1
        shown = feature_store.read(start - WEEK - DAY, end, shard=0 if divided else None)
        observed = _observed(feature_store, start, end) if divided else shown
        by_horizon = errors_by_horizon(hours[newest], observed)
        pictures = {"error by horizon": horizon_picture(by_horizon, source.name)}
        a_day_ago = read_if_possible(object_store, hour_of(newest) - DAY)
        if a_day_ago is not None:
            pictures["forecast a day ago against observations"] = outcome_picture(
                shown, first_issued(a_day_ago), source
            )
        record = tracking.log(partial(records.monitoring, newest, scored, observed, pictures))
        context.add_asset_metadata(
            {
                **{name: picture(png) for name, png in pictures.items()},
                "worst series": table(_mape_by_series(hours[newest]).nlargest(10).reset_index()),
                **tracked(record),
            },
            partition_key=newest,
        )
    return dg.MaterializeResult(value=hours, metadata={"source": source.name})


def _observed(feature_store: FeatureStore, start: datetime, end: datetime) -> pd.DataFrame:
    """The observations of [start, end), and those that the seasonal naives forecast them with."""
    seasons = [0, *(naive.season for naive in SEASONAL_NAIVES)]
    rows = [feature_store.read(start - n * HOUR, end - n * HOUR) for n in seasons]
    return pd.concat(rows).drop_duplicates(list(PRIMARY_KEY), ignore_index=True)


def _mape_by_series(scored: pd.DataFrame) -> pd.Series:
    return scored.groupby(list(SERIES_KEY))["ape"].mean().rename("MAPE")
