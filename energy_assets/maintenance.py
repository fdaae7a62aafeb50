"""The upkeep of the feature store: small files made large, what nobody needs removed."""

import dagster as dg

from energy_assets.settings import settings
from energy_assets.stores.feature_store import FeatureStore
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.training_datasets import newest_references


@dg.op(pool="feature_group", description="Compacts and vacuums the table of the feature group")
def compact_and_vacuum(
    context: dg.OpExecutionContext,
    feature_store: dg.ResourceParam[FeatureStore],
    object_store: dg.ResourceParam[ObjectStore],
) -> None:
    """Keep the table as it is, and the newest `TRAINING_DATASETS_KEPT` training datasets."""
    kept = newest_references(object_store, settings().training_datasets_kept)
    done = {"training datasets kept": len(kept), **feature_store.maintain(kept)}
    context.log.info(", ".join(f"{what}: {count}" for what, count in done.items()))
    context.add_output_metadata(done)


@dg.job(description="Compacts the feature store and removes what no training dataset needs")
def maintenance_job() -> None:
    """Runs once a day; the hours go on meanwhile, as writers take turns."""
    compact_and_vacuum()


maintenance_schedule = dg.ScheduleDefinition(
    job=maintenance_job,
    cron_schedule="15 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night",
)
