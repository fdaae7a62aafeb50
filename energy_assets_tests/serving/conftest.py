"""Services over made-up stores, each on a real server on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from energy_assets.partitions import HOUR
from energy_assets_tests.serving.made_up import SPRING, MadeUp, client_of


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> MadeUp:
    """Stores with 48 hours of forecasts up to SPRING, some made again. Do not change them."""
    stored = MadeUp(tmp_path_factory.mktemp("made_up"), SPRING - 400 * HOUR, SPRING)
    first = SPRING - 48 * HOUR
    stored.forecast(first, quantiles=False)
    stored.run(first + HOUR, SPRING)
    # Made again later: what was issued and what is newest differ.
    stored.forecast(SPRING - 10 * HOUR, SPRING - 3 * HOUR)
    return stored


@pytest.fixture(scope="session")
def served(made_up: MadeUp) -> Iterator[httpx.Client]:
    """A client of the service over `made_up`."""
    with client_of(made_up) as client:
        yield client
