"""`GlobalForecaster`: what its forecasts depend on, and what they do not."""

import doctest

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting import forecaster
from energy_assets.forecasting.features.matrix import HISTORY_HOURS
from energy_assets.forecasting.panel.matrix import training_window

DAY_AHEAD = list(range(1, 25))


def until(panel, hour):
    return panel[panel.index.get_level_values(-1) <= hour]


def test_predict__all_series__an_hour_each_after_the_origin(fitted, panel):
    made = fitted.predict(fh=DAY_AHEAD)
    hours = pd.date_range("2023-03-01", periods=24, freq="h")
    assert made.index.names == panel.index.names
    assert list(made.columns) == ["energy_consumption"]
    assert made.index.get_level_values(-1).unique().equals(hours.rename("datetime_utc"))
    assert made.groupby(level=[0, 1]).size().eq(24).all()
    assert np.isfinite(made.to_numpy()).all()


def test_predict__daily_and_weekly_shape__is_found(fitted, panel):
    weeks_before = panel.rename(index=lambda hour: hour + pd.Timedelta(days=28), level=2)
    made = fitted.predict(fh=DAY_AHEAD)
    expected = weeks_before.reindex(made.index)
    errors = (made / expected - 1).abs()
    assert errors.groupby(level=[0, 1]).mean().max().item() < 0.06


def test_fit__same_input__same_bytes_whatever_row_order_and_threads(panel, small):
    first = small.clone().fit(panel).predict(fh=DAY_AHEAD)
    shuffled = small.clone().fit(panel.sample(frac=1, random_state=3)).predict(fh=DAY_AHEAD)
    threaded = small.clone().set_params(n_jobs=2).fit(panel).predict(fh=DAY_AHEAD)
    pd.testing.assert_frame_equal(first, shuffled, check_exact=True)
    pd.testing.assert_frame_equal(first, threaded, check_exact=True)


def test_fit__series_in_another_order__the_same_forecast_for_each(panel, small):
    renamed = panel.rename(index={"DK1": "Z1"}, level=0)
    made = small.clone().fit(panel).predict(fh=DAY_AHEAD)
    other = small.clone().fit(renamed).predict(fh=DAY_AHEAD).rename(index={"Z1": "DK1"}, level=0)
    # Rows in another order are summed in another order, so that the last bits may differ.
    np.testing.assert_allclose(other.loc[made.index], made, rtol=0.02)


def test_predict__later_data_changed_or_absent__same_bytes(panel, small):
    origin = pd.Timestamp("2023-02-24 09:00")
    changed = panel.copy()
    changed[panel.index.get_level_values(-1) > origin] *= 5
    made = [
        small.clone().fit(training_window(source, origin, 21)).predict(fh=DAY_AHEAD)
        for source in (panel, changed, until(panel, origin))
    ]
    pd.testing.assert_frame_equal(made[0], made[1], check_exact=True)
    pd.testing.assert_frame_equal(made[0], made[2], check_exact=True)


def test_holdout__held_out_hours_changed__first_forecasts_do_not(panel, small):
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


def test_holdout__columns_and_targets__lie_in_the_held_out_days(fitted, panel):
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


def test_holdout__one_day__has_one_origin_with_a_whole_horizon(panel, small):
    held_out = small.set_params(calibration_days=1).fit(panel).holdout_
    assert held_out["origin"].unique().tolist() == [panel.index[-1][-1] - pd.Timedelta(days=1)]
    assert len(held_out) == 4 * 24


def test_fit__without_held_out_days__forecasts_but_has_no_intervals(panel, small):
    fitted = small.set_params(calibration_days=0).fit(panel)
    assert fitted.holdout_ is None
    assert len(fitted.predict(fh=[1, 24])) == 8
    with pytest.raises(ForecastError, match="calibration_days was 0"):
        fitted.predict_interval(fh=[1])


def test_predict__part_of_the_horizon_or_absolute_hours__same_values(fitted):
    whole = fitted.predict(fh=DAY_AHEAD)
    hours = pd.DatetimeIndex(["2023-03-01 02:00", "2023-03-01 23:00"])
    pd.testing.assert_frame_equal(fitted.predict(fh=[3, 24]), fitted.predict(fh=hours))
    part = fitted.predict(fh=[24, 3])
    # The last bits may differ, as sums over fewer rows are made in another order.
    pd.testing.assert_frame_equal(part, whole.loc[part.index], rtol=1e-6)


@pytest.mark.parametrize("fh", [[25], [1, 30], pd.DatetimeIndex(["2023-03-02 00:00"])])
def test_predict__beyond_the_horizon__error_names_it(fitted, fh):
    with pytest.raises(ForecastError, match="horizon=24 allows"):
        fitted.predict(fh=fh)


def test_fit__two_days_ahead__forecasts_two_days(panel, small):
    fitted = small.set_params(horizon=48).fit(panel)
    made = fitted.predict(fh=list(range(1, 49)))
    assert np.isfinite(made.to_numpy()).all()
    assert fitted.holdout_["horizon"].max() == 48


def test_predict_quantiles__any_probabilities__never_cross_and_meet_in_the_forecast(fitted):
    shares = [0.01, 0.1, 0.4, 0.5, 0.6, 0.9, 0.99]
    made = fitted.predict_quantiles(fh=DAY_AHEAD, alpha=shares)["energy_consumption"]
    assert (np.diff(made[shares], axis=1) >= 0).all()
    np.testing.assert_allclose(
        made[0.5], fitted.predict(fh=DAY_AHEAD)["energy_consumption"], rtol=1e-12
    )


def test_predict_interval__wider_coverage__contains_the_narrower(fitted):
    made = fitted.predict_interval(fh=DAY_AHEAD, coverage=[0.5, 0.8])["energy_consumption"]
    assert (made[0.8, "lower"] < made[0.5, "lower"]).all()
    assert (made[0.5, "upper"] < made[0.8, "upper"]).all()


def test_update__newer_hours__moves_the_origin_with_the_trees_unchanged(panel, small):
    origin = pd.Timestamp("2023-02-26 05:00")
    fitted = small.fit(until(panel, origin))
    trees = fitted.booster_.model_to_string()
    newer = panel[panel.index.get_level_values(-1) > origin]
    fitted.update(newer, update_params=False)
    assert fitted.cutoff[0] == panel.index[-1][-1]
    assert fitted.predict(fh=[1]).index[0][-1] == panel.index[-1][-1] + pd.Timedelta(hours=1)
    assert fitted.booster_.model_to_string() == trees
    assert len(fitted.history_.hours) == HISTORY_HOURS


def test_update__hour_by_hour_or_at_once__same_forecast(panel, small):
    origin = pd.Timestamp("2023-02-28 18:00")
    fitted = small.fit(until(panel, origin))
    at_once = fitted.clone().fit(until(panel, origin)).update(panel, update_params=False)
    for hour in pd.date_range(origin, panel.index[-1][-1], freq="h", inclusive="right"):
        fitted.update(panel[panel.index.get_level_values(-1) == hour], update_params=False)
    pd.testing.assert_frame_equal(
        fitted.predict(fh=DAY_AHEAD), at_once.predict(fh=DAY_AHEAD), check_exact=True
    )


def test_update__older_window__knows_nothing_later(panel, small):
    origin = pd.Timestamp("2023-02-25 12:00")
    window = training_window(panel, origin, 20)
    after = small.clone().fit(panel).update(window, update_params=False)
    assert after.history_.hours[-1] == origin
    assert after.predict(fh=[1]).index[0][-1] == origin + pd.Timedelta(hours=1)
    overlap = panel[panel.index.isin(window.index)].xs(("DK1", "111")).iloc[-HISTORY_HOURS:]
    assert after.history_.array[0].tolist() == overlap["energy_consumption"].tolist()


def test_update__series_never_seen__is_forecast(fitted, panel):
    stranger = panel.xs("DK1", drop_level=False).rename(index={"DK1": "SE3"}, level=0)
    made = fitted.clone().fit(panel).update(stranger, update_params=False).predict(fh=[1])
    assert "SE3" in made.index.get_level_values(0)
    assert np.isfinite(made.to_numpy()).all()


def test_update__asked_to_change_the_trees__says_it_does_not(panel, small):
    fitted = small.fit(panel)
    with pytest.warns(UserWarning, match="call fit with the whole window"):
        fitted.update(panel)


def test_fit__gaps__are_inputs_but_never_targets(panel, small):
    times = panel.index.get_level_values(-1)
    gap = (times >= "2023-02-20") & (times < "2023-02-21")
    for gappy in (panel[~gap], panel.mask(pd.Series(gap, panel.index))):
        fitted = small.clone().fit(gappy)
        assert np.isfinite(fitted.predict(fh=DAY_AHEAD).to_numpy()).all()
    held_out = small.set_params(calibration_days=9).fit(panel[~gap]).holdout_
    assert not held_out["datetime_utc"].between("2023-02-20", "2023-02-20 23:00").any()


def test_fit__missing_rows_or_missing_values__same_bytes(panel, small):
    gap = (np.arange(len(panel)) % 672 > 600) & (np.arange(len(panel)) % 672 < 640)
    absent = small.clone().fit(panel[~gap]).predict(fh=DAY_AHEAD)
    empty = small.clone().fit(panel.mask(pd.Series(gap, panel.index))).predict(fh=DAY_AHEAD)
    pd.testing.assert_frame_equal(absent, empty, check_exact=True)


@pytest.mark.parametrize("hours", [2, 30, 100, 300])
def test_fit__late_series__is_forecast_near_its_level(panel, small, hours):
    late = panel.drop(panel.index[672 : 2 * 672 - hours])
    made = small.fit(late).predict(fh=DAY_AHEAD).xs(("DK1", "121"))
    level = panel.xs(("DK1", "121")).mean().item()
    assert made.gt(0.3 * level).all().item()
    assert made.lt(3 * level).all().item()


def test_fit__series_that_ended_early__is_forecast_from_the_common_origin(panel, small):
    ended = panel.drop(panel.index[672 * 2 - 300 : 672 * 2])
    made = small.fit(ended).predict(fh=[1])
    assert set(made.index.get_level_values(-1)) == {pd.Timestamp("2023-03-01")}
    assert np.isfinite(made.to_numpy()).all()


def test_fit__zeros_and_negatives__are_forecast(panel, small):
    strange = panel.copy()
    strange.iloc[:672] = 0.0
    strange.iloc[672 : 2 * 672] *= -1
    made = small.fit(strange).predict(fh=DAY_AHEAD)
    np.testing.assert_allclose(made.xs(("DK1", "111")), 0, atol=1e-3)
    assert made.xs(("DK1", "121")).lt(0).all().item()


@pytest.mark.parametrize("series", [pd.Series, pd.DataFrame])
def test_fit__single_series__without_a_key(panel, small, series):
    alone = panel.xs(("DK1", "111"))
    alone = alone["energy_consumption"] if series is pd.Series else alone
    fitted = small.fit(alone)
    made = fitted.predict(fh=DAY_AHEAD)
    assert isinstance(made, series)
    assert isinstance(made.index, pd.DatetimeIndex)
    assert fitted.predict_interval(fh=[1, 2]).shape == (2, 2)
    assert list(fitted.holdout_.columns)[:3] == ["origin", "horizon", "datetime_utc"]


def test_fit__two_level_panel__keeps_its_levels(panel, small):
    areas = panel.groupby(level=["area", "datetime_utc"]).sum()
    assert small.fit(areas).predict(fh=[1]).index.names == ["area", "datetime_utc"]


def test_fit__window_of_a_few_days__trains_on_what_there_is(panel, small):
    window = until(panel, pd.Timestamp("2023-02-04 23:00"))
    made = small.set_params(calibration_days=1).fit(window).predict(fh=DAY_AHEAD)
    assert np.isfinite(made.to_numpy()).all()


def test_fit__too_short_to_hold_days_out__warns_and_still_has_intervals(panel, small):
    window = until(panel, pd.Timestamp("2023-02-03 23:00"))
    with pytest.warns(UserWarning, match="72 hours is too short to hold out 4 days"):
        small.fit(window)
    assert small.holdout_ is None
    made = small.predict_interval(fh=DAY_AHEAD)["energy_consumption"][0.9]
    assert (made["lower"] < made["upper"]).all()


@pytest.mark.parametrize("hours", [2, 10, 23])
def test_fit__nothing_to_train_on__forecasts_the_base(panel, small, hours):
    window = until(panel, panel.index[hours - 1][-1])
    with pytest.warns(UserWarning, match="too short"):
        small.fit(window)
    made = small.predict(fh=DAY_AHEAD)
    assert small.booster_ is None
    level = window.groupby(level=[0, 1]).mean()["energy_consumption"]
    expected = made["energy_consumption"].groupby(level=[0, 1]).mean()
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
def test_fit__parameters_that_cannot_be_used__error_names_them(panel, small, parameters, message):
    with pytest.raises(ForecastError, match=message):
        small.set_params(**parameters).fit(panel)


def test_fit__repeated_rows__error_names_one(panel, small):
    with pytest.raises(ForecastError, match=r"1 rows repeat.*DK1.*111"):
        small.fit(pd.concat([panel, panel.iloc[:1]]))


def test_fit__no_series_longer_than_a_day__forecasts_their_means(panel, small):
    first = panel.xs(("DK1", "111"), drop_level=False).iloc[:20]
    last = panel.xs(("DK2", "111"), drop_level=False).iloc[-20:]
    made = small.set_params(calibration_days=0).fit(pd.concat([first, last])).predict(fh=[1])
    means = [first.mean().item(), last.mean().item()]
    np.testing.assert_allclose(made["energy_consumption"], means, rtol=0.5)


def test_fit__a_single_hour__is_its_own_forecast_without_intervals(panel, small):
    alone = panel.xs(("DK1", "111")).iloc[:1]
    with pytest.warns(UserWarning, match="too short"):
        small.fit(alone)
    np.testing.assert_allclose(small.predict(fh=[1, 2]), alone.iloc[0].item())
    with pytest.raises(ForecastError, match="no intervals"):
        small.predict_interval(fh=[1])


@pytest.mark.parametrize("minutes", [15, 120])
def test_fit__other_steps_than_hours_within_the_day__error(panel, small, minutes):
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
def test_fit__another_regular_index__counts_steps(panel, small, index):
    other = panel.xs(("DK1", "111")).set_axis(index)
    made = small.fit(other).predict(fh=[1, 24])
    expected = pd.Index([index[-1] + step * getattr(index, "freq", 1) for step in (1, 24)])
    if isinstance(index, pd.RangeIndex):
        expected = pd.Index([index[-1] + 1, index[-1] + 24])
    assert made.index.tolist() == expected.tolist()
    np.testing.assert_allclose(made.iloc[1], other.iloc[-1], rtol=0.2)


def temperatures(panel, seed=1):
    """A column that the load follows, known a day ahead."""
    times = panel.index.get_level_values(-1).unique()
    hours = pd.date_range(times[0], times[-1] + pd.Timedelta(days=1), freq="h")
    rng = np.random.default_rng(seed)
    degrees = pd.Series(10 + rng.normal(0, 5, len(hours)).cumsum() / 10, hours)
    keys = panel.index.droplevel(-1).unique()
    return pd.concat({key: degrees.rename("temperature") for key in keys}, names=panel.index.names)


def test_fit__exogenous_column_that_matters__halves_the_error(panel, small):
    X = temperatures(panel).to_frame()
    y = panel.mul(np.exp(-0.05 * X["temperature"].reindex(panel.index)), axis=0)
    origin = pd.Timestamp("2023-02-27 23:00")
    future = X[X.index.get_level_values(-1) > origin]
    actual = y[y.index.get_level_values(-1) > origin]
    small.set_params(n_estimators=60)
    blind = small.clone().fit(until(y, origin)).predict(fh=DAY_AHEAD)
    seeing = small.clone().fit(until(y, origin), X=until(X, origin)).predict(DAY_AHEAD, X=future)
    errors = [(made / actual - 1).abs().mean().item() for made in (blind, seeing)]
    assert errors[1] < 0.5 * errors[0]


def test_predict__exogenous_column_missing__error_names_it(panel, small):
    X = temperatures(panel).to_frame()
    fitted = small.fit(panel, X=X)
    for given in (None, X.rename(columns={"temperature": "wind"})):
        with pytest.raises(ForecastError, match="temperature"):
            fitted.predict(fh=[1], X=given)


def test_update__exogenous_values_of_newer_hours__count_as_if_known_at_once(panel, small):
    X = temperatures(panel).to_frame()
    origin = pd.Timestamp("2023-02-27 07:00")
    fitted = small.fit(until(panel, origin), X=X)
    again = small.clone().fit(until(panel, origin), X=X).update(panel, X, update_params=False)
    newer = panel[panel.index.get_level_values(-1) > origin]
    fitted.update(newer, X[X.index.get_level_values(-1) > origin], update_params=False)
    pd.testing.assert_frame_equal(
        fitted.predict(fh=DAY_AHEAD, X=X), again.predict(fh=DAY_AHEAD, X=X), check_exact=True
    )


def test_update__panel_of_other_levels__error_names_both(panel, small):
    fitted = small.fit(panel)
    areas = panel.groupby(level=["area", "datetime_utc"]).sum()
    with pytest.raises(
        ForecastError, match=r"\['area', 'consumer_type'\], and this one has \['area'\]"
    ):
        fitted.update(areas, update_params=False)


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_predict__linear_weight__mixes_both_on_the_logarithmic_scale(panel, small, weight):
    whole = small.set_params(linear_weight=weight).fit(panel).predict(fh=DAY_AHEAD)
    parts = [
        small.clone().set_params(linear_weight=share).fit(panel).predict(fh=DAY_AHEAD)
        for share in (0.0, 1.0)
    ]
    mixed = (1 - weight) * np.log(parts[0]) + weight * np.log(parts[1])
    np.testing.assert_allclose(np.log(whole), mixed, atol=1e-3)


def test_fit__recursive__forecasts_with_intervals_and_a_held_out_table(panel, small):
    fitted = small.set_params(strategy="recursive").fit(panel)
    made = fitted.predict(fh=DAY_AHEAD)
    expected = panel.rename(index=lambda hour: hour + pd.Timedelta(days=28), level=2)
    errors = (made / expected.reindex(made.index) - 1).abs()
    # Of the largest series: the strategy knows no scale, and small ones mean little to it.
    assert errors.xs(("DK1", "111")).mean().item() < 0.1
    bounds = fitted.predict_interval(fh=DAY_AHEAD)["energy_consumption"][0.9]
    assert (bounds["lower"] < bounds["upper"]).all()
    assert set(fitted.holdout_["horizon"]) == set(DAY_AHEAD)
    pd.testing.assert_frame_equal(
        made.loc[(slice(None), slice(None)), :], fitted.predict(DAY_AHEAD)
    )


def test_fit__unknown_strategy__error_names_those_there_are(panel, small):
    with pytest.raises(ForecastError, match="'direct', 'recursive'"):
        small.set_params(strategy="both").fit(panel)


def test_class__example__gives_what_it_says():
    assert doctest.testmod(forecaster, raise_on_error=True).attempted > 0
