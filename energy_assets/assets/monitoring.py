"""Forecasts against observations: monitoring_metrics."""

from datetime import timedelta
from functools import partial

import dagster as dg

from energy_assets.assets.metadata import (
    CHEAP,
    FORECASTS,
    column_schema,
    hours_of,
    picture,
    rows_per_hour,
    table,
    tracked,
)
from energy_assets.frames import Frame
from energy_assets.io_managers.parquet import MAY_BE_MISSING
from energy_assets.partitions import day_before, hour_of, key_of, split_by_hour
from energy_assets.schemas import MONITORING, SERIES
from energy_assets.sources import Source
from energy_assets.stores.feature_store import FeatureStore
from energy_assets.tracking import Tracking

DAY, WEEK = timedelta(days=1), timedelta(days=7)


@dg.asset(
    **FORECASTS,
    backfill_policy=CHEAP,
    kinds={"pandas", "parquet"},
    io_manager_key="parquet_io_manager",
    ins={
        "predictions_parquet": dg.AssetIn(
            partition_mapping=day_before, metadata={MAY_BE_MISSING: True}
        )
    },
    metadata={"dagster/column_schema": column_schema(MONITORING)},
)
def monitoring_metrics(
    context: dg.AssetExecutionContext,
    feature_group: Frame,
    predictions_parquet: dict[str, Frame],
    source: dg.ResourceParam[Source],
    feature_store: dg.ResourceParam[FeatureStore],
    tracking: dg.ResourceParam[Tracking],
) -> dg.MaterializeResult:
    """What was observed in an hour against every forecast made for it in the 24 hours before.

    Partition `2023-03-11-21:00` holds, for each series, the observation of 21:00 beside the
    forecasts made from 21:00 the day before (24 hours ahead) to 20:00 (one hour ahead): up to 24
    rows a series. Hours in which no forecast was made are left out.
    """
    from energy_assets.forecasts.pictures import horizon_picture, outcome_picture
    from energy_assets.forecasts.scoring import errors_by_horizon, score_forecasts
    from energy_assets.tracking import records

    start, end = hours_of(context)
    scored = score_forecasts(feature_group, predictions_parquet.values())
    hours = split_by_hour(scored, scored["datetime_utc"], context.partition_keys)
    rows_per_hour(context, hours)
    for key, rows in hours.items():
        if len(rows):
            shown = {
                "MAPE": round(float(rows.groupby(list(SERIES))["ape"].mean().mean()), 5),
                "coverage of the 80 % interval": round(float(rows["covered"].mean()), 5),
            }
            context.add_asset_metadata(shown, partition_key=key)

    newest = context.partition_keys[-1]
    if len(hours[newest]):
        observed = feature_store.read(start - WEEK - DAY, end)
        by_horizon = errors_by_horizon(hours[newest], observed)
        worst = hours[newest].groupby(list(SERIES))["ape"].mean().rename("MAPE").nlargest(10)
        drawn = {"error by horizon": horizon_picture(by_horizon, source.name)}
        if (whole_day := key_of(hour_of(newest) - DAY)) in predictions_parquet:
            drawn["forecast a day ago against observations"] = outcome_picture(
                observed, predictions_parquet[whole_day], source.name
            )
        seen = tracking.log(partial(records.monitoring, newest, scored, observed, drawn))
        context.add_asset_metadata(
            {
                **{name: picture(png) for name, png in drawn.items()},
                "worst series": table(worst.reset_index()),
                **tracked(seen),
            },
            partition_key=newest,
        )
    return dg.MaterializeResult(value=hours, metadata={"source": source.name})
