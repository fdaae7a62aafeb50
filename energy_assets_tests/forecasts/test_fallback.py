"""Every rung of the ladder makes the forecast when the one above it fails, within a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import (
    BrokenModelError,
    NotFoundError,
    ShortHistoryError,
    StorageError,
    UnreachableError,
)
from energy_assets.forecasting.fitted import Fitted, fit
from energy_assets.forecasting.parameters import Parameters
from energy_assets.forecasts.fallback import Candidate, Limits, forecast
from energy_assets.forecasts.quality import rung
from energy_assets.partitions import DAY, HOUR
from energy_assets.schemas import CONSUMPTION, FORECASTS, QUANTILES, as_panel

ORIGIN = datetime(2023, 3, 13, 21)
LIMITS = Limits(horizon=24, max_age=timedelta(days=7), patience=30)
IMPATIENT = Limits(horizon=24, max_age=timedelta(days=7), patience=0.3)


def history(end: datetime = ORIGIN) -> pd.DataFrame:
    hours = pd.date_range(end=end, periods=14 * 24, freq="h")
    frames = [
        pd.DataFrame(
            {
                "area": "DK1",
                "consumer_type": code,
                "datetime_utc": hours,
                "energy_consumption": level * (2 + np.sin(hours.hour / 24 * 2 * np.pi)),
            }
        )
        for code, level in (("111", 1000.0), ("121", 10.0))
    ]
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(as_panel(history()), None, Parameters(n_estimators=5, n_jobs=1))


@dataclass
class Stored:
    """A model in a registry."""

    load: Callable[[], Fitted]
    hour: datetime = ORIGIN
    version: str = field(default="m")


def no_forecast() -> pd.DataFrame:
    raise NotFoundError("no forecast is stored")


def made(
    candidates: Iterator[Candidate] | list[Stored],
    read_history: Callable[[], pd.DataFrame] = history,
    read_last: Callable[[], pd.DataFrame] = no_forecast,
    limits: Limits = LIMITS,
) -> pd.DataFrame:
    rows = forecast(ORIGIN, [read_history], candidates, read_last, limits)
    assert list(rows.columns) == list(FORECASTS.dtypes)
    assert len(rows) == 2 * 24
    assert rows.groupby("consumer_type")["horizon"].apply(list).tolist() == [list(range(1, 25))] * 2
    assert (rows["datetime_utc"] == rows["origin"] + pd.to_timedelta(rows["horizon"], "h")).all()
    assert set(rows["origin"]) == {pd.Timestamp(ORIGIN)}
    quantiles = rows[list(QUANTILES.values())].to_numpy()
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles) >= 0).all()
    assert (rows["q50"] == rows["energy_consumption"]).all()
    return rows


def qualities(rows: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(rows["quality"], rows["model_version"], strict=True))


def breaking(error: Exception) -> Callable[[], Fitted]:
    def load() -> Fitted:
        raise error

    return load


def test_the_model_of_the_hour_comes_first(fitted: Fitted) -> None:
    models = [Stored(lambda: fitted), Stored(lambda: fitted, ORIGIN - HOUR, "earlier")]
    assert qualities(made(models)) == {("model", "m")}


@pytest.mark.parametrize(
    "error", [BrokenModelError("bad checksum"), UnreachableError("503"), KeyError("x")]
)
def test_an_earlier_model_replaces_one_that_cannot_be_loaded(
    fitted: Fitted, error: Exception
) -> None:
    models = [Stored(breaking(error)), Stored(lambda: fitted, ORIGIN - HOUR, "earlier")]
    assert qualities(made(models)) == {("previous_model", "earlier")}


def test_a_series_that_is_new_is_marked_and_the_forecast_keeps_its_rung(fitted: Fitted) -> None:
    rows = history()
    new = rows[rows["consumer_type"] == "121"].tail(30).assign(consumer_type="122")
    both = pd.concat([rows, new])
    found = forecast(ORIGIN, [lambda: both], [Stored(lambda: fitted)], no_forecast, LIMITS)
    by_series = found.groupby("consumer_type")["quality"].unique().explode().to_dict()
    assert by_series == {"111": "model", "121": "model", "122": "new_series"}
    assert rung(found) == "model"


def test_where_all_series_are_new_none_is_marked(fitted: Fitted) -> None:
    rows = history()
    few = rows[rows["datetime_utc"] > ORIGIN - 100 * HOUR]
    assert qualities(made([Stored(lambda: fitted)], lambda: few)) == {("model", "m")}


def test_a_model_of_a_later_hour_is_not_used(fitted: Fitted) -> None:
    models = [
        Stored(lambda: fitted, ORIGIN + HOUR, "later"),
        Stored(lambda: fitted, ORIGIN - HOUR, "earlier"),
    ]
    assert qualities(made(models)) == {("previous_model", "earlier")}


def test_a_model_that_is_too_old_is_not_used(fitted: Fitted) -> None:
    models = [Stored(lambda: fitted, ORIGIN - 8 * DAY, "old")]
    assert qualities(made(models)) == {("baseline", "seasonal_naive_168")}


def hangs() -> Iterator[Candidate]:
    time.sleep(60)
    yield from ()


def fails() -> Iterator[Candidate]:
    raise UnreachableError("503")
    yield


def answers_nonsense() -> Iterator[Candidate]:
    yield None  # type: ignore[misc]


def test_the_seasonal_naive_replaces_a_registry_that_hangs() -> None:
    started = time.monotonic()
    rows = made(hangs(), limits=IMPATIENT)
    assert time.monotonic() - started < 5
    assert qualities(rows) == {("baseline", "seasonal_naive_168")}


def test_the_seasonal_naive_replaces_a_model_that_takes_too_long_to_load(
    fitted: Fitted,
) -> None:
    def load() -> Fitted:
        time.sleep(60)
        return fitted

    assert qualities(made([Stored(load)], limits=IMPATIENT)) == {("baseline", "seasonal_naive_168")}
    # It still loads, in the background. The next forecast does not wait for it.
    assert qualities(made([Stored(lambda: fitted)], limits=IMPATIENT)) == {("model", "m")}


@pytest.mark.parametrize("registry", [fails, answers_nonsense, lambda: iter(())])
def test_the_seasonal_naive_replaces_a_registry_that_fails_or_is_empty(
    registry: Callable[[], Iterator[Candidate]],
) -> None:
    assert qualities(made(registry())) == {("baseline", "seasonal_naive_168")}


def unreadable() -> pd.DataFrame:
    raise StorageError("cannot read the table")


def slow() -> pd.DataFrame:
    time.sleep(60)
    return history()


@pytest.mark.parametrize("read_history", [unreadable, slow])
def test_the_last_forecast_is_carried_over_if_the_feature_store_fails_or_is_slow(
    read_history: Callable[[], pd.DataFrame],
) -> None:
    before = forecast(
        ORIGIN - 3 * HOUR, [lambda: history(ORIGIN - 3 * HOUR)], [], no_forecast, LIMITS
    )
    rows = made([], read_history, lambda: before, limits=IMPATIENT)
    assert qualities(rows) == {("carried_over", "seasonal_naive_168")}
    key = ["consumer_type", "datetime_utc"]
    columns = ["energy_consumption", *QUANTILES.values()]
    earlier = before.set_index(key)[columns]
    for _, row in rows.iterrows():
        # Its own value where it reaches that far, else that of the day before.
        hour = row["datetime_utc"]
        if hour > before["datetime_utc"].max():
            hour -= DAY
        assert row[columns].tolist() == earlier.loc[(row["consumer_type"], hour)].tolist()


def test_a_store_without_any_rows_has_its_last_forecast_carried_over() -> None:
    before = made([])
    empty = history()[list(CONSUMPTION.dtypes)].iloc[:0]
    later = forecast(ORIGIN + 30 * HOUR, [lambda: empty], [], lambda: before, LIMITS)
    assert set(later["quality"]) == {"carried_over"}
    assert later["datetime_utc"].min() == pd.Timestamp(ORIGIN + 31 * HOUR)


def test_a_forecast_of_a_release_without_quantiles_is_carried_over_without_them() -> None:
    names = [name for name in QUANTILES.values() if name not in ("lower", "upper")]
    before = made([]).assign(**dict.fromkeys(names, np.nan))
    rows = forecast(ORIGIN + HOUR, [unreadable], [], lambda: before, LIMITS)
    assert set(rows["quality"]) == {"carried_over"}
    assert rows[names].isna().all(axis=None)
    assert rows[["energy_consumption", "lower", "upper"]].notna().all(axis=None)


def test_with_nothing_at_all_the_first_error_is_raised() -> None:
    with pytest.raises(StorageError, match="cannot read the table"):
        forecast(ORIGIN, [unreadable], [], no_forecast, LIMITS)
    empty = history().iloc[:0]
    with pytest.raises(ShortHistoryError, match="no observations"):
        forecast(ORIGIN, [lambda: empty], [], no_forecast, LIMITS)


def of_code(code: str) -> pd.DataFrame:
    rows = history()
    return rows[rows["consumer_type"] == code]


def counted(load: Callable[[], Fitted], loads: list[int]) -> Fitted:
    loads.append(1)
    return load()


@pytest.mark.parametrize("rung", ["model", "previous_model", "baseline", "carried_over"])
def test_every_rung_gives_the_same_forecast_by_shards(fitted: Fitted, rung: str) -> None:
    def broken() -> Fitted:
        raise BrokenModelError("damaged")

    def unreadable() -> pd.DataFrame:
        raise StorageError("the feature store does not answer")

    loaded = replace(fitted, past=None)
    stored = {
        "model": [Stored(lambda: loaded)],
        "previous_model": [Stored(broken), Stored(lambda: loaded, ORIGIN - HOUR)],
        "carried_over": [Stored(lambda: loaded), Stored(lambda: loaded, ORIGIN - HOUR)],
    }.get(rung, [Stored(broken)])
    before = made([Stored(lambda: fitted)]).assign(made_at=pd.Timestamp(ORIGIN))
    whole, shards = [history], [partial(of_code, code) for code in ("111", "999", "121")]
    if rung == "carried_over":
        whole, shards = [unreadable], [shards[0], unreadable, shards[2]]
    loads = []
    stored = [replace(one, load=partial(counted, one.load, loads)) for one in stored]
    expected, found = (
        forecast(ORIGIN, histories, stored, lambda: before, LIMITS) for histories in (whole, shards)
    )
    if rung == "carried_over":
        assert len(loads) <= 1, "no model helps if the history cannot be read"
    assert set(found["quality"]) == {rung}
    pd.testing.assert_frame_equal(found, expected)
