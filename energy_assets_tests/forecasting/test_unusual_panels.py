"""Panels with gaps, little history, strange values or other steps are forecast as well."""

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets_tests.forecasting.conftest import DAY_AHEAD, until


def test_gaps_are_filled_as_inputs_and_never_used_as_targets(panel, small):
    times = panel.index.get_level_values(-1)
    gap = (times >= "2023-02-20") & (times < "2023-02-21")
    for gappy in (panel[~gap], panel.mask(pd.Series(gap, panel.index))):
        fitted = small.clone().fit(gappy)
        assert np.isfinite(fitted.predict(fh=DAY_AHEAD).to_numpy()).all()
    held_out = small.set_params(calibration_days=9).fit(panel[~gap]).holdout_
    assert not held_out["datetime_utc"].between("2023-02-20", "2023-02-20 23:00").any()


def test_missing_rows_and_missing_values_give_the_same_bits(panel, small):
    gap = (np.arange(len(panel)) % 672 > 600) & (np.arange(len(panel)) % 672 < 640)
    absent = small.clone().fit(panel[~gap]).predict(fh=DAY_AHEAD)
    empty = small.clone().fit(panel.mask(pd.Series(gap, panel.index))).predict(fh=DAY_AHEAD)
    pd.testing.assert_frame_equal(absent, empty, check_exact=True)


@pytest.mark.parametrize("hours", [2, 30, 100, 300])
def test_a_late_series_is_forecast_near_its_level(panel, small, hours):
    late = panel.drop(panel.index[672 : 2 * 672 - hours])
    forecast = small.fit(late).predict(fh=DAY_AHEAD).xs(("DK1", "121"))
    level = panel.xs(("DK1", "121")).mean().item()
    assert forecast.gt(0.3 * level).all().item()
    assert forecast.lt(3 * level).all().item()


def test_a_series_that_ended_early_is_forecast_from_the_common_origin(panel, small):
    ended = panel.drop(panel.index[672 * 2 - 300 : 672 * 2])
    forecast = small.fit(ended).predict(fh=[1])
    assert set(forecast.index.get_level_values(-1)) == {pd.Timestamp("2023-03-01")}
    assert np.isfinite(forecast.to_numpy()).all()


def test_series_of_zeros_and_of_negative_values_are_forecast(panel, small):
    strange = panel.copy()
    strange.iloc[:672] = 0.0
    strange.iloc[672 : 2 * 672] *= -1
    forecast = small.fit(strange).predict(fh=DAY_AHEAD)
    np.testing.assert_allclose(forecast.xs(("DK1", "111")), 0, atol=1e-3)
    assert forecast.xs(("DK1", "121")).lt(0).all().item()


@pytest.mark.parametrize("series", [pd.Series, pd.DataFrame])
def test_a_single_series_needs_no_key(panel, small, series):
    alone = panel.xs(("DK1", "111"))
    alone = alone["energy_consumption"] if series is pd.Series else alone
    fitted = small.fit(alone)
    forecast = fitted.predict(fh=DAY_AHEAD)
    assert isinstance(forecast, series)
    assert isinstance(forecast.index, pd.DatetimeIndex)
    assert fitted.predict_interval(fh=[1, 2]).shape == (2, 2)
    assert list(fitted.holdout_.columns)[:3] == ["origin", "horizon", "datetime_utc"]


def test_a_panel_with_one_series_level_keeps_it(panel, small):
    areas = panel.groupby(level=["area", "datetime_utc"]).sum()
    assert small.fit(areas).predict(fh=[1]).index.names == ["area", "datetime_utc"]


def test_a_window_of_a_few_days_is_trained_on(panel, small):
    window = until(panel, pd.Timestamp("2023-02-04 23:00"))
    forecast = small.set_params(calibration_days=1).fit(window).predict(fh=DAY_AHEAD)
    assert np.isfinite(forecast.to_numpy()).all()


def test_a_window_too_short_to_hold_out_days_warns_and_still_has_intervals(panel, small):
    window = until(panel, pd.Timestamp("2023-02-03 23:00"))
    with pytest.warns(UserWarning, match="72 hours is too short to hold out 4 days"):
        small.fit(window)
    assert small.holdout_ is None
    forecast = small.predict_interval(fh=DAY_AHEAD)["energy_consumption"][0.9]
    assert (forecast["lower"] < forecast["upper"]).all()


@pytest.mark.parametrize("hours", [2, 10, 23])
def test_with_nothing_to_train_on_the_base_is_forecast(panel, small, hours):
    window = until(panel, panel.index[hours - 1][-1])
    with pytest.warns(UserWarning, match="too short"):
        small.fit(window)
    forecast = small.predict(fh=DAY_AHEAD)
    assert small.booster_ is None
    level = window.groupby(level=[0, 1]).mean()["energy_consumption"]
    expected = forecast["energy_consumption"].groupby(level=[0, 1]).mean()
    np.testing.assert_allclose(expected, level, rtol=0.35)


def test_repeated_rows_are_an_error_that_names_one(panel, small):
    with pytest.raises(ForecastError, match=r"1 rows repeat.*DK1.*111"):
        small.fit(pd.concat([panel, panel.iloc[:1]]))


def test_series_shorter_than_a_day_are_forecast_with_their_means(panel, small):
    first = panel.xs(("DK1", "111"), drop_level=False).iloc[:20]
    last = panel.xs(("DK2", "111"), drop_level=False).iloc[-20:]
    forecast = small.set_params(calibration_days=0).fit(pd.concat([first, last])).predict(fh=[1])
    means = [first.mean().item(), last.mean().item()]
    np.testing.assert_allclose(forecast["energy_consumption"], means, rtol=0.5)


def test_a_single_hour_is_its_own_forecast_without_intervals(panel, small):
    alone = panel.xs(("DK1", "111")).iloc[:1]
    with pytest.warns(UserWarning, match="too short"):
        small.fit(alone)
    np.testing.assert_allclose(small.predict(fh=[1, 2]), alone.iloc[0].item())
    with pytest.raises(ForecastError, match="no intervals"):
        small.predict_interval(fh=[1])


@pytest.mark.parametrize("minutes", [15, 120])
def test_steps_shorter_than_a_day_that_are_not_hours_are_an_error(panel, small, minutes):
    other = panel.xs(("DK1", "111"))
    other.index = pd.date_range("2023", periods=len(other), freq=f"{minutes}min")
    with pytest.raises(ForecastError, match="not hourly"):
        small.fit(other)


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(100, 772),
        pd.date_range("2020", periods=672, freq="D"),
        pd.period_range("1950-01", periods=672, freq="M"),
        pd.period_range("2023-02-01", periods=672, freq="h"),
    ],
)
def test_the_steps_of_another_regular_index_count_as_hours(panel, small, index):
    other = panel.xs(("DK1", "111")).set_axis(index)
    forecast = small.fit(other).predict(fh=[1, 24])
    expected = pd.Index([index[-1] + step * getattr(index, "freq", 1) for step in (1, 24)])
    if isinstance(index, pd.RangeIndex):
        expected = pd.Index([index[-1] + 1, index[-1] + 24])
    assert forecast.index.tolist() == expected.tolist()
    np.testing.assert_allclose(forecast.iloc[1], other.iloc[-1], rtol=0.2)


@pytest.mark.parametrize("start", [0, 1000, -7])
@pytest.mark.parametrize("steps", [864, 960, 1000])
def test_weeks_of_numbered_steps_are_the_same_in_fit_and_in_predict(small, start, steps):
    number = np.arange(start, start + steps + 24)
    week = 100 + 30 * np.sin(2 * np.pi * number / 24) + 40 * (number % 168 >= 120)
    noise = np.random.default_rng(1).normal(1, 0.005, len(number))
    load = pd.Series(week * noise, pd.RangeIndex(number[0], number[-1] + 1))
    forecast = small.fit(load.iloc[:-24]).predict(fh=DAY_AHEAD)
    assert (forecast / load.iloc[-24:] - 1).abs().mean() < 0.015


def test_days_are_numbered_alike_in_panels_that_start_on_other_days(small):
    days = pd.date_range("2020-01-01", periods=600, freq="D")
    number = np.arange(600)
    load = pd.Series(100 + 20 * np.sin(2 * np.pi * number / 7), days)
    fitted = small.fit(load)
    moved = small.clone().fit(load).update(load.iloc[5:], update_params=False)
    pd.testing.assert_series_equal(fitted.predict(fh=[1, 2]), moved.predict(fh=[1, 2]))
