"""The jobs: which assets are made together, and the tags of a run over a range of hours."""

from datetime import datetime

import dagster as dg

from energy_assets.partitions import key_of

hourly_job = dg.define_asset_job(
    "hourly_job",
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets("best_config"),
    description="Process an hour from its records to its forecast, and score earlier forecasts",
)
ingestion_job = dg.define_asset_job(
    "ingestion_job",
    selection=dg.AssetSelection.assets("raw_consumption", "feature_group", "weather"),
    description="Load the records and the weather of an hour, or of a range of hours",
)
tuning_job = dg.define_asset_job(
    "tuning_job",
    selection=dg.AssetSelection.assets("feature_view", "best_config"),
    description="Search for the best configuration; costly, so it runs weekly and on demand",
)
prediction_job = dg.define_asset_job(
    "prediction_job",
    selection=dg.AssetSelection.assets("predictions_parquet", "published_forecast"),
    description="Forecast from an hour with the newest promoted model",
)
repair_job = dg.define_asset_job(
    "repair_job",
    selection=dg.AssetSelection.assets(
        "raw_consumption", "feature_group", "weather", "monitoring_metrics"
    ),
    description="Load hours whose records came late, and score the forecasts made for them",
)


def range_tags(first: datetime, last: datetime) -> dict[str, str]:
    """The tags that make one run materialise a range of partitions."""
    return {
        "dagster/asset_partition_range_start": key_of(first),
        "dagster/asset_partition_range_end": key_of(last),
    }
