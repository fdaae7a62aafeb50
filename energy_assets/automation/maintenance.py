"""Upkeep of the feature store: compact small files, and remove what is no longer needed."""

import dagster as dg

from energy_assets.settings import Settings
from energy_assets.stores.feature_store import FeatureStore


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


@dg.job(description="Compacts the feature store and removes what no training dataset needs")
def maintenance_job() -> None:
    """Runs every night, while the hourly runs go on."""
    compact_and_vacuum()
