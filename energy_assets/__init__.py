"""Hourly forecasts of electricity consumption as a graph of seven Dagster assets.

    source -> raw_consumption -> feature_group -> feature_view -> best_config
                                      |                |              |
                                      |                |------------> model
                                      v                v              |
                             monitoring_metrics <- predictions_parquet <

`definitions` puts everything together, `assets` holds the graph, `forecasting` the forecaster, and
`stores` and `io_managers` keep what the assets make.
"""

import warnings

# A job may well hold both cheap and costly assets; Dagster then bounds its backfills by the costly.
warnings.filterwarnings(
    "ignore", message=r"Asset job \w+ materializes assets with varying Backfill"
)
# Marked beta by Dagster, and what hourly partitions need: a backfill in few runs, and look-back
# windows that reach before the first partition.
warnings.filterwarnings(
    "ignore", message=r"Parameter `(backfill_policy|allow_nonexistent_upstream_partitions)`"
)
