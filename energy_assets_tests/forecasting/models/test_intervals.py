"""Split-conformal intervals cover what they say on residuals like those they learnt from."""

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
def test_half_width__new_residuals__are_covered(coverage):
    width = calibrate(residuals(15, seed=0), KEYS).half_width(coverage, KEYS, np.arange(1, 25))
    inside = np.abs(residuals(400, seed=1)) <= width[:, None, :]
    assert inside.mean() == pytest.approx(coverage, abs=0.02)
    for part in (inside.mean(axis=(1, 2)), inside.mean(axis=(0, 1))):
        assert np.abs(part - coverage).max() < 0.1


def test_half_width__series_never_seen__has_the_typical_width():
    calibration = calibrate(residuals(15, seed=0), KEYS)
    widths = calibration.half_width(0.8, [("new",), KEYS[0], KEYS[-1]], np.array([1]))[:, 0]
    assert widths[1] < widths[0] < widths[2]


def test_calibrate__missing_residuals__do_not_count():
    whole = residuals(15, seed=0)
    holed = whole.copy()
    holed[:, 3] = np.nan
    without = np.delete(whole, 3, axis=1)
    steps = np.arange(1, 25)
    np.testing.assert_allclose(
        calibrate(holed, KEYS).half_width(0.8, KEYS, steps),
        calibrate(without, KEYS).half_width(0.8, KEYS, steps),
    )


def test_calibrate__nothing_observed__error_says_what_to_do():
    with pytest.raises(ForecastError, match="calibration_days"):
        calibrate(np.full((2, 3, 4), np.nan), KEYS[:2])


def test_calibrate__forecasts_that_were_exact__width_is_nothing():
    width = calibrate(np.zeros((2, 3, 4)), KEYS[:2]).half_width(0.8, KEYS[:2], np.arange(1, 5))
    assert (width < 1e-300).all()


def test_cross_calibrated__a_day_unlike_the_others__does_not_widen_its_own_bounds():
    calm = residuals(12, seed=0)
    wild = calm.copy()
    wild[:, :4] *= 10
    days = np.repeat([0, 1, 2], 4)
    forecast, scale = np.full(calm.shape, 100.0), np.ones((len(KEYS), 1, 1))
    upper = [cross_calibrated(r, forecast, scale, days, 0.8)[1] for r in (calm, wild)]
    np.testing.assert_array_equal(upper[0][:, :4], upper[1][:, :4])
    assert (upper[0][:, 4:] < upper[1][:, 4:]).all()
