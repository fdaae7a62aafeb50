"""A forecast uses the weather where it is known ahead, and a model without it where it is not."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from energy_assets.forecasting import model_files
from energy_assets.forecasting.fitted import Fitted
from energy_assets.forecasts.fallback import Limits, forecast
from energy_assets.forecasts.gate import TrainedModel, train, train_by_shard
from energy_assets.forecasts.weather import columns_of, is_known_ahead
from energy_assets.partitions import HOUR
from energy_assets.schemas import TARGET, WEATHER_VALUES, as_panel, panel_of

ORIGIN = datetime(2023, 3, 13, 21)
HOURS = pd.date_range(end=ORIGIN + 24 * HOUR, periods=41 * 24, freq="h", name="datetime_utc")
FAST = {"n_estimators": 20, "n_jobs": 1}
LIMITS = Limits(horizon=24, max_age=timedelta(days=7), patience=60)


def weather() -> pd.DataFrame:
    """Cold fronts that pass over both areas, the last one in the hours ahead."""
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 1.5, len(HOURS) + 99)
    degrees = 5 + np.convolve(noise, np.exp(-np.arange(100) / 30), "valid")
    degrees[-24:] -= 8
    areas = {
        area: pd.DataFrame({"temperature": degrees, "wind_speed": np.nan}, HOURS)
        for area in ("DK1", "DK2")
    }
    return pd.concat(areas, names=["area"])


def rows() -> pd.DataFrame:
    """A series that is heated in DK1, and one that is not in DK2, the hours ahead included."""
    degrees = weather()["temperature"].xs("DK1").to_numpy()
    day = 2 + np.sin(np.arange(len(HOURS)) / 24 * 2 * np.pi)
    noise = np.exp(np.random.default_rng(6).normal(0, 0.01, (2, len(HOURS))))
    loads = {
        ("DK1", "111"): day * np.exp(-0.03 * degrees) * noise[0],
        ("DK2", "121"): day * noise[1],
    }
    frames = [
        pd.DataFrame({"area": key[0], "consumer_type": key[1], "datetime_utc": HOURS, TARGET: load})
        for key, load in loads.items()
    ]
    return pd.concat(frames, ignore_index=True)


def history() -> pd.DataFrame:
    every = rows()
    return every[every["datetime_utc"] <= ORIGIN]


def of_area(area: str) -> pd.DataFrame:
    every = history()
    return every[every["area"] == area]


def past() -> pd.DataFrame:
    """The weather up to the origin."""
    known = weather()
    return known[known.index.get_level_values(-1) <= pd.Timestamp(ORIGIN)]


SHARDS = [partial(of_area, area) for area in ("DK1", "DK2")]
HOW = pytest.mark.parametrize("how", ["whole", "by shard"])


def train_on(how: str, known: pd.DataFrame, expected: pd.DataFrame) -> TrainedModel:
    """A model of both series, trained whole or by shard with the weather as it was expected."""
    columns, place = columns_of(known, expected), ("DK", "Europe/Copenhagen")
    if how == "whole":
        return train(as_panel(history()), FAST, *place, columns=columns)
    panels = [partial(panel_of, read) for read in SHARDS]
    return train_by_shard(panels, FAST, *place, columns=columns)


@pytest.fixture(scope="module", params=["whole", "by shard"])
def trained(request: pytest.FixtureRequest) -> TrainedModel:
    return train_on(request.param, past(), past())


@dataclass
class Stored:
    """A model in a registry."""

    model: Fitted
    hour: datetime = ORIGIN
    version: str = "m"

    def load(self) -> Fitted:
        plain = self.model.plain
        return replace(self.model, past=None, plain=plain and replace(plain, past=None))


KNOWN = {"known": weather(), "only observed": past(), "nothing": weather().iloc[:0]}


def made(model: Fitted, known: pd.DataFrame | None, hour: datetime = ORIGIN) -> pd.DataFrame:
    def nothing() -> pd.DataFrame:
        raise AssertionError("nothing is carried over")

    stored = [Stored(model, hour)]
    weather = None if known is None else lambda: known
    return forecast(ORIGIN, [history], stored, nothing, LIMITS, weather=weather)


def error(found: pd.DataFrame, consumer_type: str) -> float:
    both = found.merge(rows(), on=["area", "consumer_type", "datetime_utc"], suffixes=("", "_true"))
    both = both[both["consumer_type"] == consumer_type]
    return float((both[TARGET] / both[f"{TARGET}_true"] - 1).abs().mean())


def test_a_front_that_is_forecast_is_in_the_forecast_of_a_heated_series(
    trained: TrainedModel,
) -> None:
    model = trained.forecaster
    assert model is not None
    assert model.plain is not None
    with_weather, without = made(model, weather()), made(model, None)
    assert set(with_weather["quality"]) == {"model"}
    assert set(without["quality"]) == {"without_weather"}
    assert error(with_weather, "111") < 0.4 * error(without, "111")
    assert error(with_weather, "121") < error(without, "121") + 0.01


def test_a_forecast_says_how_much_of_it_is_due_to_unusual_weather(trained: TrainedModel) -> None:
    assert trained.forecaster is not None
    colder = made(trained.forecaster, weather()).set_index("consumer_type")
    share = colder["weather_effect"] / colder[TARGET]
    degrees = weather()["temperature"].xs("DK1").to_numpy()
    fall = (degrees[-24:] - degrees[-192:-24].reshape(7, 24).mean(axis=0)).mean()
    assert fall < -4
    assert share["111"].mean() == pytest.approx(1 - np.exp(0.03 * fall), rel=0.3)
    assert share["121"].abs().max() < 0.03
    assert made(trained.forecaster, None)["weather_effect"].isna().all()


def test_without_weather_the_forecast_is_that_of_the_model_without_it(
    trained: TrainedModel,
) -> None:
    model = trained.forecaster
    assert model is not None
    assert model.plain is not None
    expected = made(model.plain, weather())
    for known in (None, KNOWN["only observed"], KNOWN["nothing"]):
        found = made(model, known)
        pd.testing.assert_frame_equal(
            found.drop(columns="quality"), expected.drop(columns="quality")
        )


@HOW
def test_a_column_that_is_not_known_ahead_is_done_without(how: str) -> None:
    known = weather()
    known["wind_speed"] = np.random.default_rng(2).uniform(0, 10, len(known))
    model = train_on(how, known.reindex(past().index), past()).forecaster
    assert model is not None
    assert model.response is not None
    assert model.response.names == ("temperature", "wind_speed")
    expected = made(model, known)
    for unknown in (known.index.get_level_values(-1) > pd.Timestamp(ORIGIN), slice(None)):
        silent = known.copy()
        silent.loc[unknown, "wind_speed"] = np.nan
        found = made(model, silent)
        assert set(found["quality"]) == {"model"}
        assert (found[TARGET] / expected[TARGET] - 1).abs().max() < 0.05


def test_shards_are_forecast_with_the_weather_like_all_series_together(
    trained: TrainedModel,
) -> None:
    assert trained.forecaster is not None
    expected = {name: made(trained.forecaster, known) for name, known in KNOWN.items()}
    asked = []

    def read(known: pd.DataFrame) -> pd.DataFrame:
        asked.append(1)
        return known

    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for name, known in KNOWN.items():
            found = forecast(
                ORIGIN,
                SHARDS,
                [Stored(trained.forecaster)],
                history,
                LIMITS,
                pool.map,
                partial(read, known),
            )
            pd.testing.assert_frame_equal(found, expected[name])
    assert len(asked) == len(KNOWN), "once for all shards"


def test_weather_that_no_model_needs_is_not_read(trained: TrainedModel) -> None:
    def read() -> pd.DataFrame:
        raise AssertionError("it is read")

    assert trained.forecaster is not None
    plain = trained.forecaster.plain
    assert plain is not None
    rows = forecast(ORIGIN, [history], [Stored(plain)], history, LIMITS, weather=read)
    assert set(rows["quality"]) == {"model"}


def test_an_earlier_model_without_weather_is_an_earlier_model(trained: TrainedModel) -> None:
    assert trained.forecaster is not None
    found = made(trained.forecaster, None, ORIGIN - HOUR)
    assert set(found["quality"]) == {"previous_model"}


def test_both_models_are_in_the_files(trained: TrainedModel, tmp_path: Path) -> None:
    assert trained.forecaster is not None
    model_files.save(trained.forecaster, tmp_path)
    loaded = model_files.load(tmp_path)
    for known in (weather(), None):
        pd.testing.assert_frame_equal(made(loaded, known), made(trained.forecaster, known))


@HOW
def test_weather_that_is_forecast_badly_leaves_the_model_without_it(how: str) -> None:
    known, chosen = past(), {}
    for name, degrees in (("good", 0.3), ("bad", 15)):
        wrong = np.random.default_rng(4).normal(0, degrees, known.shape)
        found = train_on(how, known, known + wrong).forecaster
        assert found is not None
        chosen[name] = found.response is not None
        assert (found.plain is not None) == chosen[name]
    assert chosen == {"good": True, "bad": False}


def test_weather_that_says_nothing_leaves_the_model_without_it() -> None:
    panel = as_panel(history())
    noise = weather()
    noise["temperature"] = np.random.default_rng(1).normal(5, 3, len(noise))
    unheated = panel.xs("DK2", drop_level=False)
    plain = train(unheated, FAST, "DK", "Europe/Copenhagen")
    columns = columns_of(noise, noise)
    found = train(unheated, FAST, "DK", "Europe/Copenhagen", columns=columns)
    assert found.scores["mase"] <= plain.scores["mase"]


def test_every_series_gets_the_columns_of_its_area_that_are_known() -> None:
    known = weather().reindex(columns=[*WEATHER_VALUES, "issued_at"])
    known.loc["DK1", "temperature"] = 1.0
    columns = columns_of(known, known.xs("DK1", drop_level=False) + 1)
    assert columns is not None
    X, expected = columns(as_panel(history()).index.droplevel(-1).unique())
    assert list(X.columns) == ["temperature"]
    assert X.index.names == ["area", "consumer_type", "datetime_utc"]
    assert set(X.xs("111", level=1)["temperature"]) == {1.0}
    assert X.xs("121", level=1)["temperature"].nunique() > 100
    assert expected is not None
    assert set(expected["temperature"]) == {2.0}
    assert set(expected.index.get_level_values("consumer_type")) == {"111"}


def test_nothing_known_of_the_weather_gives_no_columns() -> None:
    silent = weather() * np.nan
    assert columns_of(silent, weather()) is None
    assert columns_of(silent.iloc[:0], silent) is None


def test_a_few_unknown_hours_ahead_are_not_missed() -> None:
    known = weather()
    ahead = known.index.get_level_values(-1) > pd.Timestamp(ORIGIN)
    assert is_known_ahead(known, ORIGIN, 24)
    assert is_known_ahead(known.drop(known.index[ahead][[3, 30]]), ORIGIN, 24)
    assert not is_known_ahead(known.drop(known.index[ahead][:6]), ORIGIN, 24)
    assert not is_known_ahead(known[~ahead], ORIGIN, 24)
    assert not is_known_ahead(known.iloc[:0], ORIGIN, 24)
