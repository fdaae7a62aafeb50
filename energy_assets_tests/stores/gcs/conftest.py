"""A store in use."""

from __future__ import annotations

import pytest

from energy_assets.stores.gcs.object_store import GcsObjectStore
from energy_assets_tests.stores.gcs.server import GcsServer, gcs_store


@pytest.fixture
def store(gcs: GcsServer) -> GcsObjectStore:
    """A store whose folder already belongs to it."""
    store = gcs_store()
    store.write("x", b"old")
    return store
