"""Forecasting of hourly panels; knows nothing of Dagster or of any store.

`GlobalForecaster` is the model. Beside it: `baseline` (seasonal naive), `evaluation` (metrics,
rolling origins), `tuning` (hyperparameter search), `model_files` (saving without pickle), `plots`.
"""

from energy_assets.forecasting.forecaster import GlobalForecaster

__all__ = ["GlobalForecaster"]
