"""Stores that are connected to a project of the stand-in, and do not wait between attempts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from energy_assets.settings import read_settings, utc_now
from energy_assets.stores.hopsworks.connection import HopsworksConnection, RetryPolicy
from energy_assets.stores.hopsworks.feature_store import HopsworksFeatureStore
from energy_assets.stores.hopsworks.model_registry import HopsworksModelRegistry
from energy_assets_tests.stores.hopsworks.server import Project
from energy_assets_tests.stores.samples import SOURCE_ID, T0

QUICK = RetryPolicy(retry_seconds=60.0, first_pause=0.01, longest_pause=0.01)
IMPATIENT = replace(QUICK, retry_seconds=0.2)


def connect(
    project: Project, policy: RetryPolicy | None = QUICK, **settings: Any
) -> HopsworksConnection:
    return HopsworksConnection(
        read_settings(_env_file=None, **{**project.settings(), **settings}), policy
    )


def features(
    project: Project,
    source_id: str = SOURCE_ID,
    policy: RetryPolicy | None = QUICK,
    retention_hours: int = 24,
    now: Callable[[], datetime] = utc_now,
    **settings: Any,
) -> HopsworksFeatureStore:
    connection = connect(project, policy, **settings)
    return HopsworksFeatureStore(connection, connection.settings, source_id, retention_hours, now)


def models(
    project: Project,
    storage_root: Path,
    source_id: str = SOURCE_ID,
    retention_hours: float = 24,
    now: Callable[[], datetime] = utc_now,
) -> HopsworksModelRegistry:
    connection = connect(project, storage_root=storage_root)
    return HopsworksModelRegistry(connection, source_id, retention_hours, now)


def register(registry: HopsworksModelRegistry, files: Path, hour: datetime = T0) -> str:
    """Register the files as a promoted model; returns its version."""
    model = registry.register(
        files, hour, promoted=True, metrics={"mape": 0.06}, tags={"gate": "promoted"}
    )
    return model.version
