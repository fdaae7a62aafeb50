"""The definitions and an instance to evaluate schedules and sensors with."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from energy_assets.definitions import build_defs, build_resources
from energy_assets.settings import read_settings


@pytest.fixture(scope="session")
def defs() -> dg.Definitions:
    return build_defs(build_resources(read_settings(_env_file=None)))


@pytest.fixture
def instance(tmp_path: Path) -> dg.DagsterInstance:
    return dg.DagsterInstance.ephemeral(tempdir=str(tmp_path / "dagster"))
