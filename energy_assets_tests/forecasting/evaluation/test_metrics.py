"""Metrics equal their formulas."""

import numpy as np
import pytest

from energy_assets.forecasting.evaluation import metrics

ACTUAL = np.array([100.0, 200.0, 0.0, np.nan, -50.0])
FORECAST = np.array([110.0, 150.0, 5.0, 7.0, -55.0])


def test_metrics_equal_those_by_hand_and_leave_out_zeros_and_missing_values():
    shares = metrics.percentage_errors(ACTUAL, FORECAST)
    np.testing.assert_allclose(shares, [0.1, 0.25, np.nan, np.nan, 0.1])
    scaled = metrics.scaled_errors(ACTUAL, FORECAST, np.array([10.0, 10.0, 5.0, 1.0, 0.0]))
    np.testing.assert_allclose(scaled, [1, 5, 1, np.nan, np.nan])
    covered = metrics.covered(ACTUAL, FORECAST - 10, FORECAST + 10)
    np.testing.assert_array_equal(covered, [1, 0, 1, np.nan, 1])
    assert metrics.pinball_loss(ACTUAL, FORECAST, 0.9) == pytest.approx(
        (0.1 * 10 + 0.9 * 50 + 0.1 * 5 + 0.9 * 5) / 4
    )


def test_metrics_of_nothing_are_nan_without_a_warning():
    nothing = np.array([np.nan])
    assert np.isnan(metrics.pinball_loss(nothing, nothing, 0.9))


def test_quantiles_are_scored_together_and_by_what_is_above_the_upper_ones():
    actual = np.array([5.0, 12.0, 30.0, np.nan])
    levels = {0.5: 10.0, 0.95: 20.0, 0.99: 30.0}
    terms = metrics.distribution_terms(actual, ((p, np.full(4, q)) for p, q in levels.items()))
    by_hand = [
        np.mean([p * (y - q) if y > q else (1 - p) * (q - y) for p, q in levels.items()])
        for y in actual[:3]
    ]
    np.testing.assert_allclose(terms["pinball"], [*by_hand, np.nan])
    np.testing.assert_array_equal(terms["above_q95"], [0, 0, 1, np.nan])
    np.testing.assert_array_equal(terms["above_q99"], [0, 0, 0, np.nan])
