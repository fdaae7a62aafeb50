"""The course's own code with our data: its API over our bucket, and its web apps over our API.

These tests run where ENERGY_ASSETS_TEST_COURSE names a copy of the course. The first one of a
program installs its packages, which takes a minute.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests
from fastapi import FastAPI

from energy_assets.partitions import HOUR
from energy_assets.serving.data.course_tables import published_tables
from energy_assets.stores.embedded.object_store import LocalObjectStore
from energy_assets_tests.serving.course_client import CourseClient
from energy_assets_tests.serving.course_code import (
    course_folder,
    free_port,
    python_for,
    running,
)
from energy_assets_tests.serving.course_samples import (
    course_app,
    forecast,
    publish_sample,
    store_scores,
)
from energy_assets_tests.serving.loopback import serving
from energy_assets_tests.stores.gcs.server import BUCKET, GcsServer, gcs_store

PATHS = (
    "health",
    "area_values",
    "consumer_type_values",
    *(f"predictions/{series}" for series in ("1/111", "1/999", "2/450", "1/450", "7/111")),
    "monitoring/metrics",
    *(f"monitoring/values/{series}" for series in ("1/111", "1/999", "2/450", "1/450")),
)


def answers(server: str) -> dict[str, Any]:
    """Path -> answer: of errors the status and whether there is a detail, of `health` the form."""
    found = {}
    for path in PATHS:
        answer = requests.get(f"{server}/api/v1/{path}", timeout=30)
        content = answer.json()
        if answer.status_code != 200:
            content = "detail" in content
        elif path == "health":
            content = set(content)
        found[path] = answer.status_code, content
    return found


def test_its_api_over_our_bucket_answers_as_ours_does(gcs: GcsServer, tmp_path: Path) -> None:
    program, port = course_folder("app-api"), free_port()
    store = gcs_store()
    store_scores(store)
    published = publish_sample(store)
    url = f"http://127.0.0.1:{port}"
    settings = {
        "APP_API_GCP_PROJECT": "energy",
        "APP_API_GCP_BUCKET": BUCKET,
        "APP_API_GCP_SERVICE_ACCOUNT_JSON_PATH": "anon",  # gcsfs: without a key
        "APP_API_HOST": "127.0.0.1",
        "APP_API_PORT": str(port),
    }
    health = f"{url}/api/v1/health"
    with running(program, ["-m", "api"], health, tmp_path / "log", settings):
        with serving(course_app(published_tables(store, published))) as ours:
            before = answers(url)
            assert before == answers(ours)

        newer = forecast().assign(energy_consumption=7.5, made_at=published.made_at + HOUR)
        with serving(
            course_app(published_tables(store, publish_sample(store, version=newer)))
        ) as ours:
            assert answers(url) == answers(ours)
        assert answers(url) != before


@pytest.fixture(scope="module")
def our_app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    objects = LocalObjectStore(tmp_path_factory.mktemp("objects"))
    store_scores(objects)
    return course_app(published_tables(objects, publish_sample(objects)))


class WebApp:
    """One of the web apps in a browser."""

    def __init__(self, page: Any, client: CourseClient) -> None:
        self.page = page
        self.client = client

    def charts(self) -> list[dict[str, Any]]:
        """The charts from top to bottom: their titles and their lines."""
        charts: list[dict[str, Any]] = self.page.evaluate(
            """() => [...document.querySelectorAll('.js-plotly-plot')].map(chart => ({
                title: chart.layout.title.text.replace(/<.?b>/g, ''),
                lines: chart.data.map(line => [line.name, [...line.x], [...line.y]]),
            }))"""
        )
        return charts

    def choose(self, box: int, value: int) -> None:
        """Choose from the box of areas (0) or of consumer types (1)."""
        self.page.locator("[data-baseweb=select]").nth(box).click()
        self.page.get_by_role("option", name=str(value), exact=True).click()

    def shows(self, *charts: tuple[str, list[tuple[str, pd.Series]]]) -> None:
        """Wait until the page shows these charts, and see that no error is on it."""
        expected = [
            {"title": title, "lines": [as_drawn(name, line) for name, line in lines]}
            for title, lines in charts
        ]
        end = time.monotonic() + 30
        while (shown := self.charts()) != expected and time.monotonic() < end:
            time.sleep(0.1)
        assert self.page.locator(".stException").all_inner_texts() == []
        assert shown == expected


def as_drawn(name: str, line: pd.Series) -> list[Any]:
    """A line as the page has it."""
    return [name, [f"{time:%Y-%m-%dT%H:%M:%S}" for time in line.index], line.tolist()]


def both(chart: tuple[pd.Series, ...] | None) -> list[tuple[str, pd.Series]]:
    """The two lines of a chart; they are empty if there are no data."""
    empty = pd.Series(dtype=float, index=pd.DatetimeIndex([]))
    return list(zip(("Observations", "Predictions"), chart or (empty, empty), strict=True))


OpenApp = Callable[[str, str], WebApp]


@pytest.fixture
def open_app(our_app: FastAPI, tmp_path: Path) -> Iterator[OpenApp]:
    """Opens a web app in a browser.

    The address that the apps ask is written in their code. With our server as their proxy, their
    requests come to us all the same.
    """
    from playwright.sync_api import sync_playwright

    with ExitStack() as stack:

        def open_it(folder: str, module: str) -> WebApp:
            program = course_folder(folder)
            chromium = shutil.which("chromium")
            if chromium is None:
                pytest.skip("there is no chromium on the PATH")
            python_for(program)
            ours, port = stack.enter_context(serving(our_app)), free_port()
            url = f"http://127.0.0.1:{port}"
            options = {
                "server.address": "127.0.0.1",
                "server.port": port,
                "server.headless": "true",
                "server.fileWatcherType": "none",
                "browser.gatherUsageStats": "false",
            }
            arguments = [f"--{name}={value}" for name, value in options.items()]
            command = ["-m", "streamlit", "run", f"{module}/main.py", *arguments]
            log = tmp_path / "log"
            stack.enter_context(running(program, command, url, log, {"HTTP_PROXY": ours}))
            playwright = stack.enter_context(sync_playwright())
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            stack.callback(browser.close)
            page = browser.new_page()
            page.goto(url)
            return WebApp(page, CourseClient(ours))

        yield open_it


def test_its_first_app_shows_our_observations_and_forecasts(open_app: OpenApp) -> None:
    app = open_app("app-frontend", "frontend")
    title = "Energy Consumption per DE35 Industry Code per Hour"
    app.shows((title, both(app.client.forecast_chart(1, 111))))
    app.choose(1, 450)
    app.shows(("NO DATA AVAILABLE FOR THE GIVEN AREA AND CONSUMER TYPE", both(None)))
    app.choose(0, 2)
    app.shows((title, both(app.client.forecast_chart(2, 450))))


def test_its_second_app_shows_our_scores(open_app: OpenApp) -> None:
    app = open_app("app-monitoring", "monitoring")
    errors = app.client.metrics_chart()
    assert errors is not None
    above = "Predictions vs. Observations | Aggregated Metrics", [("MAPE", errors)]
    title = "Predictions vs. Observations | Energy Consumption"
    app.shows(above, (title, both(app.client.monitoring_chart(1, 111))))
    app.choose(1, 999)
    app.shows(above, (title, both(app.client.monitoring_chart(1, 999))))
