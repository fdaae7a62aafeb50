"""Keys, the rate limit, other pages' requests, and what a response says to caches and browsers."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import httpx
import pytest

from energy_assets.partitions import HOUR
from energy_assets.serving.security import hashed
from energy_assets_tests.serving.answers import problem_of
from energy_assets_tests.serving.made_up import SPRING, MadeUp, client_of

KEY, OTHER = "planner-secret-3141", "trader-secret-2718"
PATHS = ("/v1/series", "/v1/forecasts", "/v1/status", "/v1/openapi.json", "/metrics")
COURSE = ("/api/v1/area_values", "/api/v1/monitoring/metrics")


def guarded(root: Path, **settings: str) -> MadeUp:
    """A small published forecast behind these settings."""
    stored = MadeUp(root, SPRING - 200 * HOUR, SPRING, changed=settings)
    stored.publish(stored.forecast(SPRING))
    return stored


@pytest.fixture(scope="module")
def keyed_service(tmp_path_factory: pytest.TempPathFactory) -> MadeUp:
    keys = f"planner:{hashed(KEY)}, trader:{hashed(OTHER)}"
    return guarded(tmp_path_factory.mktemp("keys"), serve_api_keys=keys)


def test_without_a_known_key_only_the_page_and_the_probes_are_open(
    keyed_service: MadeUp, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), client_of(keyed_service) as client:
        wrong = [
            {},
            {"Authorization": "Bearer wrong-secret"},
            {"Authorization": f"Basic {KEY}"},
            {"Authorization": f"Bearer {hashed(KEY)}"},
            {"Authorization": "Bearer"},
            {"X-API-Key": ""},
            {"X-API-Key": KEY.upper()},
        ]
        for headers in wrong:
            for path in (*PATHS, *COURSE):
                answer = client.get(path, headers=headers)
                assert answer.status_code == 401, path
                assert "Bearer" in answer.headers["WWW-Authenticate"]
                problem_of(answer)
        for path in ("/", "/health", "/v1/health", "/ready", "/v1/ready"):
            assert client.get(path).status_code == 200
        for key in (KEY, OTHER):
            for headers in ({"Authorization": f"Bearer {key}"}, {"X-API-Key": key}):
                for path in (*PATHS, *COURSE):
                    answer = client.get(path, headers=headers)
                    assert answer.status_code == 200, path
                    assert "public" not in answer.headers.get("Cache-Control", "")
    for secret in (KEY, OTHER, "wrong-secret", hashed(KEY)):
        assert secret not in caplog.text


def test_more_requests_than_the_limit_have_to_wait(tmp_path: Path) -> None:
    with client_of(guarded(tmp_path, serve_rate_limit="5/minute")) as client:
        statuses = [client.get("/v1/last-updated").status_code for _ in range(5)]
        # Two windows may meet in between, so that the limit comes later.
        answer = client.get("/v1/last-updated")
        for _ in range(6):
            if answer.status_code == 429:
                break
            answer = client.get("/v1/last-updated")
        assert statuses == [200] * 5
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert "5 requests" in problem_of(answer)["detail"]
        assert client.get("/health").status_code == 200


def test_the_limit_is_for_each_holder_of_a_key(tmp_path: Path) -> None:
    keys = f"planner:{hashed(KEY)},trader:{hashed(OTHER)}"
    stored = guarded(tmp_path, serve_api_keys=keys, serve_rate_limit="3/hour")
    with client_of(stored) as client:

        def status(key: str) -> int:
            return client.get("/v1/last-updated", headers={"X-API-Key": key}).status_code

        assert [status(KEY) for _ in range(4)].count(429) == 1
        assert status(OTHER) == 200


def test_another_page_may_call_only_if_its_origin_is_set(
    tmp_path: Path, served: httpx.Client
) -> None:
    theirs = {"Origin": "https://plans.example"}
    assert "Access-Control-Allow-Origin" not in served.get("/v1/series", headers=theirs).headers
    keys = f"planner:{hashed(KEY)}"
    stored = guarded(tmp_path, serve_cors_origins="https://plans.example", serve_api_keys=keys)
    with client_of(stored) as client:
        answer = client.get("/v1/series", headers={**theirs, "X-API-Key": KEY})
        assert answer.headers["Access-Control-Allow-Origin"] == theirs["Origin"]
        other = {"Origin": "https://other.example", "X-API-Key": KEY}
        assert "Access-Control-Allow-Origin" not in client.get("/v1/series", headers=other).headers
        asks = {
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "x-api-key",
        }
        # A browser asks first, and without the key.
        preflight = client.options("/v1/series", headers={**theirs, **asks})
        assert preflight.status_code == 200
        assert preflight.headers["Access-Control-Allow-Origin"] == theirs["Origin"]
        # It can also read why it was refused.
        refusal = client.get("/v1/series", headers=theirs)
        assert refusal.status_code == 401
        assert refusal.headers["Access-Control-Allow-Origin"] == theirs["Origin"]


@pytest.mark.parametrize(
    "path", ["/", "/v1/series", "/v1/forecasts?area=DK9", "/nothing", "/health", "/api/v1/health"]
)
def test_every_response_has_headers_that_protect_a_browser(served: httpx.Client, path: str) -> None:
    headers = served.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "same-origin"


def test_a_query_that_is_too_long_is_refused(served: httpx.Client) -> None:
    answer = served.get("/v1/forecasts?area=" + "a" * 10_000)
    assert answer.status_code == 414
    problem_of(answer)


@pytest.mark.parametrize("path", ["/v1/nothing", "/nothing", "/v1/series/"])
def test_an_unknown_path_is_a_problem(served: httpx.Client, path: str) -> None:
    answer = served.get(path)
    assert answer.status_code == 404
    problem_of(answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_written(served: httpx.Client, method: str) -> None:
    answer = served.request(method, "/v1/forecasts")
    assert answer.status_code == 405
    problem_of(answer)


CACHED = [
    *("/v1/forecasts", "/v1/forecasts?format=csv", "/v1/forecasts?sum=total"),
    *("/v1/observations?format=arrow", "/v1/monitoring", "/v1/series", "/v1/last-updated"),
]


@pytest.mark.parametrize("path", CACHED)
def test_who_has_the_answer_already_is_not_sent_it_again(served: httpx.Client, path: str) -> None:
    first = served.get(path)
    assert "must-revalidate" in first.headers["Cache-Control"]
    assert {"Accept", "Accept-Encoding"} <= set(first.headers["Vary"].replace(",", " ").split())
    tag = first.headers["ETag"]
    for value in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = served.get(path, headers={"If-None-Match": value})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["ETag"] == tag
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    for value in ('"other"', tag.strip('"'), ""):
        again = served.get(path, headers={"If-None-Match": value})
        assert (again.status_code, again.content) == (200, first.content)


@pytest.mark.parametrize("path", CACHED)
def test_what_is_compressed_is_the_same(served: httpx.Client, path: str) -> None:
    plain = served.get(path, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    with served.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
    if "Content-Encoding" in answer.headers:
        assert answer.headers["ETag"] != plain.headers["ETag"]
        raw = gzip.decompress(raw)
    assert raw == plain.content
    refused = served.get(path, headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in refused.headers


def test_head_says_what_get_would(served: httpx.Client) -> None:
    for path in ("/v1/forecasts", "/health", "/", "/api/v1/area_values"):
        get, head = served.get(path), served.head(path)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("Content-Type", "ETag", "Content-Length"):
            assert head.headers.get(name) == get.headers.get(name)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv", "text/csv"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("application/xml, text/csv;q=0.5", "text/csv"),
        ("text/csv;q=0.5, application/json", "application/json"),
        ("*/*", "application/json"),
    ],
)
def test_accept_chooses_the_form(served: httpx.Client, accept: str, kind: str) -> None:
    answer = served.get("/v1/forecasts", headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith(kind)
    # What is asked for by name goes before.
    forced = served.get("/v1/forecasts?format=csv", headers={"Accept": accept})
    assert forced.headers["Content-Type"].startswith("text/csv")


def test_a_form_that_there_is_not_is_refused(served: httpx.Client) -> None:
    for accept in ("image/png", "application/json;q=0"):
        answer = served.get("/v1/forecasts", headers={"Accept": accept})
        assert answer.status_code == 406
        problem_of(answer)
