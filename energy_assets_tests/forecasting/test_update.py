"""An update moves the origin of `GlobalForecaster`, and nothing else."""

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting.features.feature_matrix import HISTORY_HOURS
from energy_assets.forecasting.fitted import fit
from energy_assets.forecasting.panel.matrix import training_window
from energy_assets.forecasting.parameters import Parameters
from energy_assets_tests.forecasting.conftest import DAY_AHEAD, DENMARK, until


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


def test_an_update_with_other_levels_is_an_error_that_names_both(panel, small):
    fitted = small.fit(panel)
    areas = panel.groupby(level=["area", "datetime_utc"]).sum()
    with pytest.raises(
        ForecastError, match=r"\['area', 'consumer_type'\], and this one has \['area'\]"
    ):
        fitted.update(areas, update_params=False)


def test_without_the_interface_of_sktime_the_forecasts_are_the_same(fitted, panel):
    bounds = fitted.predict_interval(fh=DAY_AHEAD, coverage=0.8)["energy_consumption"][0.8]
    forecast = fitted.predict(fh=DAY_AHEAD).set_axis(["forecast"], axis=1).join(bounds)
    plain = fit(panel, None, Parameters(n_estimators=20, n_jobs=1, **DENMARK))
    pd.testing.assert_frame_equal(
        plain.predict(24, {0.1: "lower", 0.9: "upper"}), forecast, check_exact=True
    )
    pd.testing.assert_frame_equal(plain.holdout, fitted.holdout_, check_exact=True)
    with pytest.raises(ForecastError, match="25 hours ahead is asked for, but horizon=24"):
        plain.predict(25)
