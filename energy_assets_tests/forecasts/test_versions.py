"""What was issued is kept: another forecast of the same origin adds a version."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

from energy_assets.forecasts.versions import (
    add_version,
    as_of,
    first_issued,
    newest,
    up_to_date,
)
from energy_assets.partitions import HOUR
from energy_assets.schemas import PREDICTIONS, QUANTILES, conform

ORIGIN = datetime(2023, 3, 13, 21)
MADE = datetime(2023, 3, 13, 22, 5)
OTHERS = [name for name in QUANTILES.values() if name not in ("lower", "upper")]


def version(value: float, made_at: datetime) -> pd.DataFrame:
    rows = {
        "area": "DK1",
        "consumer_type": "111",
        "datetime_utc": pd.date_range(ORIGIN + HOUR, periods=24, freq="h"),
        "energy_consumption": value,
        "lower": value - 1,
        "upper": value + 1,
        **dict.fromkeys(OTHERS, value),
        "horizon": range(1, 25),
        "origin": ORIGIN,
        "model_version": "m",
        "quality": "model",
        "weather_effect": 0.5,
        "made_at": made_at,
    }
    return conform(pd.DataFrame(rows), PREDICTIONS)


def test_the_first_version_is_stored_as_it_is() -> None:
    first = version(1, MADE)
    pd.testing.assert_frame_equal(add_version(None, first), first)


def test_the_same_forecast_made_again_adds_nothing() -> None:
    assert add_version(version(1, MADE), version(1, MADE + HOUR)) is None


def test_another_forecast_is_added_and_each_can_be_asked_for() -> None:
    first, second = version(1, MADE), version(2, MADE + HOUR)
    versions = add_version(first, second)
    pd.testing.assert_frame_equal(first_issued(versions), first)
    pd.testing.assert_frame_equal(newest(versions), second)
    pd.testing.assert_frame_equal(as_of(versions, MADE + HOUR / 2), first)
    pd.testing.assert_frame_equal(as_of(versions, MADE + HOUR), second)
    assert as_of(versions, MADE - HOUR).empty
    # Back to the values of the first: a version of its own.
    third = add_version(versions, version(1, MADE + 2 * HOUR))
    assert third["made_at"].nunique() == 3


def test_versions_made_at_the_same_moment_or_by_a_slow_clock_stay_apart() -> None:
    versions = add_version(version(1, MADE), version(2, MADE))
    versions = add_version(versions, version(3, MADE - HOUR))
    assert newest(versions)["energy_consumption"].iloc[0] == 3
    assert versions["made_at"].max() - pd.Timestamp(MADE) == timedelta(microseconds=2)


def test_a_forecast_of_the_first_release_counts_as_made_when_its_hour_ended() -> None:
    old = version(1, MADE).drop(columns="made_at")
    assert set(up_to_date(old)["made_at"]) == {pd.Timestamp(ORIGIN + HOUR)}
    versions = add_version(old, version(2, MADE))
    assert first_issued(versions)["energy_consumption"].iloc[0] == 1


def test_a_forecast_of_a_release_without_quantiles_has_none_and_gets_them_when_made_again() -> None:
    old = version(1, MADE).drop(columns=OTHERS)
    read = up_to_date(old)
    assert list(read.columns) == list(PREDICTIONS.dtypes)
    assert read[OTHERS].isna().all(axis=None)
    assert add_version(old, read.assign(made_at=MADE + HOUR)) is None
    versions = add_version(old, version(1, MADE + HOUR))
    assert newest(versions)["q95"].eq(1).all()
    assert first_issued(versions)["q95"].isna().all()
