"""From the source to the feature group: raw_consumption, feature_group."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from energy_assets.assets import checks
from energy_assets.assets.metadata import (
    INGESTION,
    LOADING_RUNS,
    column_schema,
    rows_per_hour,
    text_schema,
)
from energy_assets.contract.completeness import missing_rows
from energy_assets.contract.quarantine import store_quarantine
from energy_assets.contract.record_log import by_requested_hour, seen
from energy_assets.contract.row_versions import new_versions, row_versions
from energy_assets.contract.rules import mostly_invalid_hours, reason_to_reject
from energy_assets.errors import ContractError
from energy_assets.forecasts.versions import issued_without
from energy_assets.partitions import hour_of, hours_of, split_by_hour
from energy_assets.schemas import CONSUMPTION_VERSIONS
from energy_assets.settings import Settings, utc_now
from energy_assets.sources import Source, fetch_published
from energy_assets.stores.feature_store import FeatureStore
from energy_assets.stores.object_store import ObjectStore


@dg.asset(
    **INGESTION,
    backfill_policy=LOADING_RUNS,
    kinds={"python", "parquet"},
    io_manager_key="record_log_io_manager",
)
def raw_consumption(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    source: dg.ResourceParam[Source],
    object_store: dg.ResourceParam[ObjectStore],
) -> dg.MaterializeResult:
    """All records ever published for an hour, exactly as published, with every value as text.

    Partition `2023-03-01-10:00` is a log of the records with a time from 10:00 to 10:59 UTC, each
    with the time when it was first seen. Fetching the hour again adds what is new or changed. If
    nothing has been published for an hour, its file is empty.
    """
    start, end = hours_of(context.partition_time_window)
    records = fetch_published(source, start, end)
    seen_at = utc_now()
    issued = issued_without(object_store, start, end, settings.days_export)
    hours = {
        key: seen(rows, hour_of(key), seen_at, late=hour_of(key) in issued)
        for key, rows in by_requested_hour(records, source.profile, context.partition_keys).items()
    }
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
    backfill_policy=LOADING_RUNS,
    kinds={"python", "deltalake"},
    io_manager_key="feature_group_io_manager",
    check_specs=[checks.CONTRACT, checks.REQUESTED_HOURS, checks.COMPLETE],
    metadata={"dagster/column_schema": column_schema(CONSUMPTION_VERSIONS)},
)
def feature_group(
    context: dg.AssetExecutionContext,
    raw_consumption: dict[str, pd.DataFrame],
    source: dg.ResourceParam[Source],
    feature_store: dg.ResourceParam[FeatureStore],
    object_store: dg.ResourceParam[ObjectStore],
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    """Clean rows of an hour, in kWh: every version of each, with the time when it was known.

    Partition `2023-03-01-10:00` holds the rows of each series with `datetime_utc` 10:00. Readers
    get the newest version that was known by a time. Records that break the contract go to the
    quarantine with the reason. If more than half of an hour's records break it, nothing of that
    hour is written, and the check fails.
    """
    start, end = hours_of(context.partition_time_window)
    judged = row_versions(raw_consumption, source.profile)
    rejection = reason_to_reject(judged.newest)
    contract = checks.contract(judged.newest, rejection, context.partition_keys)
    rejected = mostly_invalid_hours(judged.newest)
    if len(rejected) == len(context.partition_keys):
        yield contract  # so that the failed check is recorded although the asset fails
        raise ContractError(rejection)

    stored = feature_store.read_versions(start, end)
    versions, stored, rows = (
        frame[~frame["datetime_utc"].isin(rejected)]
        for frame in (judged.versions, stored, judged.newest.rows)
    )
    quarantine = judged.quarantine
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
        value=new_versions(versions, stored, utc_now()),
        metadata={
            "source": source.name,
            "series expected": expected,
            "quarantined in the run": len(quarantine),
            **checks.run_hours(context.partition_keys),
        },
        check_results=[
            contract,
            checks.requested_hours(quarantine, context.partition_keys),
            checks.complete(missing, expected, context.partition_keys),
        ],
    )
