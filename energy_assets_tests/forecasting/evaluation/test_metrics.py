"""Metrics equal their formulas."""

import numpy as np
import pytest

from energy_assets.forecasting.evaluation import metrics

ACTUAL = np.array([100.0, 200.0, 0.0, np.nan, -50.0])
FORECAST = np.array([110.0, 150.0, 5.0, 7.0, -55.0])


def test_metrics_equal_those_by_hand_and_leave_out_zeros_and_missing_values():
    assert metrics.mape(ACTUAL, FORECAST) == pytest.approx((0.1 + 0.25 + 0.1) / 3)
    assert metrics.rmspe(ACTUAL, FORECAST) == pytest.approx(np.sqrt((0.01 + 0.0625 + 0.01) / 3))
    assert metrics.wape(ACTUAL, FORECAST) == pytest.approx((10 + 50 + 5 + 5) / 350)
    scales = np.array([10.0, 10.0, 5.0, 1.0, 0.0])
    assert metrics.mase(ACTUAL, FORECAST, scales) == pytest.approx((1 + 5 + 1) / 3)
    assert metrics.coverage(ACTUAL, FORECAST - 10, FORECAST + 10) == pytest.approx(3 / 4)
    assert metrics.pinball_loss(ACTUAL, FORECAST, 0.9) == pytest.approx(
        (0.1 * 10 + 0.9 * 50 + 0.1 * 5 + 0.9 * 5) / 4
    )


def test_metrics_of_nothing_are_nan_without_a_warning():
    nothing = np.array([np.nan])
    for metric in (metrics.mape, metrics.rmspe, metrics.wape):
        assert np.isnan(metric(nothing, nothing))
