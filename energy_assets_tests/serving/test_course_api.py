"""The course's API over what is published, as its two web apps use it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests

from energy_assets.errors import NotFoundError, StorageError
from energy_assets.forecasts.publishing import Published
from energy_assets.partitions import HOUR
from energy_assets.serving.data.course_tables import OBSERVED_HOURS, published_tables
from energy_assets.sources.profiles import CONSUMER_CATEGORY
from energy_assets.stores.embedded.object_store import LocalObjectStore
from energy_assets_tests.serving.course_client import CourseClient
from energy_assets_tests.serving.course_samples import (
    LENGTHS,
    ORIGIN,
    SCORED_HOURS,
    course_app,
    forecast,
    hourly_values,
    publish_sample,
    store_scores,
)
from energy_assets_tests.serving.loopback import serving

ANSWERS = {
    "health": {"name": str, "api_version": str},
    "area_values": {"values": int},
    "consumer_type_values": {"values": int},
    "predictions/1/111": {
        "datetime_utc": int,
        "energy_consumption": float,
        "preds_datetime_utc": int,
        "preds_energy_consumption": float,
    },
    "monitoring/metrics": {"datetime_utc": int, "mape": float},
    "monitoring/values/1/111": {
        "y_monitoring_datetime_utc": int,
        "y_monitoring_energy_consumption": float,
        "predictions_monitoring_datetime_utc": int,
        "predictions_monitoring_energy_consumptionc": float,
    },
}
"""Path -> names in the answer -> type of the values, or of those in a list: the course's."""


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> LocalObjectStore:
    return LocalObjectStore(tmp_path_factory.mktemp("objects"))


@pytest.fixture(scope="module")
def published(objects: LocalObjectStore) -> Published:
    store_scores(objects)
    return publish_sample(objects)


@pytest.fixture(scope="module")
def server(objects: LocalObjectStore, published: Published) -> Iterator[str]:
    with serving(course_app(published_tables(objects, published))) as address:
        yield address


@pytest.fixture
def client(server: str) -> CourseClient:
    return CourseClient(server)


def expected(first: object, count: int) -> pd.Series:
    """The sample's values by hour."""
    return hourly_values(pd.Timestamp(first), count).set_index("datetime_utc")["energy_consumption"]


def assert_line(line: pd.Series, values: pd.Series) -> None:
    pd.testing.assert_series_equal(line, values, check_names=False, check_freq=False)


@pytest.mark.parametrize("path", ANSWERS)
def test_answers_have_the_names_and_types_of_the_course(server: str, path: str) -> None:
    answer = requests.get(f"{server}/api/v1/{path}", timeout=10, allow_redirects=False)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    types = {
        name: type(value[0] if isinstance(value, list) else value)
        for name, value in answer.json().items()
    }
    assert types == ANSWERS[path]


def test_the_boxes_offer_the_areas_and_consumer_types_of_the_course(client: CourseClient) -> None:
    assert client.choices("area_values") == [1, 2]
    assert client.choices("consumer_type_values") == [111, 999, 450]


@pytest.mark.parametrize(("area", "code"), LENGTHS)
def test_the_first_app_draws_a_week_of_observations_and_the_forecast(
    client: CourseClient, area: str, code: str
) -> None:
    chart = client.forecast_chart(area[-1], code)
    assert chart is not None
    observed, predicted = chart
    hours = min(LENGTHS[area, code], OBSERVED_HOURS)
    assert_line(observed, expected(ORIGIN - (hours - 1) * HOUR, hours))
    assert_line(predicted, expected(ORIGIN + HOUR, 24))


def test_the_second_app_draws_the_errors_and_both_lines(client: CourseClient) -> None:
    first = ORIGIN - (SCORED_HOURS - 1) * HOUR
    errors, chart = client.metrics_chart(), client.monitoring_chart(2, 450)
    assert errors is not None
    assert chart is not None
    values = expected(first, SCORED_HOURS)
    assert_line(errors, values * 0 + 0.1)
    assert_line(chart[0], values)
    assert_line(chart[1], values * 1.1)


@pytest.mark.parametrize("path", ["predictions", "monitoring/values"])
@pytest.mark.parametrize("series", ["1/450", "3/111", "DK1/111", "1/x%20y"])
def test_a_series_that_does_not_exist_is_not_found(server: str, path: str, series: str) -> None:
    answer = requests.get(f"{server}/api/v1/{path}/{series}", timeout=10, allow_redirects=False)
    assert answer.status_code == 404
    area, code = series.replace("%20", " ").split("/")
    assert answer.json()["detail"] == (
        f"No data found for the given area and consumer type: {area}, {code}"
    )


def test_before_the_first_scores_the_second_app_has_an_empty_chart_and_no_series(
    tmp_path: Path,
) -> None:
    objects = LocalObjectStore(tmp_path)
    tables = published_tables(objects, publish_sample(objects))
    with serving(course_app(tables)) as server:
        client = CourseClient(server)
        errors = client.metrics_chart()
        assert errors is not None
        assert errors.empty
        assert client.monitoring_chart(1, 111) is None
        assert client.forecast_chart(1, 111) is not None


def test_a_data_set_without_numbers_has_its_codes(tmp_path: Path) -> None:
    objects = LocalObjectStore(tmp_path)
    store_scores(objects)
    tables = published_tables(objects, publish_sample(objects, CONSUMER_CATEGORY))
    with serving(course_app(tables)) as server:
        client = CourseClient(server)
        assert client.choices("area_values") == ["DK1", "DK2"]
        assert client.choices("consumer_type_values") == ["111", "999", "450"]
        assert client.forecast_chart("DK2", "450") is not None
        assert client.monitoring_chart("DK2", "450") is not None
        assert client.forecast_chart("DK2", "999") is None


def test_a_missing_number_is_null_and_leaves_a_gap_in_the_line(tmp_path: Path) -> None:
    objects = LocalObjectStore(tmp_path)
    version = forecast()
    version.loc[version["horizon"] == 3, "energy_consumption"] = np.nan
    tables = published_tables(objects, publish_sample(objects, version=version))
    with serving(course_app(tables)) as server:
        client = CourseClient(server)
        answer = client.ask("predictions", 1, 111)
        chart = client.forecast_chart(1, 111)
    assert answer is not None
    assert chart is not None
    assert answer["preds_energy_consumption"][2] is None
    assert chart[1].isna().tolist() == [hour == 2 for hour in range(24)]


def test_a_missing_hour_leaves_a_gap_in_the_line(tmp_path: Path) -> None:
    objects = LocalObjectStore(tmp_path)
    version = forecast()
    version = version[version["horizon"] != 3]
    tables = published_tables(objects, publish_sample(objects, version=version))
    with serving(course_app(tables)) as server:
        chart = CourseClient(server).forecast_chart(1, 111)
    assert chart is not None
    assert chart[1].isna().tolist() == [hour == 2 for hour in range(24)]


def test_while_nothing_is_published_a_client_is_asked_to_come_again() -> None:
    with serving(course_app(None)) as server:
        for path in ANSWERS:
            answer = requests.get(f"{server}/api/v1/{path}", timeout=10)
            if path == "health":
                assert answer.status_code == 200
            else:
                assert answer.status_code == 503
                assert int(answer.headers["Retry-After"]) > 0
        client = CourseClient(server)
        assert client.choices("area_values") == []
        assert client.metrics_chart() is None


def test_the_answers_are_what_pandas_reads_from_the_files(
    objects: LocalObjectStore, published: Published
) -> None:
    """The course's own API reads them so."""
    tables = published_tables(objects, published)
    for name, table in {
        "y.parquet": tables.y,
        "predictions.parquet": tables.predictions,
        "y_monitoring.parquet": tables.y_monitoring,
        "predictions_monitoring.parquet": tables.predictions_monitoring,
    }.items():
        frame = pd.read_parquet(io.BytesIO(objects.read(name)))
        names = {tuple(map(str, key)) for key in frame.index.droplevel("datetime_utc")}
        assert set(table.rows) == names
        for area, code in names:
            rows = frame.xs((int(area), int(code)), level=["area", "consumer_type"])
            rows = rows.tail(OBSERVED_HOURS) if name == "y.parquet" else rows
            series = table.series(area, code)
            assert series is not None
            since = pd.Timestamp(1970, 1, 1)
            hours = (rows.index.to_timestamp() - since) // timedelta(hours=1)
            assert series[0].tolist() == hours.tolist()
            assert series[1].tolist() == rows["energy_consumption"].tolist()


def test_a_published_file_that_is_gone_or_damaged_is_named(tmp_path: Path) -> None:
    objects = LocalObjectStore(tmp_path)
    published = publish_sample(objects)
    path = published.files["y.parquet"]
    objects.write(path, b"no parquet")
    with pytest.raises(StorageError, match=f"{path}.*the next forecast replaces it"):
        published_tables(objects, published)
    objects.delete(path)
    with pytest.raises(NotFoundError, match=r"y\.parquet"):
        published_tables(objects, published)
