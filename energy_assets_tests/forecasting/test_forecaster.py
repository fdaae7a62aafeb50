"""What the forecasts of `GlobalForecaster` depend on, and what they do not."""

import doctest

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting import GlobalForecaster, forecaster
from energy_assets.forecasting.features.feature_matrix import HISTORY_HOURS
from energy_assets.forecasting.panel.matrix import training_window

DAY_AHEAD = list(range(1, 25))


def until(panel, hour):
    return panel[panel.index.get_level_values(-1) <= hour]


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
        *("actual", "forecast", "lower", "upper"),
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
    np.testing.assert_allclose(
        forecast[0.5], fitted.predict(fh=DAY_AHEAD)["energy_consumption"], rtol=1e-12
    )


def test_a_wider_interval_contains_a_narrower_one(fitted):
    forecast = fitted.predict_interval(fh=DAY_AHEAD, coverage=[0.5, 0.8])["energy_consumption"]
    assert (forecast[0.8, "lower"] < forecast[0.5, "lower"]).all()
    assert (forecast[0.5, "upper"] < forecast[0.8, "upper"]).all()


def test_newer_hours_move_the_origin_and_leave_the_trees_unchanged(panel, small):
    origin = pd.Timestamp("2023-02-26 05:00")
    fitted = small.fit(until(panel, origin))
    trees = fitted.booster_.model_to_string()
    newer = panel[panel.index.get_level_values(-1) > origin]
    fitted.update(newer, update_params=False)
    assert fitted.cutoff[0] == panel.index[-1][-1]
    assert fitted.predict(fh=[1]).index[0][-1] == panel.index[-1][-1] + pd.Timedelta(hours=1)
    assert fitted.booster_.model_to_string() == trees
    assert len(fitted.history_.hours) == HISTORY_HOURS


def test_updating_hour_by_hour_or_at_once_gives_the_same_forecast(panel, small):
    origin = pd.Timestamp("2023-02-28 18:00")
    fitted = small.fit(until(panel, origin))
    at_once = fitted.clone().fit(until(panel, origin)).update(panel, update_params=False)
    for hour in pd.date_range(origin, panel.index[-1][-1], freq="h", inclusive="right"):
        fitted.update(panel[panel.index.get_level_values(-1) == hour], update_params=False)
    pd.testing.assert_frame_equal(
        fitted.predict(fh=DAY_AHEAD), at_once.predict(fh=DAY_AHEAD), check_exact=True
    )


def test_an_older_window_moves_the_origin_back_and_forgets_what_is_later(panel, small):
    origin = pd.Timestamp("2023-02-25 12:00")
    window = training_window(panel, origin, 20)
    after = small.clone().fit(panel).update(window, update_params=False)
    assert after.history_.hours[-1] == origin
    assert after.predict(fh=[1]).index[0][-1] == origin + pd.Timedelta(hours=1)
    overlap = panel[panel.index.isin(window.index)].xs(("DK1", "111")).iloc[-HISTORY_HOURS:]
    assert after.history_.array[0].tolist() == overlap["energy_consumption"].tolist()


def test_a_new_series_is_forecast(fitted, panel):
    stranger = panel.xs("DK1", drop_level=False).rename(index={"DK1": "SE3"}, level=0)
    forecast = fitted.clone().fit(panel).update(stranger, update_params=False).predict(fh=[1])
    assert "SE3" in forecast.index.get_level_values(0)
    assert np.isfinite(forecast.to_numpy()).all()


def test_an_update_of_the_parameters_warns_that_it_only_moves_the_origin(panel, small):
    fitted = small.fit(panel)
    with pytest.warns(UserWarning, match="call fit with the whole window"):
        fitted.update(panel)


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


def temperatures(panel, seed=1):
    """A column that the load follows, known a day ahead."""
    times = panel.index.get_level_values(-1).unique()
    hours = pd.date_range(times[0], times[-1] + pd.Timedelta(days=1), freq="h")
    rng = np.random.default_rng(seed)
    degrees = pd.Series(10 + rng.normal(0, 5, len(hours)).cumsum() / 10, hours)
    keys = panel.index.droplevel(-1).unique()
    return pd.concat({key: degrees.rename("temperature") for key in keys}, names=panel.index.names)


def test_an_exogenous_column_that_matters_halves_the_error(panel, small):
    X = temperatures(panel).to_frame()
    y = panel.mul(np.exp(-0.05 * X["temperature"].reindex(panel.index)), axis=0)
    origin = pd.Timestamp("2023-02-27 23:00")
    future = X[X.index.get_level_values(-1) > origin]
    actual = y[y.index.get_level_values(-1) > origin]
    small.set_params(n_estimators=60)
    blind = small.clone().fit(until(y, origin)).predict(fh=DAY_AHEAD)
    seeing = small.clone().fit(until(y, origin), X=until(X, origin)).predict(DAY_AHEAD, X=future)
    errors = [(forecast / actual - 1).abs().mean().item() for forecast in (blind, seeing)]
    assert errors[1] < 0.5 * errors[0]


def test_a_missing_exogenous_column_is_an_error_that_names_it(panel, small):
    X = temperatures(panel).to_frame()
    fitted = small.fit(panel, X=X)
    for columns in (None, X.rename(columns={"temperature": "wind"})):
        with pytest.raises(ForecastError, match="temperature"):
            fitted.predict(fh=[1], X=columns)


def test_exogenous_values_in_an_update_count_as_if_known_at_once(panel, small):
    X = temperatures(panel).to_frame()
    origin = pd.Timestamp("2023-02-27 07:00")
    fitted = small.fit(until(panel, origin), X=X)
    again = small.clone().fit(until(panel, origin), X=X).update(panel, X, update_params=False)
    newer = panel[panel.index.get_level_values(-1) > origin]
    fitted.update(newer, X[X.index.get_level_values(-1) > origin], update_params=False)
    pd.testing.assert_frame_equal(
        fitted.predict(fh=DAY_AHEAD, X=X), again.predict(fh=DAY_AHEAD, X=X), check_exact=True
    )


def test_an_update_with_other_levels_is_an_error_that_names_both(panel, small):
    fitted = small.fit(panel)
    areas = panel.groupby(level=["area", "datetime_utc"]).sum()
    with pytest.raises(
        ForecastError, match=r"\['area', 'consumer_type'\], and this one has \['area'\]"
    ):
        fitted.update(areas, update_params=False)


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_linear_weight_mixes_both_models_on_the_logarithmic_scale(panel, small, weight):
    whole = small.set_params(linear_weight=weight).fit(panel).predict(fh=DAY_AHEAD)
    parts = [
        small.clone().set_params(linear_weight=share).fit(panel).predict(fh=DAY_AHEAD)
        for share in (0.0, 1.0)
    ]
    mixed = (1 - weight) * np.log(parts[0]) + weight * np.log(parts[1])
    np.testing.assert_allclose(np.log(whole), mixed, atol=1e-3)


def test_there_is_no_place_by_default(panel, small):
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
