"""Split-conformal intervals have their nominal coverage on similar residuals."""

from dataclasses import replace

import numpy as np
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting.models.held_out import UsualErrors
from energy_assets.forecasting.models.quantiles.intervals import calibrate, pool

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


def usual_errors(of_days: np.ndarray, held_out: int = 4) -> UsualErrors:
    """Errors three times as large as the residuals, on days of these relative sizes."""
    sizes = 3 * SPREAD[:, :, 0] * of_days
    return UsualErrors(sizes, np.arange(len(of_days)) >= len(of_days) - held_out)


def test_with_calm_days_held_out_quantiles_are_those_of_days_as_usual():
    of_days = np.array([1.0, 2.0, 3.0, 1.0, 1.0, 1.0, 1.0])
    calm = residuals(15, seed=0)
    usual = pool(calm, usual_errors(of_days))
    days = np.random.default_rng(2).choice(of_days, (1, 4000, 1))
    new = residuals(4000, seed=1) * days
    for coverage in (0.5, 0.8, 0.95):
        width = calibrate(calm, KEYS, usual, usual_errors(of_days)).half_width(
            coverage, KEYS, np.arange(1, 25)
        )
        assert (np.abs(new) <= width[:, None, :]).mean() == pytest.approx(coverage, abs=0.02)


def test_days_that_are_all_alike_change_little():
    steps = np.arange(1, 25)
    plain, usual = (
        calibrate(residuals(15, seed=0), KEYS, usual=errors)
        for errors in (None, usual_errors(np.ones(20)))
    )
    np.testing.assert_allclose(
        usual.half_width(0.8, KEYS, steps), plain.half_width(0.8, KEYS, steps), rtol=0.2
    )


def test_a_series_that_was_lucky_for_some_days_is_taken_for_what_it_usually_is():
    lucky = residuals(15, seed=0)
    lucky[-1] *= 0.2
    usual = usual_errors(np.ones(20))
    spread = [calibrate(lucky, KEYS, usual=errors).spread[KEYS[-1]] for errors in (None, usual)]
    assert spread[0] < 0.4 * SPREAD[-1, 0, 0] * GROWTH.mean()
    assert spread[1] > 1.5 * spread[0]


def test_a_series_without_residuals_gets_the_width_of_its_usual_errors():
    holed = residuals(15, seed=0)
    holed[2] = np.nan
    usual = usual_errors(np.ones(20))
    spread = calibrate(holed, KEYS, usual=usual).spread
    assert spread[KEYS[2]] == pytest.approx(np.sqrt(spread[KEYS[1]] * spread[KEYS[3]]), rel=0.2)


def test_series_and_days_without_errors_do_not_count():
    known = usual_errors(np.array([1.0, 2.0, 1.0, 1.0, 1.0, 1.0]))
    sizes = np.insert(known.sizes, 1, np.nan, axis=1)
    sizes[0] = 0.0
    usual = UsualErrors(sizes, np.insert(known.held_out, 1, False))
    np.testing.assert_allclose(usual.of_days, known.of_days)
    assert np.isnan(usual.of_series[0])
    assert UsualErrors(np.zeros((2, 0)), np.zeros(0, dtype=bool)).of_days == [1.0]


def test_intervals_of_holidays_are_wider_the_fewer_of_them_are_known():
    factors = [
        pool(residuals(15, seed=0), replace(usual_errors(np.ones(20)), holidays=count)).holiday
        for count in (0, 1, 10)
    ]
    assert factors == sorted(factors, reverse=True)
    assert factors[0] == pytest.approx(1.4)
    assert factors[-1] < 1.1
