"""The weather as it was known at a time, checked against a slow search of all files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import UnreachableError
from energy_assets.partitions import HOUR, key_of
from energy_assets.schemas import WEATHER, WEATHER_VALUES
from energy_assets.settings import read_settings
from energy_assets.stores import weather as module
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import encode, read_hours
from energy_assets.stores.paths import hour_path
from energy_assets.stores.weather import (
    KnownWeather,
    add_weather,
    past_forecasts,
    weather_as_of,
)

FIRST = datetime(2023, 3, 1)
ORIGIN = datetime(2023, 3, 4, 20)
DAYS = 3


def row(
    hour: datetime, partition: datetime, value: float, issued: datetime | None = None
) -> dict[str, object]:
    """A row of DK1 in the file of `partition`: observed if `hour` is not after it."""
    return {
        "area": "DK1",
        "datetime_utc": hour,
        "temperature": value,
        "wind_speed": value,
        "radiation": np.nan,
        "issued_at": issued or min(hour, partition),
        "horizon": max(0, (hour - partition) // HOUR),
    }


def frame(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(WEATHER.dtypes)).astype(WEATHER.dtypes)


@pytest.fixture(scope="module")
def files() -> dict[datetime, pd.DataFrame]:
    """The files of four days, of which some are missing; some observations come late."""
    draw = np.random.default_rng(3)
    stored = {}
    for number in range(4 * 24):
        partition = FIRST + number * HOUR
        if number % 17 == 5:
            continue
        rows = [row(partition + n * HOUR, partition, draw.normal()) for n in range(1, 30)]
        if number % 7 == 6:  # late by three hours
            rows.append(row(partition - 3 * HOUR, partition, draw.normal(), partition))
        if number % 7 != 3:
            rows.append(row(partition, partition, draw.normal()))
        stored[partition] = frame(*rows)
    return stored


@pytest.fixture
def objects(object_store: ObjectStore, files: dict[datetime, pd.DataFrame]) -> ObjectStore:
    for partition, rows in files.items():
        put(object_store, partition, rows)
    return object_store


def put(objects: ObjectStore, partition: datetime, rows: pd.DataFrame) -> None:
    path = hour_path(module.ASSET, partition, "parquet")
    objects.write(path, encode(rows, {"partition": key_of(partition)}))


def everything(files: dict[datetime, pd.DataFrame]) -> Iterator[tuple[datetime, pd.Series]]:
    for partition, rows in files.items():
        for _, found in rows.iterrows():
            yield partition, found


def test_of_each_hour_the_observation_or_the_newest_forecast_known_at_the_origin(
    objects: ObjectStore, files: dict[datetime, pd.DataFrame]
) -> None:
    start = ORIGIN - DAYS * 24 * HOUR + HOUR
    best: dict[datetime, pd.Series] = {}
    for partition, found in everything(files):
        hour = found["datetime_utc"].to_pydatetime()
        if partition > ORIGIN or found["issued_at"] > ORIGIN:
            continue
        if not start <= hour <= ORIGIN + 24 * HOUR:
            continue
        if found["horizon"] > 0 and partition <= ORIGIN - 48 * HOUR:
            continue
        other = best.get(hour)
        rank = (found["horizon"] == 0, found["issued_at"])
        if other is None or rank > (other["horizon"] == 0, other["issued_at"]):
            best[hour] = found
    panel = weather_as_of(objects, ORIGIN, DAYS, horizon=24)
    assert panel.index.names == ["area", "datetime_utc"]
    assert panel.index.get_level_values(1).tolist() == sorted(best)
    for (_, hour), known in panel.iterrows():
        assert known["temperature"] == best[hour]["temperature"]
        assert known["horizon"] == best[hour]["horizon"]
    assert (panel["horizon"] == 0).sum() > 55
    assert panel["radiation"].isna().all()


def test_what_became_known_after_the_origin_changes_nothing(
    objects: ObjectStore, files: dict[datetime, pd.DataFrame]
) -> None:
    before = weather_as_of(objects, ORIGIN, DAYS)
    corrected = row(ORIGIN - HOUR, ORIGIN, 99.0, ORIGIN + HOUR)
    put(objects, ORIGIN, pd.concat([files[ORIGIN], frame(corrected)]))
    put(objects, ORIGIN + 9 * HOUR, frame(row(ORIGIN - HOUR, ORIGIN + 9 * HOUR, 99.0)))
    pd.testing.assert_frame_equal(weather_as_of(objects, ORIGIN, DAYS), before)


def test_a_forecast_a_number_of_hours_before_is_the_one_known_then(
    objects: ObjectStore, files: dict[datetime, pd.DataFrame]
) -> None:
    start, end, horizons = FIRST + 30 * HOUR, FIRST + 80 * HOUR, (1, 6, 24)
    panel = past_forecasts(objects, start, end, horizons)
    expected = {}
    for number in range(50):
        hour = start + number * HOUR
        for horizon in horizons:
            known = [
                (partition, found["temperature"])
                for partition, found in everything(files)
                if found["datetime_utc"] == hour
                and found["horizon"] > 0
                and hour - timedelta(hours=horizon + 24) <= partition <= hour - horizon * HOUR
            ]
            if known:
                expected["DK1", pd.Timestamp(hour), horizon] = max(known)[1]
    assert panel["temperature"].to_dict() == expected
    assert list(panel.columns) == [*WEATHER_VALUES, "issued_at"]


def test_nothing_stored_is_an_empty_panel(object_store: ObjectStore) -> None:
    assert weather_as_of(object_store, ORIGIN, 3).empty
    assert past_forecasts(object_store, FIRST, ORIGIN, [24]).empty
    put(object_store, ORIGIN, frame())
    assert weather_as_of(object_store, ORIGIN, 3).empty


def test_storing_the_same_again_changes_nothing() -> None:
    stored = frame(row(ORIGIN, ORIGIN, 1), row(ORIGIN + HOUR, ORIGIN, 2))
    assert add_weather(stored, stored) is None
    assert add_weather(stored, frame()) is None
    assert add_weather(frame(), frame()) is None
    assert add_weather(None, frame()) is not None


def test_an_issued_forecast_stays_and_a_missing_one_is_added() -> None:
    stored = frame(row(ORIGIN, ORIGIN, 1), row(ORIGIN + HOUR, ORIGIN, 2))
    other = frame(row(ORIGIN, ORIGIN, 1), row(ORIGIN + HOUR, ORIGIN, 3))
    assert add_weather(stored, other) is None
    added = add_weather(stored.iloc[:1], other)
    assert added is not None
    assert added["temperature"].tolist() == [1, 3]


def test_a_late_or_corrected_observation_counts_from_now_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later = datetime(2023, 3, 9, 1, 2, 3)
    monkeypatch.setattr(module, "utc_now", lambda: later)
    stored = frame(row(ORIGIN, ORIGIN, 1), row(ORIGIN + HOUR, ORIGIN, 2))
    added = add_weather(stored, frame(row(ORIGIN, ORIGIN, 5), row(ORIGIN - HOUR, ORIGIN, 6)))
    assert added is not None
    assert added[["temperature", "issued_at"]].to_numpy().tolist() == [
        [6, pd.Timestamp(later)],
        [1, pd.Timestamp(ORIGIN)],
        [5, pd.Timestamp(later)],
        [2, pd.Timestamp(ORIGIN)],
    ]
    assert add_weather(added, frame(row(ORIGIN, ORIGIN, 5))) is None


SETTINGS = read_settings().model_copy(update={"days_export": DAYS})


def test_a_run_over_many_hours_knows_at_each_what_a_run_over_one_would(
    objects: ObjectStore, files: dict[datetime, pd.DataFrame]
) -> None:
    # What came late, in the file after the first origin, although it had been issued before.
    late = row(ORIGIN - 2 * HOUR, ORIGIN + HOUR, 99.0, ORIGIN - HOUR)
    put(objects, ORIGIN + HOUR, pd.concat([files[ORIGIN + HOUR], frame(late)]))
    origins = [ORIGIN + number * HOUR for number in range(4)]
    together = KnownWeather(objects, origins, SETTINGS)
    for origin in origins:
        alone = weather_as_of(objects, origin, DAYS, 24)
        pd.testing.assert_frame_equal(together.at(origin, 24), alone)
    assert 99.0 not in set(together.at(ORIGIN, 24)["temperature"])


def test_files_are_read_once_for_all_hours_of_a_run(
    objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []

    def counted(*arguments: object, **named: object) -> pd.DataFrame:
        reads.append(arguments)
        return read_hours(*arguments, **named)

    monkeypatch.setattr(module, "read_hours", counted)
    known = KnownWeather(objects, [ORIGIN - HOUR, ORIGIN], SETTINGS)
    assert not reads
    for origin in (ORIGIN, ORIGIN - HOUR, ORIGIN):
        assert len(known.at(origin, 24))
    assert len(reads) == 1


def test_what_was_expected_of_a_window_is_what_was_forecast_half_a_day_before(
    objects: ObjectStore,
) -> None:
    known = KnownWeather(objects, [ORIGIN, ORIGIN + HOUR], SETTINGS)
    panel = known.forecast_for(ORIGIN)
    start = ORIGIN + HOUR - timedelta(days=DAYS)
    expected = past_forecasts(objects, start, ORIGIN + HOUR, [12]).xs(12, level="horizon")
    assert len(panel) > 40
    in_both = panel.index.intersection(expected.index)
    pd.testing.assert_frame_equal(panel.loc[in_both], expected.loc[in_both])
    # The first hours of the window would need files of before it, which a model does not read.
    assert len(panel) >= len(expected) - 24


def test_a_store_that_does_not_answer_means_that_nothing_is_known(
    objects: ObjectStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> pd.DataFrame:
        raise UnreachableError("503")

    monkeypatch.setattr(module, "read_hours", fail)
    assert KnownWeather(objects, [ORIGIN], SETTINGS).at(ORIGIN, 24).empty
    assert "503" in caplog.text
