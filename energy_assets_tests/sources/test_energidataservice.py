"""The API client against a local server that behaves like the real one, failures included."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pandas as pd
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from energy_assets.errors import NoDataError, SettingsError, SourceError
from energy_assets.sources.energidataservice import EnergiDataService
from energy_assets.sources.profiles import CONSUMER_CATEGORY
from energy_assets_tests.sources.fake_api import (
    END,
    HOUR,
    PATH,
    START,
    Answer,
    Api,
    a_data_set,
    a_page,
)

NOW = datetime(2024, 8, 20, 9, 30)


def too_many(**headers: str) -> Response:
    message = "Rate limit is exceeded. Try again in 292 seconds."
    return Response(
        json.dumps({"statusCode": 429, "message": message}), status=429, headers=headers
    )


@pytest.fixture(scope="module")
def server() -> Iterator[HTTPServer]:
    # With threads, a late answer does not block the next one.
    with HTTPServer(threaded=True) as server:
        yield server


@pytest.fixture
def api(server: HTTPServer) -> Api:
    server.clear()
    return Api(server)


@pytest.fixture
def waits() -> list[float]:
    """The waits of the client in seconds. It does not really sleep."""
    return []


@pytest.fixture
def source(api: Api, waits: list[float]) -> EnergiDataService:
    return EnergiDataService(api.url, CONSUMER_CATEGORY, sleep=waits.append, now=lambda: NOW)


def with_pages_of(size: int, api: Api) -> EnergiDataService:
    return EnergiDataService(api.url, CONSUMER_CATEGORY, page_size=size, now=lambda: NOW)


def test_a_day_is_one_request_in_utc_with_a_complete_sort(
    api: Api, source: EnergiDataService
) -> None:
    records = source.fetch(START, END)
    assert len(records) == 24 * 6
    assert api.requests == [
        {
            "start": "2024-08-01T00:00",
            "end": "2024-08-02T00:00",
            "timezone": "UTC",
            "sort": "TimeUTC asc,RegionName asc,ConsumerCategory3 asc",
            "limit": "50000",
            "offset": "0",
        }
    ]


def test_values_are_the_literal_text(api: Api, source: EnergiDataService) -> None:
    literal = '{"total": 1, "records": [{"TimeUTC": "2024-08-01T00:00:00", "RegionName": null,'
    literal += '"ConsumerCategory3": "Privat", "ConsumptionkWh": 571027.830000, "x": [1, true]}]}'
    api.failures = [Response(literal)]
    record = source.fetch(START, END).iloc[0]
    assert record.tolist() == [
        "2024-08-01T00:00:00",
        None,
        "Privat",
        "571027.830000",
        '["1", true]',
    ]


@pytest.mark.parametrize("size", [1, 7, 36, 143, 144, 145])
def test_pages_of_every_size_give_all_records(
    api: Api, source: EnergiDataService, size: int
) -> None:
    whole = source.fetch(START, START + 6 * HOUR)
    api.requests.clear()
    paged = with_pages_of(size, api).fetch(START, START + 6 * HOUR)
    pd.testing.assert_frame_equal(paged, whole)
    assert len(api.requests) == -(-36 // size)


def test_pages_smaller_than_requested_are_read_to_the_end(
    api: Api, source: EnergiDataService
) -> None:
    rows = a_data_set(hours=1)
    api.failures = [a_page(rows[:4], 6), a_page(rows[4:], 6)]
    assert len(source.fetch(START, END)) == 6
    assert [request["offset"] for request in api.requests] == ["0", "4"]


def test_a_record_published_twice_may_be_on_two_pages(api: Api, source: EnergiDataService) -> None:
    rows = a_data_set(hours=1)
    api.failures = [a_page(rows[:4], 7), a_page(rows[3:], 7)]
    assert len(source.fetch(START, END)) == 7


def inconsistent_pages() -> dict[str, list[Answer]]:
    rows = a_data_set(hours=1)
    return {
        "rows moved": [a_page(rows[:4], 6), a_page(rows[:2], 6)],
        "total changed": [a_page(rows[:4], 6), a_page(rows[4:], 7)],
        "page empty": [a_page(rows[:4], 6), a_page([], 6)],
        "too many rows": [a_page(rows, 5)],
    }


@pytest.mark.parametrize("case", inconsistent_pages())
def test_inconsistent_pages_are_an_error(api: Api, source: EnergiDataService, case: str) -> None:
    api.failures = inconsistent_pages()[case]
    with pytest.raises(SourceError, match=r"2024-08-01 00:00 to 2024-08-02.*Run these hours again"):
        source.fetch(START, END)


def test_too_many_requests_wait_as_long_as_the_server_asks(
    api: Api, source: EnergiDataService, waits: list[float]
) -> None:
    in_two_minutes = (NOW + timedelta(minutes=2)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    api.failures = [too_many(**{"Retry-After": "292"}), too_many(**{"Retry-After": in_two_minutes})]
    assert len(source.fetch(START, END)) == 144
    assert waits == [292.0, 120.0]


@pytest.mark.parametrize("header", ["soon", "", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_useless_retry_after_leaves_the_usual_backoff(
    api: Api, source: EnergiDataService, waits: list[float], header: str
) -> None:
    api.failures = [too_many(**{"Retry-After": header}), too_many()]
    source.fetch(START, END)
    assert 1 <= waits[0] <= 2
    assert 2 <= waits[1] <= 3


def test_a_wait_beyond_the_budget_gives_up_at_once(
    api: Api, source: EnergiDataService, waits: list[float]
) -> None:
    api.failures = [too_many(**{"Retry-After": "3600"})]
    message = (
        r"in 1 attempt.*HTTP 429: Rate limit is exceeded.*try again at 2024-08-20 10:30:00 UTC"
    )
    with pytest.raises(SourceError, match=message):
        source.fetch(START, END)
    assert waits == []


def drop(request: Request) -> Response:
    """Close the connection in the middle of an answer."""
    request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    return Response("gone")


TRANSIENT: dict[str, Answer] = {
    "500": Response("oops", status=500),
    "502": Response("<html>bad gateway</html>", status=502),
    "503": Response("", status=503),
    "dropped": drop,
}


@pytest.mark.parametrize("failure", TRANSIENT)
def test_a_transient_failure_is_retried(
    api: Api, source: EnergiDataService, waits: list[float], failure: str
) -> None:
    api.failures = [TRANSIENT[failure]]
    assert len(source.fetch(START, END)) == 144
    assert len(waits) == 1


def test_a_time_out_is_retried(api: Api, waits: list[float]) -> None:
    def answer_late(request: Request) -> Response:
        time.sleep(1)
        return Response("too late")

    api.failures = [answer_late]
    source = EnergiDataService(api.url, CONSUMER_CATEGORY, timeout=0.5, sleep=waits.append)
    assert len(source.fetch(START, END)) == 144
    assert waits


def test_a_failure_that_lasts_gives_up_within_the_budget(
    api: Api, source: EnergiDataService, waits: list[float]
) -> None:
    api.failures = [Response("oops", status=500)] * 100
    message = (
        rf"{PATH} gave no answer for 2024-08-01 00:00 to 2024-08-02 00:00 UTC in \d+ attempt.*"
        "HTTP 500: oops. Check the network and ENERGY_API_URL, or try again later"
    )
    with pytest.raises(SourceError, match=message):
        source.fetch(START, END)
    assert 500 < sum(waits) <= 600
    assert waits[:4] == sorted(waits[:4])


def test_a_refused_connection_gives_up_and_names_the_failure(waits: list[float]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        source = EnergiDataService(url, CONSUMER_CATEGORY, wait_budget=5, sleep=waits.append)
        with pytest.raises(SourceError, match=rf"{url}.*ConnectError.*ENERGY_API_URL"):
            source.fetch(START, END)
    assert waits


def permanent_failures() -> dict[str, tuple[Response, str]]:
    return {
        "404": (
            Response("dataset not found X", status=404),
            f"404: dataset not found X. There is no ENERGY_DATASET {CONSUMER_CATEGORY.dataset}",
        ),
        "400": (Response("Invalid column X", status=400), "HTTP 400: Invalid column X. Check"),
        "broken JSON": (
            Response('{"total": 3, "records": [{"Time'),
            "for 2024-08-01 .* is not JSON",
        ),
        "HTML": (Response("<html>maintenance</html>"), "not JSON .*'<html>maintenance</html>'"),
        "not UTF-8": (Response(b"\xff\xfe{"), "is not JSON"),
        "nothing": (Response(""), "is not JSON"),
        "a list": (Response("[]"), "with JSON that is not"),
        "no total": (Response('{"records": []}'), "with JSON that is not"),
        "null": (Response('{"total": null, "records": null}'), "with JSON that is not"),
        "records that are not objects": (
            Response('{"total": 1, "records": [1]}'),
            "with JSON that is not",
        ),
        "other columns": (
            Response('{"total": 1, "records": [{"HourUTC": "2024-08-01T00:00:00"}]}'),
            "without TimeUTC, RegionName, ConsumerCategory3, ConsumptionkWh; they have HourUTC",
        ),
    }


@pytest.mark.parametrize("case", permanent_failures())
def test_a_permanent_failure_is_not_retried(
    api: Api, source: EnergiDataService, waits: list[float], case: str
) -> None:
    answer, message = permanent_failures()[case]
    api.failures = [answer]
    with pytest.raises(SourceError, match=message) as error:
        source.fetch(START, END)
    assert PATH in str(error.value)
    assert waits == []
    assert len(api.requests) == 1


def test_a_long_error_page_is_shortened(api: Api, source: EnergiDataService) -> None:
    api.failures = [Response("x" * 10_000, status=400)]
    with pytest.raises(SourceError) as error:
        source.fetch(START, END)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize("url", ["http://[::1", "http://exa mple:port"])
def test_an_invalid_address_is_an_error_that_names_the_variable(url: str) -> None:
    with pytest.raises(SettingsError, match="ENERGY_API_URL"):
        EnergiDataService(url, CONSUMER_CATEGORY).fetch(START, END)


def test_the_oldest_and_the_newest_hour_cost_one_small_request_each(
    api: Api, source: EnergiDataService
) -> None:
    assert source.oldest_hour() == START
    assert source.newest_hour() == END - HOUR
    assert [request["limit"] for request in api.requests] == ["1", "1"]


def test_a_gap_in_the_data_is_an_empty_frame_with_the_columns(
    api: Api, source: EnergiDataService
) -> None:
    api.rows = a_data_set(hours=2) + a_data_set(START + 5 * HOUR, hours=1)
    records = source.fetch(START + 2 * HOUR, START + 5 * HOUR)
    assert records.empty
    assert list(records.columns) == list(CONSUMER_CATEGORY.columns)


def test_hours_not_yet_published_are_an_error_that_says_to_wait_or_to_set_a_delay(
    api: Api, source: EnergiDataService
) -> None:
    message = (
        "nothing of 2024-08-19 00:00 to 2024-08-20 00:00 UTC; its newest hour is 2024-08-01 23:00 "
        "UTC. They are not published yet. Wait, or set DAYS_DELAY=19"
    )
    with pytest.raises(NoDataError, match=message):
        source.fetch(datetime(2024, 8, 19), datetime(2024, 8, 20))


def test_hours_after_a_data_set_stopped_are_an_error_that_says_so(
    api: Api, source: EnergiDataService
) -> None:
    api.rows = a_data_set(datetime(2023, 6, 1))
    message = "seems to have stopped. Choose another ENERGY_DATASET, or set DAYS_DELAY=446 "
    with pytest.raises(NoDataError, match=message):
        source.fetch(START, END)


def test_hours_before_the_data_are_an_error_that_names_the_oldest_hour(
    api: Api, source: EnergiDataService
) -> None:
    with pytest.raises(NoDataError, match=r"oldest hour is 2024-08-01 00:00.*PARTITIONS_START"):
        source.fetch(START - 24 * HOUR, START)


def test_a_data_set_without_records_is_an_error_that_says_so(
    api: Api, source: EnergiDataService
) -> None:
    api.rows = []
    with pytest.raises(NoDataError, match=r"holds no records\. Choose another ENERGY_DATASET"):
        source.fetch(START, END)
