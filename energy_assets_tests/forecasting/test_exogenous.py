"""Columns known ahead improve forecasts, and are required if the model was fitted with them."""

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting import GlobalForecaster
from energy_assets.forecasting.model_files import load, save
from energy_assets_tests.forecasting.conftest import DAY_AHEAD, until


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


def test_a_loaded_model_with_a_response_forecasts_the_same_bits(panel, small, tmp_path):
    X = temperatures(panel).to_frame()
    fitted = small.fit(panel, X=X)
    assert fitted.fitted_.response is not None
    save(fitted.fitted_, tmp_path / "model")
    loaded = GlobalForecaster.of(load(tmp_path / "model"))
    loaded.update(panel, X, update_params=False)
    for method in ("predict", "predict_interval"):
        pd.testing.assert_frame_equal(
            getattr(loaded, method)(fh=DAY_AHEAD, X=X),
            getattr(fitted, method)(fh=DAY_AHEAD, X=X),
            check_exact=True,
        )
    save(load(tmp_path / "model"), tmp_path / "again")
    for file in (tmp_path / "model").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


def test_held_out_days_are_in_the_unit_of_the_panel(panel, small):
    X = temperatures(panel).to_frame()
    y = panel.mul(np.exp(-0.05 * X["temperature"].reindex(panel.index)), axis=0)
    holdout = small.fit(y, X=X).holdout_
    keys = ["area", "consumer_type", "datetime_utc"]
    observed = y.reindex(pd.MultiIndex.from_frame(holdout[keys]))["energy_consumption"]
    np.testing.assert_allclose(holdout["actual"], observed, rtol=1e-9)
    blind = small.clone().fit(y).holdout_
    errors = [(table["forecast"] / table["actual"] - 1).abs().mean() for table in (holdout, blind)]
    assert errors[0] < 0.7 * errors[1]
    covered = holdout["actual"].between(holdout["lower"], holdout["upper"]).mean()
    assert 0.65 < covered < 0.95


def test_the_median_and_the_forecast_are_the_same_number_and_quantiles_do_not_cross(panel, small):
    X = temperatures(panel).to_frame()
    fitted = small.fit(panel, X=X).fitted_
    quantiles = {0.01: "q01", 0.1: "q10", 0.5: "q50", 0.9: "q90", 0.99: "q99"}
    table = fitted.predict(24, quantiles, X)
    assert (table["q50"] == table["forecast"]).all()
    assert (np.diff(table[list(quantiles.values())].to_numpy()) >= 0).all()
