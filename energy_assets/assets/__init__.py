"""The seven assets, in four files that follow the flow.

ingestion: raw_consumption, feature_group
training: feature_view, best_config, model
prediction: predictions_parquet
monitoring: monitoring_metrics
"""
