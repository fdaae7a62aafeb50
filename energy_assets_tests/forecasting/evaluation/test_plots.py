"""Plots are small PNGs, and drawing them does not touch global state."""

import io
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from energy_assets.forecasting.evaluation import plots

LIMIT = 60_000


@pytest.fixture
def forecast(fitted):
    hours = list(range(1, 25))
    forecast = fitted.predict(fh=hours).set_axis(["forecast"], axis=1)
    forecast[["lower", "upper"]] = fitted.predict_interval(fh=hours, coverage=0.8).to_numpy()
    return forecast.assign(seasonal_naive_168=forecast["forecast"] * 1.1, actual=np.nan)


def size_of(png: bytes) -> tuple[int, int]:
    assert len(png) < LIMIT
    with Image.open(io.BytesIO(png)) as picture:
        picture.verify()
        assert picture.format == "PNG"
        return picture.size


@pytest.mark.parametrize("count", [1, 2, 4, 6])
def test_any_number_of_series_gives_a_small_png(panel, forecast, count):
    width, height = size_of(plots.forecast_plot(panel, forecast, timezone="UTC", series=count))
    assert width > 600
    assert height > 250


def test_a_single_series_can_be_drawn_without_an_interval(panel, forecast):
    key = ("DK1", "111")
    size_of(plots.forecast_plot(panel.xs(key), forecast.xs(key)[["forecast"]], timezone="UTC"))


def test_many_series_with_gaps_give_a_small_png(panel, forecast):
    names = [f"area {n}" for n in range(20)]
    history = pd.concat({name: panel.xs("DK1") for name in names}, names=["area"])
    forecasts = pd.concat({name: forecast.xs("DK1") for name in names}, names=["area"])
    gappy = history.drop(history.index[600:620])
    size_of(plots.forecast_plot(gappy, forecasts, timezone="Europe/Copenhagen"))


def test_errors_by_horizon_give_a_small_png():
    errors = pd.Series(np.linspace(0.04, 0.07, 24), index=range(1, 25))
    lines = {"GlobalForecaster": errors, "seasonal_naive_24": errors * 2}
    size_of(plots.error_by_horizon_plot(lines | {"seasonal_naive_168": errors * 1.5}))


@pytest.mark.parametrize("number", [1, 2, 30])
def test_any_number_of_trials_gives_a_small_png(number):
    rng = np.random.default_rng(0)
    trials = pd.DataFrame(rng.uniform(0.05, 0.06, (number, 2)), columns=["fold_1", "fold_2"])
    trials = trials.assign(score=trials.mean(axis=1), state="complete")
    trials = trials.set_axis(range(1, number + 1))
    size_of(plots.trials_plot(trials, {"seasonal_naive_168": 0.08}))


def test_a_pruned_trial_looks_different_with_any_baselines():
    trials = pd.DataFrame({"score": [0.06, 0.055, 0.05], "state": "complete"}, index=[1, 2, 3])
    pruned = trials.assign(state=["complete", "complete", "pruned"])
    for baselines in ({}, {"seasonal_naive_24": 0.061}, {"seasonal_naive_24": 0.13}):
        size_of(plots.trials_plot(trials, baselines))
        assert plots.trials_plot(trials, baselines) != plots.trials_plot(pruned, baselines)


def test_the_same_input_gives_the_same_bytes_without_pyplot(panel, forecast):
    first, second = (plots.forecast_plot(panel, forecast, timezone="UTC") for _ in range(2))
    assert first == second
    assert plots.forecast_plot(panel, forecast, timezone="Asia/Tokyo") != first
    assert "matplotlib.pyplot" not in sys.modules
