"""What is published is seen at once and whole; what cannot be read leaves the last forecast."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pandas as pd
import pytest

from energy_assets.forecasts.publishing import POINTER
from energy_assets.forecasts.versions import newest
from energy_assets.partitions import HOUR
from energy_assets.schemas import TARGET
from energy_assets_tests.serving.answers import asked, problem_of
from energy_assets_tests.serving.made_up import SPRING, MadeUp, client_of
from energy_assets_tests.stores.gcs.server import IMPATIENT, GcsServer, answers, gcs_store

SEEN_WITHIN = 2.0
FIRST = SPRING - 8 * HOUR


def seen(client: httpx.Client, is_seen: Callable[[httpx.Response], bool], path: str) -> float:
    """How many seconds it takes until an answer is as wanted."""
    since = time.monotonic()
    while not is_seen(client.get(path)):
        assert time.monotonic() - since < 30
        time.sleep(0.02)
    return time.monotonic() - since


@pytest.fixture
def stored(tmp_path: Path) -> MadeUp:
    return MadeUp(tmp_path, SPRING - 250 * HOUR, SPRING)


def test_before_the_first_forecast_it_says_when_to_ask_again(stored: MadeUp) -> None:
    with client_of(stored, wait=False) as client:
        for path in (
            *("/v1/forecasts", "/v1/observations", "/v1/monitoring", "/v1/series", "/v1/status"),
            *("/v1/model", "/v1/last-updated", "/ready", "/api/v1/area_values"),
            *("/api/v1/predictions/1/111", "/v1/forecasts?format=csv"),
        ):
            answer = client.get(path)
            assert answer.status_code == 503, path
            assert int(answer.headers["Retry-After"]) > 0
            problem_of(answer)
        assert client.get("/health").status_code == 200
        assert client.get("/").status_code == 200
        assert "nan" in client.get("/metrics").text.lower()
        stored.publish(stored.forecast(FIRST))
        waited = seen(client, lambda answer: answer.status_code == 200, "/v1/forecasts")
        assert waited < SEEN_WITHIN
        assert client.get("/ready").status_code == 200
        assert client.get("/api/v1/area_values").status_code == 200


def test_every_answer_is_of_one_forecast_while_the_pointer_moves(stored: MadeUp) -> None:
    versions = {f"{FIRST + n * HOUR:%Y-%m-%dT%H:%M:%SZ}": FIRST + n * HOUR for n in range(8)}
    forecasts = {name: stored.forecast(origin) for name, origin in versions.items()}
    points = {
        name: version[version["horizon"] <= 3][TARGET].tolist()
        for name, version in forecasts.items()
    }
    last = list(versions)[-1]
    stored.publish(forecasts[next(iter(versions))])
    stopped = Event()
    paths = (
        "/v1/forecasts?history=1&layout=columns",
        "/v1/forecasts?format=csv",
        "/v1/observations",
        "/v1/last-updated",
    )

    def ask(number: int) -> list[tuple[str, str, httpx.Response]]:
        path, found, tag = paths[number % len(paths)], [], ""
        with httpx.Client(base_url=client.base_url) as mine:
            while not stopped.is_set():
                answer = mine.get(path, headers={"If-None-Match": tag})
                if answer.status_code == 200:
                    tag = answer.headers["ETag"]
                    found.append((path, tag, answer))
                else:
                    assert answer.status_code == 304
                    assert answer.headers["ETag"] == tag
        return found

    def check(path: str, answer: httpx.Response) -> str:
        if "csv" in path:
            table = pd.read_csv(io.StringIO(answer.text))
            origin = answer.headers["X-Origin"]
            assert set(table["origin"]) == {origin}
            assert table[table["horizon"] <= 3][TARGET].tolist() == pytest.approx(points[origin])
            return origin
        document: dict[str, Any] = answer.json()
        if path == "/v1/last-updated":
            return document["origin"]
        origin = document["meta"]["origin"]
        if "history" in path:
            data = document["data"]
            rows = list(zip(data["horizon"], data["observed"], data["datetime_utc"], strict=True))
            assert {time for _, observed, time in rows if observed is not None} == {origin}
            values = [
                value
                for value, horizon in zip(data[TARGET], data["horizon"], strict=True)
                if horizon is not None and horizon <= 3
            ]
            assert values == points[origin]
        else:
            assert max(row["datetime_utc"] for row in document["data"]) == origin
        return origin

    with client_of(stored) as client, ThreadPoolExecutor(8) as pool:
        askers = [pool.submit(ask, number) for number in range(8)]
        try:
            for name in list(versions)[1:]:
                stored.publish(forecasts[name])
                waited = seen(
                    client,
                    lambda answer, name=name: answer.json()["origin"] == name,
                    "/v1/last-updated",
                )
                assert waited < SEEN_WITHIN
        finally:
            stopped.set()
        found = [one for asker in askers for one in asker.result()]
        origins = {(path, check(path, answer)) for path, _, answer in found}
    # A tag stands for one content.
    bodies: dict[tuple[str, str], bytes] = {}
    for path, tag, answer in found:
        assert bodies.setdefault((path, tag), answer.content) == answer.content
    for path in paths:
        assert len([origin for its, origin in origins if its == path]) >= 4
    assert ("/v1/last-updated", last) in origins


def test_a_forecast_made_again_takes_the_place_of_the_first(stored: MadeUp) -> None:
    stored.publish(stored.forecast(FIRST))
    with client_of(stored) as client:
        before = client.get("/v1/forecasts").headers["ETag"]
        again = stored.forecast(FIRST, FIRST + 4 * HOUR)
        stored.publish(again)
        assert (
            seen(client, lambda answer: answer.headers["ETag"] != before, "/v1/forecasts")
            < SEEN_WITHIN
        )
        answered = asked(client, "/v1/forecasts")
        assert answered[TARGET].tolist() == newest(stored.forecasts[FIRST])[TARGET].tolist()


@pytest.mark.parametrize("damaged", ["the pointer", "a file", "a file that is gone"])
def test_what_is_damaged_leaves_the_last_forecast_and_is_said(stored: MadeUp, damaged: str) -> None:
    objects = stored.stores.object_store
    stored.publish(stored.forecast(FIRST))
    pointer = json.loads(objects.read(POINTER))
    pointer |= {"published_at": "2030-01-01T00:00:00"}
    pointer["files"]["y.parquet"] = "published/other.parquet"
    if damaged == "a file":
        objects.write("published/other.parquet", b"no parquet")
    with client_of(stored) as client:
        whole = client.get("/v1/forecasts").content
        objects.write(POINTER, b"{" if damaged == "the pointer" else json.dumps(pointer).encode())
        seen(client, lambda answer: "store_failing 1.0" in answer.text, "/metrics")
        assert client.get("/v1/forecasts").content == whole
        assert client.get("/ready").status_code == 200
        assert "error" in levels(client)
        stored.publish(stored.forecast(FIRST + HOUR))
        newer = f"{FIRST + HOUR:%Y-%m-%dT%H:%M:%SZ}"
        waited = seen(client, lambda answer: answer.json()["origin"] == newer, "/v1/last-updated")
        assert waited < SEEN_WITHIN
        assert "store_failing 0.0" in client.get("/metrics").text


def levels(client: httpx.Client) -> set[str]:
    """The levels of the messages about the store."""
    messages = client.get("/v1/status").json()["data"]["messages"]
    return {one["level"] for one in messages if "store" in one["text"]}


def test_a_store_that_does_not_answer_leaves_the_last_forecast_and_is_said(
    gcs: GcsServer, tmp_path: Path
) -> None:
    stored = MadeUp(tmp_path, SPRING - 250 * HOUR, SPRING, objects=gcs_store())
    for back in (2, 1, 0):
        version = stored.forecast(SPRING - back * HOUR)
    stored.publish(version)
    stored.stores = replace(stored.stores, object_store=gcs_store(policy=IMPATIENT))
    with client_of(stored) as client:
        before = client.get("/v1/forecasts?sum=total")
        assert before.status_code == 200
        gcs.fail(*[answers(503)] * 100_000)
        seen(client, lambda answer: "store_failing 1.0" in answer.text, "/metrics")
        assert client.get("/v1/forecasts").status_code == 200
        assert client.get("/ready").status_code == 200
        older = client.get(f"/v1/forecasts?origin={(SPRING - HOUR).isoformat()}")
        assert older.status_code == 503
        assert int(older.headers["Retry-After"]) > 0
        problem_of(older)
        assert "error" in levels(client)
