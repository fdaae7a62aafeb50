"""The autoregression against a slow oracle: one dense problem per series and block."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from energy_assets.forecasting import GlobalForecaster, model_files
from energy_assets.forecasting.features import transform
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.models import autoregression
from energy_assets.forecasting.models.blend import Shares
from energy_assets.forecasting.models.held_out import Pair
from energy_assets.forecasting.panel.matrix import to_matrix

START = pd.Timestamp("2023-01-01 05:00")
FIRST_HOUR = (START - pd.Timestamp("1970-01-01")) // pd.Timedelta(hours=1)


@pytest.fixture(scope="module")
def months():
    """Two series over 120 days whose next hours follow the last one, and one that starts late."""
    hours = pd.date_range(START, periods=120 * 24, freq="h", name="datetime_utc")
    rng = np.random.default_rng(5)
    shape = 0.3 * np.sin(2 * np.pi * hours.hour.to_numpy() / 24) - 0.2 * (hours.weekday >= 5)
    walk = np.empty((3, len(hours)))
    walk[:, 0] = 0
    for hour in range(1, len(hours)):
        walk[:, hour] = 0.97 * walk[:, hour - 1] + 0.02 * rng.standard_normal(3)
    values = np.exp(shape + walk) * [[10], [1000], [50]]
    index = pd.MultiIndex.from_product([["a", "b", "late"], hours], names=["series", hours.name])
    panel = pd.DataFrame({"load": values.ravel()}, index=index)
    return panel.drop(panel.index[2 * len(hours) : 2 * len(hours) + 1000])


@pytest.fixture(scope="module")
def level(months):
    matrix = to_matrix(months)
    return transform.asinh(matrix.array, transform.series_scale(matrix.array))


@pytest.fixture(scope="module")
def calendar(months):
    return Design(24, "DK", "Europe/Copenhagen").calendar(to_matrix(months).hours)


def fit(level, observed, horizon, calendar, start, end, held_out=None):
    """Both models; the held-out one sees the hours before the column `held_out`."""
    ends = Pair(end, held_out)
    rows = autoregression.Rows(level, observed, horizon, calendar, start, ends)
    return autoregression.fit(rows, rows.sums(slice(None)).map(autoregression.pool))


def test_weights_equal_those_of_the_slow_oracle(level, calendar):
    end, horizon = level.shape[1], 24
    fitted = fit(level, np.isfinite(level), horizon, calendar, FIRST_HOUR, end).final
    origins = np.arange(autoregression.REACH, end - horizon)
    block = 2
    at = origins[(FIRST_HOUR + origins) % 24 // 3 == block]
    inputs = autoregression.View(level, horizon, calendar, FIRST_HOUR).inputs(at)
    steps = np.arange(1, horizon + 1)
    target = level[:, at[:, None] + steps] - level[:, at[:, None] + steps - 24]
    # Rows count less the farther they are from the end in the time of the year.
    weight = 0.1 + 0.9 * np.cos(np.pi * (end - at) / (365.25 * 24)) ** 4
    rows, targets, total = [], [], 0.0
    for X, y in zip(inputs, target, strict=True):
        observed = np.isfinite(X).all(axis=1) & np.isfinite(y).all(axis=1)
        root = np.sqrt(weight[observed])[:, None]
        rows.append(root * X[observed])
        targets.append(root * y[observed])
        total += weight[observed].sum()
    everything = np.vstack(rows)
    penalty = autoregression.POOLED_ORIGINS * ((everything**2).sum(axis=0) / total + 1e-9)
    penalty[0] = autoregression.POOLED_ORIGINS * 1e-6
    pooled = np.linalg.solve(
        everything.T @ everything + np.diag(penalty), everything.T @ np.vstack(targets)
    )
    np.testing.assert_allclose(fitted.weights[-1, block], pooled, atol=1e-4)
    for series, (X, y) in enumerate(zip(rows, targets, strict=True)):
        change = np.linalg.solve(X.T @ X + np.diag(penalty), X.T @ (y - X @ pooled))
        np.testing.assert_allclose(fitted.weights[series, block], pooled + change, atol=1e-4)


def test_values_after_the_origin_do_not_change_inputs(level, calendar):
    origins = np.array([400, 500])
    changed = level.copy()
    changed[:, 501:] += 1
    first, second = (
        autoregression.View(values, 24, calendar, FIRST_HOUR).inputs(origins)
        for values in (level, changed)
    )
    np.testing.assert_array_equal(first, second)


def test_targets_after_the_end_are_not_learnt(level, calendar):
    changed = level.copy()
    changed[:, 2500:] += 1
    observed = np.isfinite(level)
    first, second = (
        fit(values, observed, 24, calendar, FIRST_HOUR, 2500).final for values in (level, changed)
    )
    np.testing.assert_array_equal(first.weights, second.weights)


def test_the_held_out_model_does_not_learn_from_the_held_out_hours(level, calendar):
    observed, end = np.isfinite(level), level.shape[1]
    changed = level.copy()
    changed[:, end - 96 :] += 1
    first, second = (
        fit(values, observed, 24, calendar, FIRST_HOUR, end, held_out=end - 96)
        for values in (level, changed)
    )
    np.testing.assert_array_equal(first.held_out.weights, second.held_out.weights)
    assert (first.final.weights != second.final.weights).any()


def test_inputs_before_the_start_of_a_series_are_unknown(level, calendar):
    start = int(np.isfinite(level[2]).argmax())
    first = start + 2 * 168 - 1  # two weeks before the first hour ahead
    view = autoregression.View(level, 24, calendar, FIRST_HOUR)
    inputs = view.inputs(np.array([first - 1, first]))
    known = np.isfinite(inputs).all(axis=2)
    np.testing.assert_array_equal(known, [[True, True], [True, True], [False, True]])


def test_with_months_of_history_the_next_hours_are_forecast_better(months):
    origin = months.index[-1][-1] - pd.Timedelta(days=2)
    window = months[months.index.get_level_values(-1) <= origin]
    errors = {}
    for weight in (0.0, 0.5):
        forecaster = GlobalForecaster(n_estimators=20, n_jobs=1, lear_weight=weight).fit(window)
        held_out = forecaster.holdout_[forecaster.holdout_["horizon"] <= 3]
        errors[weight] = (held_out["forecast"] / held_out["actual"] - 1).abs().mean()
    assert errors[0.5] < 0.98 * errors[0.0]


def test_an_updated_model_forecasts_from_other_hours_of_the_day(months):
    origin = months.index[-1][-1] - pd.Timedelta(hours=30)
    window = months[months.index.get_level_values(-1) <= origin]
    fitted = GlobalForecaster(n_estimators=5, n_jobs=1, calibration_days=0).fit(window)
    assert fitted.model_.hourly is not None
    steps = list(range(1, 25))
    whole = fitted.clone().fit(window).update(months, update_params=False).predict(fh=steps)
    for hour in pd.date_range(origin, months.index[-1][-1], freq="h", inclusive="right"):
        newer = months[months.index.get_level_values(-1) == hour]
        fitted.update(newer, update_params=False)
    pd.testing.assert_frame_equal(fitted.predict(fh=steps), whole, rtol=1e-9)
    actual = months.groupby(level=0).tail(1)["load"].to_numpy()
    first = whole.groupby(level=0).head(1)["load"].to_numpy()
    np.testing.assert_allclose(first, actual, rtol=0.3)


def test_its_share_is_largest_for_the_next_hours():
    steps = np.arange(1, 25)
    share = Shares(0.5, 0.5, next_hours=0.4).of_autoregression(steps)
    assert share[0] == pytest.approx(0.7)
    assert (np.diff(share) < 0).all()
    assert share[-1] == pytest.approx(0.5, abs=0.01)
    np.testing.assert_array_equal(Shares(0.5, 0.5).of_autoregression(steps), 0.5)


def test_a_model_of_an_earlier_release_keeps_its_share(months, tmp_path):
    origin = months.index[-1][-1] - pd.Timedelta(days=1)
    window = months[months.index.get_level_values(-1) <= origin]
    fitted = GlobalForecaster(n_estimators=5, n_jobs=1, calibration_days=0).fit(window).fitted_
    model_files.save(fitted, tmp_path)
    assert model_files.load(tmp_path).model.shares == fitted.model.shares
    path, checksums = tmp_path / "forecaster.json", tmp_path / "checksums.json"
    description = json.loads(path.read_text())
    del description["next_hours"]
    path.write_text(json.dumps(description))
    found = json.loads(checksums.read_text())
    found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    checksums.write_text(json.dumps(found))
    assert model_files.load(tmp_path).model.shares == Shares(0.5, 0.5)


def yearly_panel(days: int) -> pd.DataFrame:
    """Three series whose evenings are higher in winter, up to the middle of November 2022."""
    hours = pd.date_range(end="2022-11-15 23:00", periods=days * 24, freq="h", name="datetime_utc")
    season = np.cos(2 * np.pi * (hours.dayofyear.to_numpy() - 15) / 365.25)
    hour, weekend = hours.hour.to_numpy(), hours.weekday.to_numpy() >= 5
    evening = np.exp(-(((hour - 18) / 3) ** 2))
    # The season comes suddenly, as heating does.
    shape = 0.6 * evening / (1 + np.exp(-8 * season)) - 0.2 * weekend
    noise = np.random.default_rng(2).standard_normal((3, 900 * 24))[:, -len(hours) :]
    values = np.exp(shape + 0.03 * noise) * [[10], [200], [3]]
    index = pd.MultiIndex.from_product([["a", "b", "c"], hours], names=["series", hours.name])
    return pd.DataFrame({"load": values.ravel()}, index)


def test_earlier_years_help():
    """The season changes, and only the windows of one and two years have seen it do so."""
    actual = yearly_panel(20).groupby(level=0).tail(20 * 24)
    errors = {}
    for days in (150, 385, 750):
        panel = yearly_panel(days)
        error = []
        for back in range(16, 0, -5):
            origin = panel.index[-1][-1] - pd.Timedelta(days=back)
            window = panel[panel.index.get_level_values(-1) <= origin]
            fitted = GlobalForecaster(n_estimators=20, n_jobs=1, calibration_days=0).fit(window)
            forecast = fitted.predict(fh=list(range(1, 25)))["load"]
            error.append(abs(forecast / actual["load"].reindex(forecast.index) - 1).mean())
        errors[days] = np.mean(error)
    assert errors[750] < errors[385] < errors[150]
