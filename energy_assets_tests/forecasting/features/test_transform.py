"""The transform is a logarithm for usual values, and defined for all others."""

import numpy as np
import pytest

from energy_assets.forecasting.features import transform


@pytest.mark.parametrize("level", [1e-3, 1.0, 1e9])
def test_in_any_unit_it_is_the_logarithm_of_usual_values(level):
    values = level * np.array([[0.5, 1.0, 2.0]])
    scale = transform.series_scale(values)
    steps = np.diff(transform.asinh(values, scale))
    np.testing.assert_allclose(steps, np.log(2), atol=1e-3)
    np.testing.assert_allclose(transform.sinh(transform.asinh(values, scale), scale), values)


def test_zeros_and_negative_values_stay_finite():
    values = np.array([[0.0, 0.0, 0.0], [-5.0, 0.0, 5.0]])
    assert np.isfinite(transform.asinh(values, transform.series_scale(values))).all()


def test_later_hours_do_not_change_the_scale_unless_a_series_starts_there():
    values = np.array([[1.0, 1.0, 9.0], [np.nan, np.nan, 4.0]])
    np.testing.assert_allclose(transform.series_scale(values, 2), [[0.01], [0.04]])
