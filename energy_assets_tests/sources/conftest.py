"""The API client and a local server that behaves like the real one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer

from energy_assets.sources.energidataservice import EnergiDataService
from energy_assets.sources.profiles import CONSUMER_CATEGORY
from energy_assets_tests.sources.fake_api import NOW, Api


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
