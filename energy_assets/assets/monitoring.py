"""Forecasts against observations: monitoring_metrics."""

from datetime import timedelta

import dagster as dg

from energy_assets.assets.metadata import (
    CHEAP,
    FORECASTS,
    column_schema,
    hours_of,
    picture,
    rows_per_hour,
    table,
)
from energy_assets.frames import Frame
from energy_assets.io_managers.parquet import MAY_BE_MISSING
from energy_assets.partitions import day_before, split_by_hour
from energy_assets.schemas import MONITORING
from energy_assets.stores.feature_store import FeatureStore

WEEK = timedelta(days=7)


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
    feature_store: dg.ResourceParam[FeatureStore],
) -> dg.MaterializeResult:
    """What was observed in an hour against every forecast made for it in the 24 hours before.

    Partition `2023-03-11-21:00` holds, for each series, the observation of 21:00 beside the
    forecasts made from 21:00 the day before (24 hours ahead) to 20:00 (one hour ahead): up to 24
    rows a series. Hours in which no forecast was made are left out.
    """
    from energy_assets.forecasting.monitoring import errors_by_horizon, score_forecasts
    from energy_assets.pictures import horizon_picture

    start, end = hours_of(context)
    scored = score_forecasts(feature_group, predictions_parquet.values())
    hours = split_by_hour(scored, scored["datetime_utc"], context.partition_keys)
    rows_per_hour(context, hours)
    if scored.empty:
        return dg.MaterializeResult(value=hours, metadata={"forecasts scored": 0})

    for key, rows in hours.items():
        context.add_asset_metadata(
            {
                "MAPE": float(rows.groupby(["area", "consumer_type"])["ape"].mean().mean()),
                "coverage of the 80 % interval": float(rows["covered"].mean()),
            },
            partition_key=key,
        )
    by_horizon = errors_by_horizon(scored, feature_store.read(start - WEEK, end))
    by_series = scored.groupby(["area", "consumer_type"])["ape"].mean().rename("MAPE")
    return dg.MaterializeResult(
        value=hours,
        metadata={
            "forecasts scored": len(scored),
            "error by horizon": picture(horizon_picture(by_horizon)),
            "worst series": table(by_series.nlargest(10).reset_index()),
        },
    )
