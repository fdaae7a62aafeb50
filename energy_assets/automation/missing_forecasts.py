"""Which models have no forecast yet, and which hours will get one, from Dagster's events."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from energy_assets.automation.jobs import hourly_job
from energy_assets.forecasts.versions import ASSET
from energy_assets.io_managers.model import VERSION
from energy_assets.partitions import HOUR, hour_of, hourly, key_of

MODEL, PREDICTIONS = dg.AssetKey("model"), dg.AssetKey(ASSET)
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def unforecast_models(
    context: dg.SensorEvaluationContext, after_event: int
) -> Iterator[tuple[str, str | None, int]]:
    """New models in the order of training: partition key, version, event.

    The version is None for a model that needs no request: it has had a forecast since, or is not
    of a partition. A model whose own run has yet to forecast ends the iteration, so that the next
    tick looks at it again.
    """
    new_models = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=MODEL, after_storage_id=after_event),
        limit=100,
        ascending=True,
    )
    for record in new_models.records:
        key, event = record.partition_key, record.asset_materialization
        version = None
        if key is None or event is None or not hourly.has_partition_key(key):
            context.log.warning(f"no forecast for a model of {key}: it is not a partition")
        elif not _was_forecast_since(context.instance, key, record.storage_id):
            if _will_forecast(context.instance, record.run_id):
                return
            metadata = event.metadata
            version = str(metadata[VERSION].value) if VERSION in metadata else "untrained"
        yield key or "", version, record.storage_id


def covered_by_a_run(instance: dg.DagsterInstance, job_name: str | None = None) -> set[str]:
    """The partitions that a run in progress will forecast; `job_name` leaves out other jobs."""
    keys: set[str] = set()
    filters = dg.RunsFilter(statuses=UNFINISHED, job_name=job_name)
    for run in instance.get_runs(filters, limit=100):
        if not _forecasts(run):
            continue
        key = run.tags.get("dagster/partition")
        first = run.tags.get("dagster/asset_partition_range_start", key)
        last = run.tags.get("dagster/asset_partition_range_end", key)
        if first and last:
            count = (hour_of(last) - hour_of(first)) // HOUR + 1
            keys |= {key_of(hour_of(first) + number * HOUR) for number in range(count)}
    return keys


def has_failed(instance: dg.DagsterInstance, key: str) -> bool:
    """Whether the newest hourly run of a partition has ended, so that nobody forecasts it."""
    runs = instance.get_runs(
        dg.RunsFilter(job_name=hourly_job.name, tags={"dagster/partition": key}), limit=1
    )
    return bool(runs) and runs[0].is_finished


def _was_forecast_since(instance: dg.DagsterInstance, key: str, storage_id: int) -> bool:
    later = dg.AssetRecordsFilter(
        asset_key=PREDICTIONS, asset_partitions=[key], after_storage_id=storage_id
    )
    return bool(instance.fetch_materializations(later, limit=1).records)


def _will_forecast(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a run is still going and will make the forecast itself."""
    run = instance.get_run_by_id(run_id)
    return run is not None and not run.is_finished and _forecasts(run)


def _forecasts(run: dg.DagsterRun) -> bool:
    if run.asset_selection:
        return PREDICTIONS in run.asset_selection
    return run.job_name in (hourly_job.name, "prediction_job")
