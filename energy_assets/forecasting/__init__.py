"""Forecasting of hourly panels: a library that knows nothing of Dagster, stores or settings.

`fitted` is the forecaster, and `GlobalForecaster` gives it the interface of sktime. `model_files`
saves and loads it without pickle. It is built from `panel` (panels as matrices), `features`,
`models` and `evaluation`; `tuning` searches for its hyperparameters.

Does not belong here: which model is used, and when (`energy_assets.forecasts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from energy_assets.forecasting.forecaster import GlobalForecaster

__all__ = ["GlobalForecaster"]


def __getattr__(name: str) -> Any:
    """Import `GlobalForecaster` on first use: sktime and LightGBM take seconds to import."""
    if name in __all__:
        from energy_assets.forecasting import forecaster

        return getattr(forecaster, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
