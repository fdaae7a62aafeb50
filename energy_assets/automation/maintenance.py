"""The upkeep of the feature store: small files made large, what nobody needs removed."""

import dagster as dg

from energy_assets.settings import Settings
from energy_assets.stores.feature_store import FeatureStore


@dg.op(pool="feature_group", description="Compacts and vacuums the table of the feature group")
def compact_and_vacuum(
    context: dg.OpExecutionContext,
    feature_store: dg.ResourceParam[FeatureStore],
    settings: dg.ResourceParam[Settings],
) -> None:
    """Keep the table as it is, and the newest `TRAINING_DATASETS_KEPT` training datasets."""
    done = feature_store.maintain(settings.training_datasets_kept)
    context.log.info(", ".join(f"{what}: {count}" for what, count in done.items()))
    context.add_output_metadata(dict(done))


@dg.job(description="Compacts the feature store and removes what no training dataset needs")
def maintenance_job() -> None:
    """Runs once a day; the hours go on meanwhile, as writers take turns."""
    compact_and_vacuum()
