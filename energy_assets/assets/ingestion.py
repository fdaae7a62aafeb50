"""From the source to the feature group: raw_consumption, feature_group."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from energy_assets.assets import checks
from energy_assets.assets.metadata import (
    INGESTION,
    SINGLE_RUN,
    column_schema,
    rows_per_hour,
    text_schema,
)
from energy_assets.contract.completeness import missing_rows
from energy_assets.contract.quarantine import store_quarantine
from energy_assets.contract.rules import reason_to_reject, validate_records
from energy_assets.errors import ContractError
from energy_assets.partitions import hour_of, hours_of, split_by_hour
from energy_assets.schemas import CONSUMPTION_VERSIONS, first_versions
from energy_assets.sources import Source, fetch_published
from energy_assets.stores.feature_store import FeatureStore
from energy_assets.stores.object_store import ObjectStore


@dg.asset(
    **INGESTION,
    backfill_policy=SINGLE_RUN,
    kinds={"python", "parquet"},
    io_manager_key="parquet_io_manager",
)
def raw_consumption(
    context: dg.AssetExecutionContext, source: dg.ResourceParam[Source]
) -> dg.MaterializeResult:
    """All records of an hour exactly as published, with every value as text.

    Partition `2023-03-01-10:00` holds the records with a time from 10:00 to 10:59 UTC. If nothing
    has been published for an hour, its file is empty.
    """
    start, end = hours_of(context.partition_time_window)
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
    )


@dg.asset(
    **INGESTION,
    backfill_policy=SINGLE_RUN,
    kinds={"python", "deltalake"},
    io_manager_key="feature_group_io_manager",
    check_specs=[checks.CONTRACT, checks.COMPLETE],
    metadata={"dagster/column_schema": column_schema(CONSUMPTION_VERSIONS)},
)
def feature_group(
    context: dg.AssetExecutionContext,
    raw_consumption: dict[str, pd.DataFrame],
    source: dg.ResourceParam[Source],
    feature_store: dg.ResourceParam[FeatureStore],
    object_store: dg.ResourceParam[ObjectStore],
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    """Clean rows of an hour, in kWh, upserted by (area, consumer_type, datetime_utc).

    Partition `2023-03-01-10:00` holds at most one row for each series, with `datetime_utc` 10:00.
    Records that break the contract go to the quarantine with the reason. If more than half of an
    hour's records break it, the check fails and the run writes nothing.
    """
    start, end = hours_of(context.partition_time_window)
    records = pd.concat(raw_consumption.values(), ignore_index=True)
    validated = validate_records(records, source.profile)
    rejection = reason_to_reject(validated)
    contract = checks.contract(validated, rejection, context.partition_keys)
    if rejection:
        yield contract  # so that the failed check is recorded although the asset fails
        raise ContractError(rejection)

    rows, quarantine = validated.rows, validated.quarantine
    store_quarantine(object_store, quarantine, context.partition_keys, {"source": source.name})
    missing, expected = missing_rows(feature_store, start, end, new=rows)
    hours = split_by_hour(rows, rows["datetime_utc"], context.partition_keys)
    rows_per_hour(context, hours)
    for key, rows_of_hour in hours.items():
        metadata = {
            "series missing": int(missing[hour_of(key)]),
            "total (MWh)": round(float(rows_of_hour["energy_consumption"].sum()) / 1000, 1),
        }
        context.add_asset_metadata(metadata, partition_key=key)
    yield dg.MaterializeResult(
        value=first_versions(rows),
        metadata={
            "source": source.name,
            "series expected": expected,
            "quarantined in the run": len(quarantine),
            **checks.run_hours(context.partition_keys),
        },
        check_results=[contract, checks.complete(missing, expected, context.partition_keys)],
    )
