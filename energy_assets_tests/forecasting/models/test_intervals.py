"""Split-conformal intervals have their nominal coverage on similar residuals."""

import numpy as np
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting.models.intervals import calibrate, cross_calibrated

KEYS = [(name,) for name in "abcdefgh"]
SPREAD = np.geomspace(0.01, 0.5, len(KEYS))[:, None, None]
GROWTH = np.linspace(1, 2, 24)


def residuals(origins: int, seed: int) -> np.ndarray:
    """Wider for later series and horizons, shape (series, origins, horizons)."""
    noise = np.random.default_rng(seed).standard_t(4, (len(KEYS), origins, 24))
    return SPREAD * GROWTH * noise


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
def test_new_residuals_are_covered_as_often_as_stated(coverage):
    width = calibrate(residuals(15, seed=0), KEYS).half_width(coverage, KEYS, np.arange(1, 25))
    inside = np.abs(residuals(400, seed=1)) <= width[:, None, :]
    assert inside.mean() == pytest.approx(coverage, abs=0.02)
    for part in (inside.mean(axis=(1, 2)), inside.mean(axis=(0, 1))):
        assert np.abs(part - coverage).max() < 0.1


def test_a_new_series_has_the_typical_width():
    calibration = calibrate(residuals(15, seed=0), KEYS)
    widths = calibration.half_width(0.8, [("new",), KEYS[0], KEYS[-1]], np.array([1]))[:, 0]
    assert widths[1] < widths[0] < widths[2]


def test_missing_residuals_do_not_count():
    whole = residuals(15, seed=0)
    holed = whole.copy()
    holed[:, 3] = np.nan
    without = np.delete(whole, 3, axis=1)
    steps = np.arange(1, 25)
    np.testing.assert_allclose(
        calibrate(holed, KEYS).half_width(0.8, KEYS, steps),
        calibrate(without, KEYS).half_width(0.8, KEYS, steps),
    )


def test_nothing_observed_is_an_error_that_says_what_to_do():
    with pytest.raises(ForecastError, match="calibration_days"):
        calibrate(np.full((2, 3, 4), np.nan), KEYS[:2])


def test_exact_forecasts_have_intervals_of_no_width():
    width = calibrate(np.zeros((2, 3, 4)), KEYS[:2]).half_width(0.8, KEYS[:2], np.arange(1, 5))
    assert (width < 1e-300).all()


def test_a_day_unlike_the_others_does_not_widen_its_own_bounds():
    calm = residuals(12, seed=0)
    wild = calm.copy()
    wild[:, :4] *= 10
    days = np.repeat([0, 1, 2], 4)
    forecast, scale = np.full(calm.shape, 100.0), np.ones((len(KEYS), 1, 1))
    upper = [cross_calibrated(r, forecast, scale, days, 0.8)[1] for r in (calm, wild)]
    np.testing.assert_array_equal(upper[0][:, :4], upper[1][:, :4])
    assert (upper[0][:, 4:] < upper[1][:, 4:]).all()
