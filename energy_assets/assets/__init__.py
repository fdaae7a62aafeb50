"""The nine assets, in five files that follow the flow; their checks; and what they show in the UI.

ingestion: raw_consumption, feature_group
weather: weather
training: feature_view, best_config, model
prediction: predictions_parquet, published_forecast
monitoring: monitoring_metrics

Each asset is a thin shell that calls functions of `contract`, `forecasting` and `forecasts`.

Does not belong here: when an asset is made (`automation`), and where it is kept (`io_managers`).
"""

import warnings

import dagster as dg

with warnings.catch_warnings():
    # Backfill policies and look-back windows, which hourly partitions need, are marked beta.
    warnings.simplefilter("ignore", dg.BetaWarning)
    from energy_assets.assets import ingestion, monitoring, prediction, training, weather

    ASSETS = dg.load_assets_from_modules([ingestion, weather, training, prediction, monitoring])

__all__ = ["ASSETS"]
