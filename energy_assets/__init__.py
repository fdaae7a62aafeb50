"""Hourly forecasts of electricity consumption as a graph of nine Dagster assets.

    source -> raw_consumption -> feature_group -> feature_view -> best_config
                                      |                |              |
                                      |                |------------> model
                                      v                v              |
                             monitoring_metrics <- predictions_parquet <
                                                       |
                                                       v
                                              published_forecast

    weather source -> weather

`definitions` puts everything together, `assets` holds the graph, `forecasting` the forecaster, and
`stores` and `io_managers` keep what the assets make.
"""
