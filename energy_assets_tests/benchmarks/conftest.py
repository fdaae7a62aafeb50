"""The synthetic panel of the forecaster's tests."""

from energy_assets_tests.forecasting.conftest import panel

__all__ = ["panel"]
