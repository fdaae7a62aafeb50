"""The six tables that consumers of the batch-serving course read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from energy_assets.forecasts.course_files import MONITORED_HOURS, course_tables
from energy_assets.partitions import HOUR
from energy_assets.schemas import (
    CONSUMPTION_VERSIONS,
    MONITORING,
    PREDICTIONS,
    QUANTILES,
    conform,
)
from energy_assets.sources.profiles import CONSUMER_CATEGORY, DE35
from energy_assets.stores.embedded.object_store import LocalObjectStore
from energy_assets.stores.parquet import encode
from energy_assets.stores.paths import hour_path

ORIGIN = datetime(2023, 3, 13, 21)
KNOWN_AT = datetime(2023, 3, 14, 9, 30)


def version() -> pd.DataFrame:
    row = {
        "area": "DK1",
        "consumer_type": "111",
        "datetime_utc": ORIGIN + HOUR,
        "energy_consumption": 5.0,
        "horizon": 1,
        "origin": ORIGIN,
        "model_version": "m",
        "quality": "model",
        "weather_effect": 0.5,
        **dict.fromkeys(QUANTILES.values(), 5.0),
        "made_at": ORIGIN + HOUR,
    }
    return conform(pd.DataFrame([row]), PREDICTIONS)


def observations() -> pd.DataFrame:
    rows = [("DK2", "112", ORIGIN, 2.0, KNOWN_AT), ("DK1", "111", ORIGIN, 1.0, ORIGIN)]
    columns = CONSUMPTION_VERSIONS.dtypes
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def score(objects: LocalObjectStore, hour: datetime, *scored: tuple[str, int, float]) -> None:
    """Store the scores of an hour: (consumer type, horizon, forecast) of actual 10."""
    rows = [
        {
            "area": "DK1",
            "consumer_type": code,
            "datetime_utc": hour,
            "horizon": horizon,
            "origin": hour - horizon * HOUR,
            "actual": 10.0,
            "forecast": forecast,
            "error": forecast - 10,
            "absolute_error": abs(forecast - 10),
            "ape": abs(forecast - 10) / 10,
            "covered": True,
            "model_version": "m",
            "quality": "model",
        }
        for code, horizon, forecast in scored
    ]
    frame = pd.DataFrame(rows, columns=list(MONITORING.dtypes)).astype(MONITORING.dtypes)
    objects.write(hour_path("monitoring_metrics", hour, "parquet"), encode(frame, {}))


def test_the_monitoring_tables_hold_the_newest_forecast_of_each_scored_hour(
    tmp_path: Path,
) -> None:
    objects = LocalObjectStore(tmp_path)
    score(objects, ORIGIN, ("111", 24, 5.0), ("111", 1, 9.0), ("112", 2, 12.0))
    score(objects, ORIGIN - HOUR, ("111", 3, 10.0))
    score(objects, ORIGIN - MONITORED_HOURS * HOUR, ("111", 1, 1.0))  # too old
    score(objects, ORIGIN + HOUR, ("111", 1, 1.0))  # later than the origin
    tables = course_tables(objects, version(), observations(), DE35)

    before, hour = (pd.Period(time, "h") for time in (ORIGIN - HOUR, ORIGIN))
    predicted = tables["predictions_monitoring.parquet"]["energy_consumption"]
    assert predicted.to_dict() == {
        (1, 111, before): 10.0,
        (1, 111, hour): 9.0,
        (1, 112, hour): 12.0,
    }
    assert set(tables["y_monitoring.parquet"]["energy_consumption"]) == {10.0}
    metrics = tables["metrics_monitoring.parquet"]
    assert metrics["MAPE"].to_dict() == pytest.approx({before: 0.0, hour: (0.1 + 0.2) / 2})


def test_damaged_scores_of_an_hour_leave_those_of_the_others(tmp_path: Path) -> None:
    objects = LocalObjectStore(tmp_path)
    score(objects, ORIGIN, ("111", 1, 9.0))
    objects.write(hour_path("monitoring_metrics", ORIGIN - HOUR, "parquet"), b"no parquet")
    tables = course_tables(objects, version(), observations(), DE35)
    hours = tables["metrics_monitoring.parquet"].index
    assert hours.tolist() == [pd.Period(ORIGIN, "h")]


def test_areas_and_consumer_types_are_the_numbers_of_the_course(tmp_path: Path) -> None:
    tables = course_tables(LocalObjectStore(tmp_path), version(), observations(), DE35)
    y = tables["y.parquet"]
    assert y["energy_consumption"].to_dict() == {
        (1, 111, pd.Period(ORIGIN, "h")): 1.0,
        (2, 112, pd.Period(ORIGIN, "h")): 2.0,
    }
    assert [str(dtype) for dtype in y.index.dtypes] == ["int64", "int32", "period[h]"]
    assert tables["X.parquet"].index.equals(y.index)
    assert tables["y_monitoring.parquet"].empty


def test_the_tables_say_when_the_forecast_was_made_and_when_each_observation_was_known(
    tmp_path: Path,
) -> None:
    tables = course_tables(LocalObjectStore(tmp_path), version(), observations(), DE35)
    assert tables["y.parquet"]["known_at"].to_dict() == {
        (1, 111, pd.Period(ORIGIN, "h")): ORIGIN,
        (2, 112, pd.Period(ORIGIN, "h")): KNOWN_AT,
    }
    predictions = tables["predictions.parquet"]
    assert predictions["made_at"].tolist() == [ORIGIN + HOUR]
    assert set(QUANTILES.values()) < set(predictions.columns)


def test_without_observations_there_are_all_columns_and_no_rows(tmp_path: Path) -> None:
    tables = course_tables(LocalObjectStore(tmp_path), version(), observations().iloc[:0], DE35)
    y = tables["y.parquet"]
    assert y.empty
    assert list(y.columns) == ["energy_consumption", "known_at"]
    assert [str(dtype) for dtype in y.index.dtypes] == ["int64", "int32", "period[h]"]


def test_other_data_sets_keep_their_codes(tmp_path: Path) -> None:
    tables = course_tables(LocalObjectStore(tmp_path), version(), observations(), CONSUMER_CATEGORY)
    assert tables["y.parquet"].index[0][:2] == ("DK1", "111")
