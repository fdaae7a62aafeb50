"""Definitions, an instance and a world to evaluate schedules and sensors with."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from energy_assets.definitions import build_defs, build_resources
from energy_assets.partitions import hour_of, hourly
from energy_assets.settings import read_settings
from energy_assets.sources.simulator import Simulator
from energy_assets_tests.world import World


@pytest.fixture(scope="session")
def defs() -> dg.Definitions:
    return build_defs(build_resources(read_settings(_env_file=None)))


@pytest.fixture
def instance(tmp_path: Path) -> dg.DagsterInstance:
    return dg.DagsterInstance.ephemeral(tempdir=str(tmp_path / "dagster"))


@pytest.fixture
def newest() -> datetime:
    """The newest hour that can exist."""
    key = hourly.get_last_partition_key()
    assert key is not None
    return hour_of(key)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.build(tmp_path, Simulator())
