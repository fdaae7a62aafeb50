"""A panel that is fitted by shards gives the forecasts of one that is fitted whole."""

import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import ShortHistoryError
from energy_assets.forecasting import fitted, model_files, sharded
from energy_assets.forecasting.evaluation.scores import scores
from energy_assets.forecasting.parameters import Parameters
from energy_assets_tests.forecasting.conftest import HOURS, _panel

PARAMETERS = Parameters(n_estimators=20, country="DK", timezone="Europe/Copenhagen", n_jobs=1)
SERIES = [("DK1" if number % 2 else "DK2", f"{number:03}") for number in range(13)]


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    panel = _panel(SERIES, HOURS)
    panel.iloc[::97] = np.nan  # gaps
    late = panel.index.get_level_values(-1) < HOURS[200]
    return panel[~(late & (panel.index.get_level_values(1) == "003"))].sort_index()


def some_of(panel: pd.DataFrame, number: int, count: int) -> pd.DataFrame:
    """Every so-manieth series."""
    series = panel.index.droplevel(-1)
    codes = pd.factorize(series)[0]
    return panel[codes % count == number]


def shards_of(panel: pd.DataFrame, count: int) -> list[sharded.Shard]:
    return [partial(some_of, panel, number, count) for number in range(count)]


@pytest.mark.parametrize("count", [1, 4, 10])
def test_shards_give_the_same_model_as_the_whole_panel_if_all_series_are_the_sample(
    panel, count, tmp_path
):
    whole = fitted.fit(panel, None, PARAMETERS)
    model, found = sharded.fit(shards_of(panel, count), PARAMETERS)
    forecast = model.updated(panel).predict(24, {0.1: "lower", 0.9: "upper"})
    expected = whole.predict(24, {0.1: "lower", 0.9: "upper"})
    pd.testing.assert_frame_equal(forecast, expected, rtol=1e-6)
    assert found == pytest.approx(scores(whole.holdout, panel), rel=1e-6)
    model_files.save(model, tmp_path)
    assert model_files.load(tmp_path).updated(panel).predict(24).shape == (13 * 24, 1)


def test_shards_in_other_processes_give_the_same_bits(panel):
    shards = shards_of(panel, 3)
    here, scores_here = sharded.fit(shards, PARAMETERS)
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        there, scores_there = sharded.fit(shards, PARAMETERS, pool.map)
    pd.testing.assert_frame_equal(
        here.updated(panel).predict(24), there.updated(panel).predict(24), check_exact=True
    )
    assert scores_here == scores_there


def test_a_smaller_sample_changes_forecasts_little(panel, monkeypatch):
    whole = fitted.fit(panel, None, PARAMETERS).predict(24)
    training = fitted.training_of(PARAMETERS)
    five_series = replace(training, sampling=replace(training.sampling, max_rows=15_000))
    monkeypatch.setattr(sharded, "training_of", lambda _: five_series)
    monkeypatch.setattr(sharded.autoregression, "SAMPLE_SERIES", 5)
    model, _ = sharded.fit(shards_of(panel, 4), PARAMETERS)
    forecast = model.updated(panel).predict(24)
    difference = (forecast / whole - 1).abs()["forecast"]
    assert 0 < difference.median() < 0.01
    assert difference.max() < 0.1


def test_a_sample_has_evenly_spaced_series_of_every_shard(panel):
    parts = [read() for read in shards_of(panel, 4)]
    sample = sharded.sample(shards_of(panel, 4), 8)
    assert sample.index.is_monotonic_increasing
    for part in parts:
        of_shard = sample[sample.index.isin(part.index)]
        series = of_shard.index.droplevel(-1)
        every = part.index.droplevel(-1).unique().sort_values()
        assert list(series.unique()) == [every[0], every[-1]]
        pd.testing.assert_frame_equal(of_shard, part[part.index.droplevel(-1).isin(series)])


def test_a_sample_of_more_series_than_there_are_is_all_of_them(panel):
    pd.testing.assert_frame_equal(sharded.sample(shards_of(panel, 10), 500), panel)


def test_with_many_shards_some_of_them_are_sampled_and_all_are_fitted(panel, monkeypatch):
    monkeypatch.setattr(sharded, "SAMPLED_SHARDS", 2)
    late = HOURS[-1]
    # The shards that are sampled lack the last hour.
    shards = [
        partial(without, read, late) if number in (0, 2) else read
        for number, read in enumerate(shards_of(panel, 4))
    ]
    model, found = sharded.fit(shards, PARAMETERS)
    whole = fitted.fit(panel, None, PARAMETERS)
    assert list(model.model.series) == list(whole.model.series)
    forecast, expected = (one.updated(panel).predict(24)["forecast"] for one in (model, whole))
    assert (forecast / expected - 1).abs().median() < 0.03
    assert found["mape"] == pytest.approx(scores(whole.holdout, panel)["mape"], rel=0.2)


def without(read: sharded.Shard, hour: pd.Timestamp) -> pd.DataFrame:
    panel = read()
    return panel[panel.index.get_level_values(-1) != hour]


def test_a_long_window_has_an_autoregression_by_shards_as_well():
    hours = pd.date_range("2022-06-01", periods=110 * 24, freq="h", name="datetime_utc")
    panel = _panel(SERIES[:4], hours)
    whole = fitted.fit(panel, None, PARAMETERS)
    assert whole.model.hourly is not None
    model, _ = sharded.fit(shards_of(panel, 2), PARAMETERS)
    pd.testing.assert_frame_equal(
        model.updated(panel).predict(24), whole.predict(24), check_exact=False, rtol=1e-6
    )


def test_a_holiday_is_the_same_by_shards():
    hours = pd.date_range(end="2023-04-06 21:00", periods=40 * 24, freq="h", name="datetime_utc")
    panel = _panel(SERIES[:4], hours)  # up to the evening before Good Friday
    whole = fitted.fit(panel, None, PARAMETERS)
    model, _ = sharded.fit(shards_of(panel, 2), PARAMETERS)
    np.testing.assert_allclose(
        model.model.holidays.contrasts, whole.model.holidays.contrasts, rtol=1e-4, atol=1e-6
    )
    pd.testing.assert_frame_equal(model.updated(panel).predict(24), whole.predict(24), rtol=1e-6)


def test_without_held_out_days_there_are_no_scores_and_no_intervals(panel):
    model, found = sharded.fit(shards_of(panel, 2), replace(PARAMETERS, calibration_days=0))
    assert not found
    assert model.calibration is None


def test_too_short_a_history_is_an_error(panel):
    with pytest.raises(ShortHistoryError, match="empty"):
        sharded.fit([lambda: panel.iloc[:0]], PARAMETERS)
    short = panel[panel.index.get_level_values(-1) < HOURS[100]]
    with pytest.raises(ShortHistoryError, match="100 hours"):
        sharded.fit(shards_of(short, 2), PARAMETERS)


def test_a_window_without_usable_rows_forecasts_the_base():
    hours = HOURS[: 24 * 6]
    panel = _panel(SERIES[:2], hours)
    panel.iloc[:-1] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, found = sharded.fit(shards_of(panel, 2), PARAMETERS)
    assert not found
    assert model.model.booster is None
