"""Shards are fitted with columns known ahead as a whole panel is, if the columns are worth it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting import fitted, model_files, sharded
from energy_assets.forecasting.evaluation.scores import scores
from energy_assets_tests.forecasting.conftest import HOURS, _panel
from energy_assets_tests.forecasting.test_sharded import PARAMETERS, SERIES, shards_of

AHEAD = pd.date_range(HOURS[0], HOURS[-1] + pd.Timedelta(days=1), freq="h", name=HOURS.name)
QUANTILES = {0.1: "lower", 0.9: "upper"}
PLACES = ["temperature:1", "temperature:2"]

Weather = dict[str, pd.DataFrame]
"""The columns of each area, at the hours of the panel and of the day after."""


@pytest.fixture(scope="module")
def weather() -> Weather:
    """Cold fronts at two places of each area, and the wind."""
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 1.5, (4, len(AHEAD) + 99))
    fronts = [np.convolve(row, np.exp(-np.arange(100) / 30), "valid") for row in noise]
    wind = pd.DataFrame({"wind": rng.uniform(0, 10, len(AHEAD))}, AHEAD)
    return {
        area: wind.assign(**dict(zip(PLACES, pair, strict=True)))
        for area, pair in (("DK1", fronts[:2]), ("DK2", fronts[2:]))
    }


@pytest.fixture(scope="module")
def panel(weather: Weather) -> pd.DataFrame:
    """Series of which those of DK1 are heated."""
    panel = _panel(SERIES, HOURS)
    panel.iloc[::97] = np.nan  # gaps
    degrees = weather["DK1"][PLACES].mean(axis=1).reindex(panel.index, level=-1)
    in_dk1 = panel.index.get_level_values(0) == "DK1"
    return panel.mul(np.exp(np.where(in_dk1, -0.03, 0.0) * degrees), axis=0)


def columns_of(
    weather: Weather, warmer: float | None, series: pd.Index
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """The columns of some series, and the same with the temperature that was expected."""
    X = pd.concat({key: weather[key[0]] for key in series}, names=[*series.names, HOURS.name])
    return X, None if warmer is None else X.assign(**{name: X[name] + warmer for name in PLACES})


def never(with_columns: Mapping[str, float], without: Mapping[str, float]) -> bool:
    return False


def fitted_whole(
    panel: pd.DataFrame, weather: Weather, warmer: float | None = None
) -> tuple[fitted.Fitted, pd.DataFrame]:
    """The model of the whole panel, and its columns."""
    X, expected = columns_of(weather, warmer, panel.index.droplevel(-1).unique())
    return fitted.fit(panel, X, PARAMETERS, expected), X


@pytest.mark.parametrize(("count", "warmer"), [(1, None), (4, 3.0)])
def test_shards_with_columns_give_the_same_model_as_the_whole_panel(
    panel: pd.DataFrame, weather: Weather, count: int, warmer: float | None, tmp_path: Path
) -> None:
    whole, X = fitted_whole(panel, weather, warmer)
    model, found = sharded.fit(
        shards_of(panel, count), PARAMETERS, columns=partial(columns_of, weather, warmer)
    )
    expected = whole.predict(24, QUANTILES, X)
    forecast = model.updated(panel, X).predict(24, QUANTILES, X)
    pd.testing.assert_frame_equal(forecast, expected, rtol=1e-5)
    assert found == pytest.approx(scores(whole.holdout, panel), rel=1e-5)
    blind = fitted.fit(panel, None, PARAMETERS)
    assert model.plain is not None
    pd.testing.assert_frame_equal(
        model.plain.updated(panel).predict(24, QUANTILES), blind.predict(24, QUANTILES), rtol=1e-5
    )
    model_files.save(model, tmp_path)
    loaded = model_files.load(tmp_path)
    pd.testing.assert_frame_equal(
        loaded.updated(panel, X).predict(24, QUANTILES, X), forecast, check_exact=True
    )


def test_a_new_series_responds_as_after_a_fit_of_the_whole_panel(
    panel: pd.DataFrame, weather: Weather
) -> None:
    whole, _ = fitted_whole(panel, weather)
    model, _ = sharded.fit(
        shards_of(panel, 4), PARAMETERS, columns=partial(columns_of, weather, None)
    )
    new = panel.xs("001", level=1, drop_level=False).rename(index={"001": "new"})
    X, _ = columns_of(weather, None, new.index.droplevel(-1).unique())
    ours, theirs = (
        replace(one, past=None).updated(new, X).predict(24, X=X) for one in (model, whole)
    )
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-5)


def test_columns_that_are_not_worth_it_leave_the_model_without_them(
    panel: pd.DataFrame, weather: Weather
) -> None:
    shards = shards_of(panel, 3)
    columns = partial(columns_of, weather, None)
    model, found = sharded.fit(shards, PARAMETERS, columns=columns, worth=never)
    blind, found_blind = sharded.fit(shards, PARAMETERS)
    assert model.plain is None
    assert model.response is None
    assert found == found_blind
    pd.testing.assert_frame_equal(
        model.updated(panel).predict(24), blind.updated(panel).predict(24), check_exact=True
    )


def test_a_shard_is_read_once_for_both_fits(panel: pd.DataFrame, weather: Weather) -> None:
    reads = []

    def read(number: int) -> pd.DataFrame:
        reads.append(number)
        return shards_of(panel, 2)[number]()

    shards = [partial(read, number) for number in range(2)]
    model, _ = sharded.fit(shards, PARAMETERS, columns=partial(columns_of, weather, None))
    assert model.plain is not None
    assert reads == [0, 1, 0, 1], "first for the sample"


def test_the_held_out_days_of_the_sample_say_what_columns_are_worth(
    panel: pd.DataFrame, weather: Weather
) -> None:
    asked = []

    def asks(with_columns: Mapping[str, float], without: Mapping[str, float]) -> bool:
        asked.append((with_columns, without))
        return True

    columns = partial(columns_of, weather, None)
    _, found = sharded.fit(shards_of(panel, 3), PARAMETERS, columns=columns, worth=asks)
    _, found_blind = sharded.fit(shards_of(panel, 3), PARAMETERS)
    [(with_columns, without)] = asked
    # All series are in the sample.
    assert with_columns == pytest.approx(found, rel=1e-5)
    assert without == pytest.approx(found_blind, rel=1e-5)
    assert with_columns["mase"] < 0.9 * without["mase"]


def test_forecasts_that_were_wrong_make_the_scores_worse_and_intervals_wider(
    panel: pd.DataFrame, weather: Weather
) -> None:
    (exact, found_exact), (wrong, found_wrong) = (
        sharded.fit(shards_of(panel, 3), PARAMETERS, columns=partial(columns_of, weather, warmer))
        for warmer in (0.0, 6.0)
    )
    assert found_wrong["mase"] > 1.2 * found_exact["mase"]
    X, _ = columns_of(weather, None, panel.index.droplevel(-1).unique())
    narrow, wide = (
        one.updated(panel, X).predict(24, QUANTILES, X).loc["DK1"] for one in (exact, wrong)
    )
    widths = [table["upper"] - table["lower"] for table in (narrow, wide)]
    assert (widths[1] / widths[0]).median() > 1.2


def test_shards_with_columns_in_other_processes_give_the_same_bits(
    panel: pd.DataFrame, weather: Weather
) -> None:
    columns = partial(columns_of, weather, 3.0)
    here, scores_here = sharded.fit(shards_of(panel, 3), PARAMETERS, columns=columns)
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        there, scores_there = sharded.fit(shards_of(panel, 3), PARAMETERS, pool.map, columns)
    X, _ = columns(panel.index.droplevel(-1).unique())
    pd.testing.assert_frame_equal(
        here.updated(panel, X).predict(24, X=X),
        there.updated(panel, X).predict(24, X=X),
        check_exact=True,
    )
    assert scores_here == scores_there


def test_a_shard_without_columns_is_forecast_as_in_usual_weather(
    panel: pd.DataFrame, weather: Weather
) -> None:
    def known_in_dk1(series: pd.Index) -> tuple[pd.DataFrame, None]:
        X, _ = columns_of(weather, None, series)
        return X[X.index.get_level_values(0) == "DK1"], None

    shards = [partial(of_area, panel, area) for area in ("DK1", "DK2")]
    model, _ = sharded.fit(shards, PARAMETERS, columns=known_in_dk1)
    X, _ = known_in_dk1(panel.index.droplevel(-1).unique())
    whole = fitted.fit(panel, X, PARAMETERS)
    ours, theirs = (one.updated(panel, X).predict(24, X=X) for one in (model, whole))
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-5)
    effect = model.updated(panel, X).exogenous_effect(24, X)
    in_dk1 = ours.index.get_level_values(0) == "DK1"
    assert (effect[~in_dk1] == 0).all()
    assert np.abs(effect[in_dk1]).max() > 0.01


def of_area(panel: pd.DataFrame, area: str) -> pd.DataFrame:
    return panel.loc[[area]]


def test_columns_of_no_series_are_done_without(panel: pd.DataFrame, weather: Weather) -> None:
    def nothing(series: pd.Index) -> tuple[pd.DataFrame, None]:
        return columns_of(weather, None, series)[0].iloc[:0], None

    model, found = sharded.fit(shards_of(panel, 2), PARAMETERS, columns=nothing)
    assert model.response is None
    assert found == sharded.fit(shards_of(panel, 2), PARAMETERS)[1]


def test_without_held_out_days_columns_are_used(panel: pd.DataFrame, weather: Weather) -> None:
    parameters = replace(PARAMETERS, calibration_days=0)
    columns = partial(columns_of, weather, None)
    model, found = sharded.fit(shards_of(panel, 2), parameters, columns=columns)
    assert not found
    assert model.response is not None
    assert model.calibration is None
    with pytest.raises(ForecastError, match="temperature"):
        model.updated(panel).predict(24)
