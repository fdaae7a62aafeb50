"""The parameters of a forecaster: what tuning searches through, and what model files hold."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parameters:
    """The parameters of `GlobalForecaster`, which describes them."""

    horizon: int = 24
    linear_weight: float = 0.5
    lear_weight: float = 0.5
    n_estimators: int = 40
    learning_rate: float = 0.15
    num_leaves: int = 31
    min_child_samples: int = 20
    colsample_bytree: float = 0.5
    reg_lambda: float = 0.0
    origin_step: int = 5
    thinning: int = 3
    calibration_days: int = 4
    coverage: float = 0.8
    country: str | None = None
    timezone: str = "UTC"
    n_jobs: int | None = None
    random_state: int = 0
