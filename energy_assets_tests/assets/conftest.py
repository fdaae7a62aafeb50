"""Worlds for the asset graph: a small simulated one that every test may spoil, and real ones."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pytest

from energy_assets.partitions import window_of
from energy_assets.sources.file import FileSource
from energy_assets.sources.profiles import DE35
from energy_assets.sources.simulator import Simulator
from energy_assets_tests.world import ORIGIN, SERIES, Only, World


@pytest.fixture(scope="session")
def simulated() -> Only:
    """Twelve simulated series, seen from the end of the day after ORIGIN."""
    return Only(Simulator(now=lambda: datetime(2023, 3, 15)), SERIES)


@pytest.fixture(scope="session")
def tuned_root(simulated: Only, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a simulated world with history loaded and tuned at ORIGIN. Copy it."""
    root = tmp_path_factory.mktemp("simulated")
    world = World.build(root, simulated)
    start, end = window_of(ORIGIN, 30)
    world.put_history(start, end)
    world.run("tuning_job", ORIGIN)
    return root


@pytest.fixture
def world(tuned_root: Path, tmp_path: Path, simulated: Only) -> World:
    """A simulated world with history loaded and tuned at ORIGIN, for this test alone."""
    shutil.copytree(tuned_root, tmp_path, dirs_exist_ok=True)
    return World.build(tmp_path, simulated)


@pytest.fixture
def new_world(tmp_path: Path, simulated: Only) -> World:
    """A simulated world in which nothing has been done yet."""
    return World.build(tmp_path, simulated)


@pytest.fixture(scope="session")
def real_source(de35_csv: Path) -> FileSource:
    return FileSource(de35_csv, DE35)


@pytest.fixture(scope="session")
def real_root(real_source: FileSource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a world with the real file's history of ORIGIN loaded. Copy it."""
    root = tmp_path_factory.mktemp("real")
    World.build(root, real_source).load_history(ORIGIN)
    return root


@pytest.fixture
def real_world(real_root: Path, tmp_path: Path, real_source: FileSource) -> World:
    """The real file with the history of ORIGIN loaded, for this test alone."""
    shutil.copytree(real_root, tmp_path, dirs_exist_ok=True)
    return World.build(tmp_path, real_source)
