"""What the forecasts of `GlobalForecaster` depend on, and what they do not."""

import doctest

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting import GlobalForecaster, forecaster
from energy_assets.forecasting.panel.matrix import training_window
from energy_assets_tests.forecasting.conftest import DAY_AHEAD, until


def test_every_series_is_forecast_for_each_hour_after_the_origin(fitted, panel):
    forecast = fitted.predict(fh=DAY_AHEAD)
    hours = pd.date_range("2023-03-01", periods=24, freq="h")
    assert forecast.index.names == panel.index.names
    assert list(forecast.columns) == ["energy_consumption"]
    assert forecast.index.get_level_values(-1).unique().equals(hours.rename("datetime_utc"))
    assert forecast.groupby(level=[0, 1]).size().eq(24).all()
    assert np.isfinite(forecast.to_numpy()).all()


def test_daily_and_weekly_shapes_are_learnt(fitted, panel):
    weeks_before = panel.rename(index=lambda hour: hour + pd.Timedelta(days=28), level=2)
    forecast = fitted.predict(fh=DAY_AHEAD)
    expected = weeks_before.reindex(forecast.index)
    errors = (forecast / expected - 1).abs()
    assert errors.groupby(level=[0, 1]).mean().max().item() < 0.06


def test_the_order_of_rows_and_the_number_of_threads_do_not_change_a_bit(panel, small):
    first = small.clone().fit(panel).predict(fh=DAY_AHEAD)
    shuffled = small.clone().fit(panel.sample(frac=1, random_state=3)).predict(fh=DAY_AHEAD)
    threaded = small.clone().set_params(n_jobs=2).fit(panel).predict(fh=DAY_AHEAD)
    pd.testing.assert_frame_equal(first, shuffled, check_exact=True)
    pd.testing.assert_frame_equal(first, threaded, check_exact=True)


def test_the_order_of_series_hardly_changes_forecasts(panel, small):
    renamed = panel.rename(index={"DK1": "Z1"}, level=0)
    forecast = small.clone().fit(panel).predict(fh=DAY_AHEAD)
    other = small.clone().fit(renamed).predict(fh=DAY_AHEAD).rename(index={"Z1": "DK1"}, level=0)
    # Rows in another order are summed in another order, so that the last bits may differ.
    np.testing.assert_allclose(other.loc[forecast.index], forecast, rtol=0.02)


def test_data_after_the_origin_do_not_change_a_bit(panel, small):
    origin = pd.Timestamp("2023-02-24 09:00")
    changed = panel.copy()
    changed[panel.index.get_level_values(-1) > origin] *= 5
    forecast = [
        small.clone().fit(training_window(source, origin, 21)).predict(fh=DAY_AHEAD)
        for source in (panel, changed, until(panel, origin))
    ]
    pd.testing.assert_frame_equal(forecast[0], forecast[1], check_exact=True)
    pd.testing.assert_frame_equal(forecast[0], forecast[2], check_exact=True)


def test_held_out_hours_do_not_change_their_first_forecasts(panel, small):
    changed = panel.copy()
    first = fitted_holdout(panel, small)
    start = first["origin"].min()
    changed[panel.index.get_level_values(-1) > start] *= 1.5
    second = fitted_holdout(changed, small)
    columns = ["area", "consumer_type", "origin", "horizon", "datetime_utc", "forecast"]
    of_start = [table.loc[table["origin"] == start, columns] for table in (first, second)]
    pd.testing.assert_frame_equal(*of_start, check_exact=True)


def fitted_holdout(panel, forecaster):
    return forecaster.clone().fit(panel).holdout_


def test_held_out_forecasts_have_their_targets_in_the_held_out_days(fitted, panel):
    held_out = fitted.holdout_
    assert list(held_out.columns) == [
        *("area", "consumer_type", "origin", "horizon", "datetime_utc"),
        *("actual", "forecast", "lower", "upper", "pinball", "above_q95", "above_q99"),
    ]
    target = held_out["origin"] + pd.to_timedelta(held_out["horizon"], unit="h")
    assert target.eq(held_out["datetime_utc"]).all()
    assert held_out["datetime_utc"].min() > panel.index[-1][-1] - pd.Timedelta(days=4)
    index = pd.MultiIndex.from_frame(held_out[list(panel.index.names)])
    assert (panel["energy_consumption"].reindex(index).to_numpy() == held_out["actual"]).all()


def test_one_held_out_day_has_one_origin_with_a_whole_horizon(panel, small):
    held_out = small.set_params(calibration_days=1).fit(panel).holdout_
    assert held_out["origin"].unique().tolist() == [panel.index[-1][-1] - pd.Timedelta(days=1)]
    assert len(held_out) == 4 * 24


def test_without_held_out_days_there_are_no_intervals(panel, small):
    fitted = small.set_params(calibration_days=0).fit(panel)
    assert fitted.holdout_ is None
    assert len(fitted.predict(fh=[1, 24])) == 8
    with pytest.raises(ForecastError, match="calibration_days was 0"):
        fitted.predict_interval(fh=[1])


def test_part_of_the_horizon_and_absolute_hours_give_the_same_values(fitted):
    whole = fitted.predict(fh=DAY_AHEAD)
    hours = pd.DatetimeIndex(["2023-03-01 02:00", "2023-03-01 23:00"])
    pd.testing.assert_frame_equal(fitted.predict(fh=[3, 24]), fitted.predict(fh=hours))
    part = fitted.predict(fh=[24, 3])
    # The last bits may differ, as sums over fewer rows are forecast in another order.
    pd.testing.assert_frame_equal(part, whole.loc[part.index], rtol=1e-6)


@pytest.mark.parametrize("fh", [[25], [1, 30], pd.DatetimeIndex(["2023-03-02 00:00"])])
def test_hours_beyond_the_horizon_are_an_error_that_names_it(fitted, fh):
    with pytest.raises(ForecastError, match="horizon=24 allows"):
        fitted.predict(fh=fh)


def test_a_horizon_of_two_days_is_forecast(panel, small):
    fitted = small.set_params(horizon=48).fit(panel)
    forecast = fitted.predict(fh=list(range(1, 49)))
    assert np.isfinite(forecast.to_numpy()).all()
    assert fitted.holdout_["horizon"].max() == 48


def test_quantiles_never_cross_and_the_middle_one_is_the_forecast(fitted):
    shares = [0.01, 0.1, 0.4, 0.5, 0.6, 0.9, 0.99]
    forecast = fitted.predict_quantiles(fh=DAY_AHEAD, alpha=shares)["energy_consumption"]
    assert (np.diff(forecast[shares], axis=1) >= 0).all()
    middle = fitted.predict(fh=DAY_AHEAD)["energy_consumption"]
    assert forecast[0.5].tolist() == middle.tolist()


def test_a_wider_interval_contains_a_narrower_one(fitted):
    forecast = fitted.predict_interval(fh=DAY_AHEAD, coverage=[0.5, 0.8])["energy_consumption"]
    assert (forecast[0.8, "lower"] < forecast[0.5, "lower"]).all()
    assert (forecast[0.5, "upper"] < forecast[0.8, "upper"]).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"horizon": 48, "calibration_days": 1}, "shorter than horizon=48"),
        ({"country": "XX"}, "country='XX' is unknown"),
        ({"timezone": "Mars"}, "timezone='Mars' is unknown"),
        ({"num_leaves": 1}, "LightGBM cannot train"),
    ],
)
def test_unusable_parameters_are_an_error_that_names_them(panel, small, parameters, message):
    with pytest.raises(ForecastError, match=message):
        small.set_params(**parameters).fit(panel)


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_linear_weight_mixes_both_models_on_the_logarithmic_scale(panel, small, weight):
    whole = small.set_params(linear_weight=weight).fit(panel).predict(fh=DAY_AHEAD)
    parts = [
        small.clone().set_params(linear_weight=share).fit(panel).predict(fh=DAY_AHEAD)
        for share in (0.0, 1.0)
    ]
    mixed = (1 - weight) * np.log(parts[0]) + weight * np.log(parts[1])
    np.testing.assert_allclose(np.log(whole), mixed, atol=1e-3)


def test_country_and_time_zone_are_unset_by_default(panel, small):
    nowhere = GlobalForecaster()
    assert (nowhere.country, nowhere.timezone) == (None, "UTC")
    utc = small.clone().set_params(country=None, timezone="UTC")
    pd.testing.assert_frame_equal(
        GlobalForecaster(n_estimators=20, n_jobs=1).fit(panel).predict(fh=DAY_AHEAD),
        utc.fit(panel).predict(fh=DAY_AHEAD),
        check_exact=True,
    )


def test_the_example_in_the_docstring_runs():
    assert doctest.testmod(forecaster, raise_on_error=True).attempted > 0
