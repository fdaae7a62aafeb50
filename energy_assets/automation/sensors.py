"""The sensors: a forecast for every new model, and repair of recent gaps."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import dagster as dg

from energy_assets.automation.jobs import hourly_job, prediction_job, range_tags, repair_job
from energy_assets.contract.completeness import missing_hours, ranges
from energy_assets.io_managers.model import VERSION
from energy_assets.partitions import hour_of, hourly, key_of
from energy_assets.settings import utc_now
from energy_assets.stores.feature_store import FeatureStore

REPAIR_WINDOW = timedelta(hours=72)
"""Gaps older than this are left to a backfill."""

REPAIR_INTERVAL = timedelta(hours=6)
"""How long after a request a gap that is still open is requested again."""

MODEL = dg.AssetKey("model")
PREDICTIONS = dg.AssetKey("predictions_parquet")


@dg.sensor(
    job=prediction_job,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests a forecast for every new model that has not yet made one",
)
def new_model_sensor(
    context: dg.SensorEvaluationContext,
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Request a forecast for the hour of every model trained since the last tick.

    It reads every event after its cursor, so it misses no model, however many are trained between
    two ticks. A model whose own run also forecasts, as the hourly job does, is left to it.
    """
    cursor = int(context.cursor) if context.cursor else 0
    requested, skip_reason = 0, "no model without a forecast has been trained since the last tick"
    new_models = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=MODEL, after_storage_id=cursor), limit=100, ascending=True
    )
    for record in new_models.records:
        key, event = record.partition_key, record.asset_materialization
        if key is None or event is None or not hourly.has_partition_key(key):
            context.log.warning(f"no forecast for a model of {key}: it is not a partition")
        elif not _was_forecast_since(context.instance, key, record.storage_id):
            if _will_forecast(context.instance, record.run_id):
                skip_reason = f"the run that trained the model of {key} has yet to forecast"
                break  # the next tick looks at it again
            requested += 1
            version = event.metadata[VERSION].value if VERSION in event.metadata else "untrained"
            yield dg.RunRequest(run_key=f"{key}/{version}/{record.storage_id}", partition_key=key)
        cursor = record.storage_id
    context.update_cursor(str(cursor))
    if not requested:
        yield dg.SkipReason(skip_reason)


def _was_forecast_since(instance: dg.DagsterInstance, key: str, storage_id: int) -> bool:
    later = dg.AssetRecordsFilter(
        asset_key=PREDICTIONS, asset_partitions=[key], after_storage_id=storage_id
    )
    return bool(instance.fetch_materializations(later, limit=1).records)


def _will_forecast(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a run is still going and will make the forecast itself."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return False
    if run.asset_selection:
        return PREDICTIONS in run.asset_selection
    return run.job_name == hourly_job.name


@dg.sensor(
    job=repair_job,
    minimum_interval_seconds=600,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests recent hours that are missing or incomplete",
)
def gap_repair_sensor(
    context: dg.SensorEvaluationContext, feature_store: dg.ResourceParam[FeatureStore]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Request one run for each gap of the last three days, over the range of its hours.

    The newest hour is left to the hourly schedule. A gap that stays open is requested again after
    six hours.
    """
    newest_key = hourly.get_last_partition_key()
    if newest_key is None:
        yield dg.SkipReason("there is no partition yet")
        return
    end = hour_of(newest_key)
    missing = missing_hours(feature_store, end - REPAIR_WINDOW, end)
    if missing is None:
        yield dg.SkipReason("the feature group has no recent rows: load the history")
        return
    now = utc_now()
    requested_at = json.loads(context.cursor) if context.cursor else {}
    recently = {
        key: time
        for key, time in requested_at.items()
        if now - datetime.fromisoformat(time) < REPAIR_INTERVAL
    }
    due = [hour for hour in missing if key_of(hour) not in recently]
    for first, last in ranges(due):
        yield dg.RunRequest(
            run_key=f"{key_of(first)}/{key_of(last)}/{now.isoformat()}",
            tags=range_tags(first, last),
        )
    context.update_cursor(json.dumps(recently | {key_of(hour): now.isoformat() for hour in due}))
    if not due:
        yield dg.SkipReason(f"{len(missing)} hours of the last three days have gaps; none is due")
