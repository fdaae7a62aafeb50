"""The API client when the server is busy, down or wrong."""

from __future__ import annotations

import json
import socket
import time
from datetime import timedelta

import pytest
from werkzeug import Request, Response

from energy_assets.errors import SourceError
from energy_assets.sources.energidataservice import EnergiDataService
from energy_assets.sources.profiles import CONSUMER_CATEGORY
from energy_assets_tests.sources.fake_api import END, NOW, PATH, START, Answer, Api


def too_many(**headers: str) -> Response:
    message = "Rate limit is exceeded. Try again in 292 seconds."
    return Response(
        json.dumps({"statusCode": 429, "message": message}), status=429, headers=headers
    )


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
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
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
