"""Held-out days teach the widths of intervals, and each of them learns from the others only."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from energy_assets.forecasting.models.held_out import HeldOut, UsualErrors
from energy_assets.forecasting.models.quantiles.calibrating import ByDay, calibrate, pool_by_day
from energy_assets.forecasting.panel.matrix import PanelMatrix

DAYS = 4
SERIES = 8
KEYS = [(row,) for row in range(SERIES)]
STEPS = np.arange(1, 25)


def held_out(days: int = 40, seed: int = 0, spikes: bool = False) -> HeldOut:
    """Forecasts of 100 for each hour, and values that scatter around it, or spike now and then."""
    rng = np.random.default_rng(seed)
    hours = pd.date_range("2023-01-01", periods=24 * days, freq="h", name="hour")
    values = 100 * np.exp(0.1 * rng.normal(size=(SERIES, len(hours))))
    if spikes:
        evening = np.isin(np.arange(len(hours)) % 24, (17, 18, 19))
        values *= np.where(evening & (rng.random(values.shape) < 0.3), 50.0, 1.0)
    origins = np.arange(len(hours) - 24 * DAYS - 1, len(hours) - 24, 6)
    actual = values[:, origins[:, None] + STEPS]
    panel = PanelMatrix(values, hours, pd.RangeIndex(SERIES))
    forecast, scale = np.full(actual.shape, 100.0), np.ones((SERIES, 1, 1))
    newest = np.arange(days) >= days - DAYS
    usual = UsualErrors(np.full((SERIES, days), 0.1), newest)
    return HeldOut(panel, origins, actual, forecast, scale, usual, np.arange(len(hours)) % 24)


def on_first_day(held_out: HeldOut, factor: float) -> HeldOut:
    actual = held_out.actual.copy()
    actual[:, held_out.days == 0] *= factor
    return replace(held_out, actual=actual)


def upper(held_out: HeldOut, pooled=None) -> np.ndarray:
    return ByDay.of(held_out, pooled).quantile(0.9)


@pytest.mark.parametrize("usual", [True, False])
def test_a_day_unlike_the_others_does_not_widen_its_own_bounds(usual):
    calm = held_out() if usual else replace(held_out(), usual=None)
    first = calm.days == 0
    before, after = (upper(one) for one in (calm, on_first_day(calm, 3.0)))
    np.testing.assert_array_equal(before[:, first], after[:, first])
    assert (before[:, ~first] < after[:, ~first]).all()


def test_what_is_pooled_by_day_may_come_from_elsewhere():
    one = held_out()
    np.testing.assert_array_equal(upper(one, pool_by_day(one)), upper(one))


def test_a_series_that_scatters_around_its_forecast_follows_the_forecast_alone():
    assert not calibrate(held_out(), KEYS).same_hour.weights


def test_spikes_at_some_hours_are_expected_at_these_hours_only():
    spiky = held_out(spikes=True)
    calibration = calibrate(spiky, KEYS)
    chosen = [row for row, key in enumerate(KEYS) if calibration.same_hour.weights.get(key) == 1.0]
    assert len(chosen) >= SERIES - 2
    forecast, scale = np.full((SERIES, 24), 100.0), np.ones((SERIES, 1))
    low, high = (
        calibration.quantile(probability, forecast, scale, KEYS, STEPS, STEPS % 24)[chosen]
        for probability in (0.05, 0.95)
    )
    evening = np.isin(STEPS % 24, (17, 18, 19))
    assert high[:, evening].min() > 2000
    assert np.median(high[:, ~np.isin(STEPS % 24, (16, 17, 18, 19, 20))]) < 130
    assert (low > 60).all()
    assert (high < 2 * spiky.panel.array.max()).all()


def test_spiky_series_are_covered_as_often_as_stated_on_each_side():
    spiky = held_out(spikes=True)
    by_day = ByDay.of(spiky)
    for probability in (0.05, 0.1, 0.25, 0.75, 0.9, 0.95):
        share = (spiky.actual <= by_day.quantile(probability)).mean()
        assert share == pytest.approx(probability, abs=0.04)


@pytest.mark.parametrize("spikes", [True, False])
def test_quantiles_are_in_order(spikes):
    by_day = ByDay.of(held_out(spikes=spikes))
    found = [by_day.quantile(probability) for probability in (0.01, 0.1, 0.5, 0.9, 0.99)]
    assert (np.diff(found, axis=0) >= 0).all()
    assert (found[1] <= by_day.forecast()).all()
    assert (by_day.forecast() <= found[3]).all()


def test_the_forecast_of_a_series_without_spikes_is_its_median():
    calm = held_out()
    by_day = ByDay.of(calm)
    np.testing.assert_array_equal(by_day.forecast(), calm.forecast)
    np.testing.assert_array_equal(by_day.quantile(0.5), calm.forecast)


def test_forecasts_of_spikes_add_up():
    spiky = held_out(days=60, spikes=True)
    by_day = ByDay.of(spiky)
    chosen = [row for (row,) in by_day.calibrations[0].same_hour.weights]
    first = by_day.forecast()[chosen][:, spiky.days == 0]
    assert first.mean() == pytest.approx(spiky.panel.array[chosen].mean(), rel=0.1)
    assert spiky.forecast.mean() < 0.5 * spiky.panel.array.mean()


def test_regular_hours_of_nothing_are_no_spikes():
    """A series that runs on two days a week is forecast by its weekday, not by a mean of all."""
    weekly = held_out()
    hours = np.arange(weekly.panel.array.shape[1])
    runs = np.where(hours // 24 % 7 >= 5, 20.0, 1.0)
    target = weekly.origins[:, None] + STEPS
    seen = replace(weekly, panel=replace(weekly.panel, array=weekly.panel.array * runs))
    seen = replace(seen, actual=weekly.actual * runs[target], forecast=100 * runs[target])
    seen = replace(seen, forecast=np.broadcast_to(seen.forecast, seen.actual.shape))
    assert not calibrate(seen, KEYS).same_hour.weights
