"""A stand-in for Open-Meteo, and the client that asks it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from energy_assets.sources.weather.answer_cache import AnswerCache
from energy_assets.sources.weather.open_meteo import OpenMeteo
from energy_assets_tests.sources.weather import fake_open_meteo

NOW = datetime(2024, 6, 10, 12, 7)
LOCATIONS = {"DK1": (56.1, 9.6), "DK2": (55.6, 12.2)}


@pytest.fixture
def api() -> Iterator[fake_open_meteo.OpenMeteo]:
    with HTTPServer() as server:
        yield fake_open_meteo.OpenMeteo(server, NOW)


@pytest.fixture
def waits() -> list[float]:
    """The waits of the client in seconds. It does not really sleep."""
    return []


@pytest.fixture
def client(api: fake_open_meteo.OpenMeteo, waits: list[float]) -> OpenMeteo:
    """The client, without kept answers."""
    return OpenMeteo(LOCATIONS, api.url, sleep=waits.append, now=lambda: NOW)


@pytest.fixture
def keeping_client(api: fake_open_meteo.OpenMeteo, tmp_path: Path) -> OpenMeteo:
    """The client that keeps answers."""
    return OpenMeteo(LOCATIONS, api.url, cache=AnswerCache(tmp_path / "answers"))
