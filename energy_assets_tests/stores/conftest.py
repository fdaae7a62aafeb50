"""Fixtures for the tests that every store of a protocol passes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from energy_assets.stores.embedded.feature_store import DeltaFeatureStore
from energy_assets.stores.feature_store import FeatureStore
from energy_assets_tests.stores.hopsworks.clients import features


@pytest.fixture(params=["embedded", "embedded, 3 shards", "hopsworks"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., FeatureStore]:
    """Opens each of the feature stores; both are empty."""
    if request.param.startswith("embedded"):
        shards = 3 if "shards" in request.param else 1
        return lambda **options: DeltaFeatureStore(tmp_path / "table", shards=shards, **options)
    project = request.getfixturevalue("hopsworks")
    return lambda **options: features(project, **options)


@pytest.fixture
def store(open_store: Callable[..., FeatureStore]) -> FeatureStore:
    return open_store()
