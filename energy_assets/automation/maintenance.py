"""Upkeep: compact the feature store, and remove what is no longer needed, there and in Dagster."""

import time
from datetime import timedelta

import dagster as dg

from energy_assets.automation.retention import remove_old_runs
from energy_assets.forecasts.retention import remove_old_models, remove_old_publications
from energy_assets.partitions import hour_of, hourly
from energy_assets.settings import Settings, utc_now
from energy_assets.stores.feature_store import FeatureStore
from energy_assets.stores.leftovers import remove_leftovers
from energy_assets.stores.model_registry import ModelRegistry
from energy_assets.stores.object_store import ObjectStore

LEFTOVERS_KEPT = timedelta(days=1)
"""Unfinished files younger than this may still be written to."""


@dg.op(description="Compacts and vacuums the table of the feature group")
def compact_and_vacuum(
    context: dg.OpExecutionContext,
    feature_store: dg.ResourceParam[FeatureStore],
    settings: dg.ResourceParam[Settings],
) -> None:
    """Maintain the table. The newest `TRAINING_DATASETS_KEPT` training datasets stay readable."""
    counts = feature_store.maintain(settings.training_datasets_kept)
    context.log.info(", ".join(f"{name}: {count}" for name, count in counts.items()))
    context.add_output_metadata(dict(counts))


@dg.op(description="Removes what killed writers have left below STORAGE_ROOT")
def clean_up(context: dg.OpExecutionContext, settings: dg.ResourceParam[Settings]) -> None:
    """Remove unfinished files that are older than a day."""
    before = time.time() - LEFTOVERS_KEPT.total_seconds()
    removed = remove_leftovers(settings.storage_root, before)
    context.add_output_metadata({"leftovers removed": removed})


@dg.op(description="Removes old models that no kept forecast needs, and earlier publications")
def remove_old_objects(
    context: dg.OpExecutionContext,
    settings: dg.ResourceParam[Settings],
    model_registry: dg.ResourceParam[ModelRegistry],
    object_store: dg.ResourceParam[ObjectStore],
) -> None:
    """Models are kept for `MODELS_KEPT_DAYS`, and longer if a later forecast was made with them."""
    key = hourly.get_last_partition_key()
    if key is None:
        return
    before = hour_of(key) - timedelta(days=settings.models_kept_days)
    max_age = timedelta(hours=settings.model_max_age_hours)
    context.add_output_metadata(
        {
            "models removed": remove_old_models(model_registry, object_store, before, max_age),
            "published files removed": remove_old_publications(object_store),
        }
    )


@dg.op(description="Removes old runs of Dagster; the state of the partitions stays")
def forget_old_runs(context: dg.OpExecutionContext, settings: dg.ResourceParam[Settings]) -> None:
    """Remove runs that ended more than `RUNS_KEPT_DAYS` ago, with their events and logs."""
    before = utc_now() - timedelta(days=settings.runs_kept_days)
    removed = remove_old_runs(context.instance, before)
    context.add_output_metadata({"runs removed": removed})


@dg.job(description="Compacts the feature store and removes what is no longer needed")
def maintenance_job() -> None:
    """Runs every night, while the hourly runs go on. Each part is tried, whether others fail."""
    compact_and_vacuum()
    clean_up()
    remove_old_objects()
    forget_old_runs()
