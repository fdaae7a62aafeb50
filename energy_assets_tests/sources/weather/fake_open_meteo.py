"""A stand-in for Open-Meteo's APIs that answers as their documentation says."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

HOUR = timedelta(hours=1)
EPOCH = datetime(2020, 1, 1)
RUN_EVERY = 6 * HOUR
COMPUTED_AFTER = 5 * HOUR
FIRST_RUN = datetime(2024, 3, 14)
FIRST_PREVIOUS = datetime(2024, 1, 1)
VARIABLES = ("temperature_2m", "wind_speed_10m", "shortwave_radiation")

Answer = Response | Callable[[Request], Response]


def actual(variable: str, time: datetime, place: int = 0) -> float:
    """What is observed. Radiation is the mean of the hour that ends at `time`."""
    number = (time - EPOCH) // HOUR
    if variable == "temperature_2m":
        return round(8 + 6 * math.sin(number / 50) + place, 1)
    if variable == "wind_speed_10m":
        return round(6 + 3 * math.sin(number / 17) + place, 1)
    return float(100 + number % 24 + place)


def forecast(variable: str, run: datetime, time: datetime, place: int = 0) -> float:
    """What a run says of a time: the further ahead, the more wrong."""
    return round(actual(variable, time, place) + 0.1 * ((time - run) // HOUR), 1)


def refusal(reason: str, status: int = 400) -> Response:
    body = json.dumps({"error": True, "reason": reason})
    return Response(body, status=status, mimetype="application/json")


class OpenMeteo:
    """Answers as at the time `now`, after one answer of `failures` for each request."""

    def __init__(self, server: HTTPServer, now: datetime) -> None:
        self.url = server.url_for("/{api}").replace("%7B", "{").replace("%7D", "}")
        self.now = now
        self.failures: list[Answer] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.missing_runs: set[datetime] = set()
        self.archive_ends = datetime(2024, 6, 8)
        for path, answer in {
            "/single-runs-api/v1/forecast": self.single_run,
            "/previous-runs-api/v1/forecast": self.previous_runs,
            "/archive-api/v1/archive": self.archive,
        }.items():
            server.expect_request(path).respond_with_handler(self._answering(answer))

    def _answering(self, answer: Callable[[dict[str, str]], Response]) -> Callable[..., Response]:
        def respond(request: Request) -> Response:
            query = request.args.to_dict()
            self.requests.append((request.path, query))
            if self.failures:
                failure = self.failures.pop(0)
                return failure if isinstance(failure, Response) else failure(request)
            assert (query["timezone"], query["wind_speed_unit"]) == ("GMT", "ms")
            return answer(query)

        return respond

    def single_run(self, query: dict[str, str]) -> Response:
        run = datetime.fromisoformat(query["run"])
        is_there = FIRST_RUN <= run <= self.now - COMPUTED_AFTER and run not in self.missing_runs
        if not is_there or (run - EPOCH) % RUN_EVERY:
            return refusal(f"The requested model run is not available. Model: x, run: {run}Z")
        start = run.replace(hour=0)
        times = [start + n * HOUR for n in range(24 * int(query["forecast_days"]))]

        def value(name: str, time: datetime, place: int) -> float | None:
            # The first hour of a run has no mean of the hour before it.
            first = run + HOUR if name == "shortwave_radiation" else run
            return forecast(name, run, time, place) if time >= first else None

        return _answer(query, times, value)

    def previous_runs(self, query: dict[str, str]) -> Response:
        def value(name: str, time: datetime, place: int) -> float | None:
            variable, _, days = name.partition("_previous_day")
            run = time - int(days) * 24 * HOUR
            run -= (run - EPOCH) % RUN_EVERY
            is_there = FIRST_PREVIOUS <= run <= self.now - COMPUTED_AFTER
            return forecast(variable, run, time, place) if is_there else None

        return _answer(query, list(_days(query)), value)

    def archive(self, query: dict[str, str]) -> Response:
        if query["end_date"] > f"{self.archive_ends:%Y-%m-%d}":
            return refusal("Parameter 'end_date' is out of allowed range from 1940-01-01 to today")
        return _answer(query, list(_days(query)), actual)


def _days(query: dict[str, str]) -> Iterator[datetime]:
    time = datetime.fromisoformat(query["start_date"])
    while time < datetime.fromisoformat(query["end_date"]) + 24 * HOUR:
        yield time
        time += HOUR


def _answer(
    query: dict[str, str],
    times: list[datetime],
    value: Callable[[str, datetime, int], float | None],
) -> Response:
    latitudes, longitudes = query["latitude"].split(","), query["longitude"].split(",")
    names = query["hourly"].split(",")
    if unknown := [name for name in names if not name.startswith(VARIABLES)]:
        return refusal(f"Cannot initialize WeatherVariable from invalid String value {unknown[0]}")
    places: list[dict[str, Any]] = [
        {
            "latitude": float(latitude),
            "longitude": float(longitude),
            "utc_offset_seconds": 0,
            "timezone": "GMT",
            "hourly": {
                "time": [f"{time:%Y-%m-%dT%H:%M}" for time in times],
                **{name: [value(name, time, place) for time in times] for name in names},
            },
        }
        for place, (latitude, longitude) in enumerate(zip(latitudes, longitudes, strict=True))
    ]
    body = json.dumps(places if len(places) > 1 else places[0])
    return Response(body, mimetype="application/json")
