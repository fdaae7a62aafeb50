"""The API client against a local server that answers as the real one does, faults included."""

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
    # Threads, so that an answer that comes too late does not keep the next one waiting.
    with HTTPServer(threaded=True) as server:
        yield server


@pytest.fixture
def api(server: HTTPServer) -> Api:
    server.clear()
    return Api(server)


@pytest.fixture
def waits() -> list[float]:
    """The seconds that the client has slept, without sleeping."""
    return []


@pytest.fixture
def source(api: Api, waits: list[float]) -> EnergiDataService:
    return EnergiDataService(api.url, CONSUMER_CATEGORY, sleep=waits.append, now=lambda: NOW)


def with_pages_of(size: int, api: Api) -> EnergiDataService:
    return EnergiDataService(api.url, CONSUMER_CATEGORY, page_size=size, now=lambda: NOW)


def test_fetch__a_day__is_one_request_in_utc_with_a_complete_sort(
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


def test_fetch__values__are_the_literal_text(api: Api, source: EnergiDataService) -> None:
    literal = '{"total": 1, "records": [{"TimeUTC": "2024-08-01T00:00:00", "RegionName": null,'
    literal += '"ConsumerCategory3": "Privat", "ConsumptionkWh": 571027.830000, "x": [1, true]}]}'
    api.faults = [Response(literal)]
    record = source.fetch(START, END).iloc[0]
    assert record.tolist() == [
        "2024-08-01T00:00:00",
        None,
        "Privat",
        "571027.830000",
        '["1", true]',
    ]


@pytest.mark.parametrize("size", [1, 7, 36, 143, 144, 145])
def test_fetch__pages__are_the_whole(api: Api, source: EnergiDataService, size: int) -> None:
    whole = source.fetch(START, START + 6 * HOUR)
    api.requests.clear()
    paged = with_pages_of(size, api).fetch(START, START + 6 * HOUR)
    pd.testing.assert_frame_equal(paged, whole)
    assert len(api.requests) == -(-36 // size)


def test_fetch__server_gives_smaller_pages_than_asked__reads_on(
    api: Api, source: EnergiDataService
) -> None:
    rows = a_data_set(hours=1)
    api.faults = [a_page(rows[:4], 6), a_page(rows[4:], 6)]
    assert len(source.fetch(START, END)) == 6
    assert [request["offset"] for request in api.requests] == ["0", "4"]


def test_fetch__record_published_twice_across_two_pages__is_no_fault(
    api: Api, source: EnergiDataService
) -> None:
    rows = a_data_set(hours=1)
    api.faults = [a_page(rows[:4], 7), a_page(rows[3:], 7)]
    assert len(source.fetch(START, END)) == 7


def pages_that_do_not_fit() -> dict[str, list[Answer]]:
    rows = a_data_set(hours=1)
    return {
        "rows moved": [a_page(rows[:4], 6), a_page(rows[:2], 6)],
        "total changed": [a_page(rows[:4], 6), a_page(rows[4:], 7)],
        "page empty": [a_page(rows[:4], 6), a_page([], 6)],
        "too many rows": [a_page(rows, 5)],
    }


@pytest.mark.parametrize("case", pages_that_do_not_fit())
def test_fetch__pages_that_do_not_fit__are_refused(
    api: Api, source: EnergiDataService, case: str
) -> None:
    api.faults = pages_that_do_not_fit()[case]
    with pytest.raises(SourceError, match=r"2024-08-01 00:00 to 2024-08-02.*run these hours again"):
        source.fetch(START, END)


def test_fetch__too_many_requests__waits_as_long_as_asked(
    api: Api, source: EnergiDataService, waits: list[float]
) -> None:
    in_two_minutes = (NOW + timedelta(minutes=2)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    api.faults = [too_many(**{"Retry-After": "292"}), too_many(**{"Retry-After": in_two_minutes})]
    assert len(source.fetch(START, END)) == 144
    assert waits == [292.0, 120.0]


@pytest.mark.parametrize("header", ["soon", "", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_fetch__retry_after_of_no_use__backs_off(
    api: Api, source: EnergiDataService, waits: list[float], header: str
) -> None:
    api.faults = [too_many(**{"Retry-After": header}), too_many()]
    source.fetch(START, END)
    assert 1 <= waits[0] <= 2
    assert 2 <= waits[1] <= 3


def test_fetch__asked_to_wait_beyond_the_budget__gives_up_at_once(
    api: Api, source: EnergiDataService, waits: list[float]
) -> None:
    api.faults = [too_many(**{"Retry-After": "3600"})]
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


@pytest.mark.parametrize("fault", TRANSIENT)
def test_fetch__fault_that_passes__is_tried_again(
    api: Api, source: EnergiDataService, waits: list[float], fault: str
) -> None:
    api.faults = [TRANSIENT[fault]]
    assert len(source.fetch(START, END)) == 144
    assert len(waits) == 1


def test_fetch__answer_too_late__is_asked_for_again(api: Api, waits: list[float]) -> None:
    def answer_late(request: Request) -> Response:
        time.sleep(1)
        return Response("too late")

    api.faults = [answer_late]
    source = EnergiDataService(api.url, CONSUMER_CATEGORY, timeout=0.5, sleep=waits.append)
    assert len(source.fetch(START, END)) == 144
    assert waits


def test_fetch__fault_that_stays__gives_up_within_the_budget(
    api: Api, source: EnergiDataService, waits: list[float]
) -> None:
    api.faults = [Response("oops", status=500)] * 100
    message = (
        rf"{PATH} gave no answer for 2024-08-01 00:00 to 2024-08-02 00:00 UTC in \d+ attempt.*"
        "HTTP 500: oops. Check the network and ENERGY_API_URL, or try again later"
    )
    with pytest.raises(SourceError, match=message):
        source.fetch(START, END)
    assert 500 < sum(waits) <= 600
    assert waits[:4] == sorted(waits[:4])


def test_fetch__nobody_listens__gives_up_naming_the_fault(waits: list[float]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        source = EnergiDataService(url, CONSUMER_CATEGORY, wait_budget=5, sleep=waits.append)
        with pytest.raises(SourceError, match=rf"{url}.*ConnectError.*ENERGY_API_URL"):
            source.fetch(START, END)
    assert waits


def permanent() -> dict[str, tuple[Response, str]]:
    return {
        "404": (
            Response("dataset not found X", status=404),
            f"HTTP 404: dataset not found X. ENERGY_DATASET {CONSUMER_CATEGORY.dataset} is not",
        ),
        "400": (Response("Invalid column X", status=400), "HTTP 400: Invalid column X. Check"),
        "broken JSON": (Response('{"total": 3, "records": [{"Time'), "is no JSON for 2024-08-01"),
        "HTML": (Response("<html>maintenance</html>"), "no JSON .*'<html>maintenance</html>'"),
        "not UTF-8": (Response(b"\xff\xfe{"), "is no JSON"),
        "nothing": (Response(""), "is no JSON"),
        "a list": (Response("[]"), "answered JSON .* that is no"),
        "no total": (Response('{"records": []}'), "answered JSON .* that is no"),
        "null": (Response('{"total": null, "records": null}'), "answered JSON .* that is no"),
        "records no objects": (Response('{"total": 1, "records": [1]}'), "answered JSON .* is no"),
        "other columns": (
            Response('{"total": 1, "records": [{"HourUTC": "2024-08-01T00:00:00"}]}'),
            "without TimeUTC, RegionName, ConsumerCategory3, ConsumptionkWh; they have HourUTC",
        ),
    }


@pytest.mark.parametrize("case", permanent())
def test_fetch__fault_that_stays_as_it_is__fails_at_once(
    api: Api, source: EnergiDataService, waits: list[float], case: str
) -> None:
    answer, message = permanent()[case]
    api.faults = [answer]
    with pytest.raises(SourceError, match=message) as error:
        source.fetch(START, END)
    assert PATH in str(error.value)
    assert waits == []
    assert len(api.requests) == 1


def test_fetch__long_error_page__is_shortened(api: Api, source: EnergiDataService) -> None:
    api.faults = [Response("x" * 10_000, status=400)]
    with pytest.raises(SourceError) as error:
        source.fetch(START, END)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize("url", ["http://[::1", "http://exa mple:port"])
def test_fetch__address_that_is_none__names_the_variable(url: str) -> None:
    with pytest.raises(SettingsError, match="ENERGY_API_URL"):
        EnergiDataService(url, CONSUMER_CATEGORY).fetch(START, END)


def test_oldest_and_newest_hour__cost_one_small_request_each(
    api: Api, source: EnergiDataService
) -> None:
    assert source.oldest_hour() == START
    assert source.newest_hour() == END - HOUR
    assert [request["limit"] for request in api.requests] == ["1", "1"]


def test_fetch__gap_in_the_data__is_empty_with_the_columns(
    api: Api, source: EnergiDataService
) -> None:
    api.rows = a_data_set(hours=2) + a_data_set(START + 5 * HOUR, hours=1)
    records = source.fetch(START + 2 * HOUR, START + 5 * HOUR)
    assert records.empty
    assert list(records.columns) == list(CONSUMER_CATEGORY.columns)


def test_fetch__not_yet_published__says_to_wait_or_to_delay(
    api: Api, source: EnergiDataService
) -> None:
    message = (
        "nothing of 2024-08-19 00:00 to 2024-08-20 00:00 UTC; its newest hour is 2024-08-01 23:00 "
        "UTC. They are not published yet: wait, or set DAYS_DELAY=19"
    )
    with pytest.raises(NoDataError, match=message):
        source.fetch(datetime(2024, 8, 19), datetime(2024, 8, 20))


def test_fetch__data_set_that_stopped__says_so(api: Api, source: EnergiDataService) -> None:
    api.rows = a_data_set(datetime(2023, 6, 1))
    message = "seems to have stopped: choose another ENERGY_DATASET, or set DAYS_DELAY=446 "
    with pytest.raises(NoDataError, match=message):
        source.fetch(START, END)


def test_fetch__before_the_data_starts__names_its_first_hour(
    api: Api, source: EnergiDataService
) -> None:
    with pytest.raises(NoDataError, match=r"oldest hour is 2024-08-01 00:00.*PARTITIONS_START"):
        source.fetch(START - 24 * HOUR, START)


def test_fetch__data_set_without_records__says_so(api: Api, source: EnergiDataService) -> None:
    api.rows = []
    with pytest.raises(NoDataError, match="holds no records at all: choose another ENERGY_DATASET"):
        source.fetch(START, END)
