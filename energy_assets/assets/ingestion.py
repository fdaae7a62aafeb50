"""From the source to the feature group: raw_consumption, feature_group."""

import dagster as dg

from energy_assets.assets import checks
from energy_assets.assets.metadata import (
    INGESTION,
    SINGLE_RUN,
    column_schema,
    hours_of,
    rows_per_hour,
    text_schema,
)
from energy_assets.contract.completeness import missing_rows
from energy_assets.contract.quarantine import keep
from energy_assets.frames import Frame
from energy_assets.partitions import hour_of, split_by_hour
from energy_assets.schemas import CONSUMPTION
from energy_assets.sources import Source, fetch_published
from energy_assets.stores.feature_store import FeatureStore
from energy_assets.stores.object_store import ObjectStore


@dg.asset(
    **INGESTION,
    backfill_policy=SINGLE_RUN,
    kinds={"python", "parquet"},
    io_manager_key="parquet_io_manager",
    check_specs=[checks.CONTRACT],
)
def raw_consumption(
    context: dg.AssetExecutionContext, source: dg.ResourceParam[Source]
) -> dg.MaterializeResult:
    """The records of an hour exactly as published: every column as text, nothing left out.

    Partition `2023-03-01-10:00` holds the records whose time is from 10:00 to 10:59 UTC. An hour
    for which nothing was published, or nothing yet, has an empty file. Where more than half of an
    hour's records break the contract the check fails, and the run stops before anything is made of
    them.
    """
    from energy_assets.contract.rules import clean

    start, end = hours_of(context)
    records = fetch_published(source, start, end)
    hours = split_by_hour(records, source.profile.hours(records), context.partition_keys)
    rows_per_hour(context, hours)
    return dg.MaterializeResult(
        value=hours,
        metadata={
            "source": source.name,
            "dataset": source.profile.dataset,
            "dagster/column_schema": text_schema(source.profile.columns),
        },
        check_results=[checks.contract(clean(records, source.profile), context.partition_keys)],
    )


@dg.asset(
    **INGESTION,
    backfill_policy=SINGLE_RUN,
    kinds={"python", "deltalake"},
    io_manager_key="feature_group_io_manager",
    check_specs=[checks.COMPLETE],
    metadata={"dagster/column_schema": column_schema(CONSUMPTION)},
)
def feature_group(
    context: dg.AssetExecutionContext,
    raw_consumption: dict[str, Frame],
    source: dg.ResourceParam[Source],
    feature_store: dg.ResourceParam[FeatureStore],
    object_store: dg.ResourceParam[ObjectStore],
) -> dg.MaterializeResult:
    """Clean rows of an hour, in kWh, upserted by (area, consumer_type, datetime_utc).

    Partition `2023-03-01-10:00` holds at most one row for each series, with `datetime_utc` 10:00.
    Records that break the contract go to the quarantine with the reason; the good rows go on.
    """
    import pandas as pd

    from energy_assets.contract.rules import clean, refuse

    start, end = hours_of(context)
    cleaned = clean(pd.concat(raw_consumption.values(), ignore_index=True), source.profile)
    refuse(cleaned)
    keep(object_store, cleaned.quarantine, context.partition_keys, {"source": source.name})
    missing, expected = missing_rows(feature_store, start, end, new=cleaned.rows)
    hours = split_by_hour(cleaned.rows, cleaned.rows["datetime_utc"], context.partition_keys)
    rows_per_hour(context, hours)
    for key, rows in hours.items():
        shown = {
            "series missing": int(missing[hour_of(key)]),
            "total (MWh)": round(float(rows["energy_consumption"].sum()) / 1000, 1),
        }
        context.add_asset_metadata(shown, partition_key=key)
    return dg.MaterializeResult(
        value=cleaned.rows,
        metadata={
            "source": source.name,
            "series expected": expected,
            "quarantined in the run": len(cleaned.quarantine),
            **checks.run_hours(context.partition_keys),
        },
        check_results=[checks.complete(missing, expected, context.partition_keys)],
    )
