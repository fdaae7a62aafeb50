"""What the tests of tracking share: settings, a W&B server, a small world."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from energy_assets.partitions import key_of
from energy_assets.settings import Settings, read_settings
from energy_assets.sources.simulator import Simulator
from energy_assets.tracking import Timeouts, Tracking, open_tracking
from energy_assets_tests.tracking.wandb_server import ENTITY, KEY, PROJECT, WandbServer
from energy_assets_tests.world import Only, World

ORIGIN = datetime(2023, 3, 13, 21)
PARTITION = key_of(ORIGIN)
SOURCE_ID = "simulator-ConsumptionDE35Hour"
SERIES = {("DK1", "111"), ("DK1", "121"), ("DK2", "111"), ("DK2", "121")}

IMPATIENT = Timeouts(start=1.0, finish=2.0, configuration=1.0)
"""A second where a user would wait ten or sixty."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, without the W&B settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(folder))
    return folder


@pytest.fixture
def server() -> Iterator[WandbServer]:
    with WandbServer() as running:
        yield running
    assert not running.unknown


def tracking_settings(root: Path, mode: str = "offline", **values: object) -> Settings:
    return read_settings(_env_file=None, storage_root=root, wandb_mode=mode, **values)


def offline(root: Path) -> Tracking:
    """Tracking in a folder."""
    return open_tracking(tracking_settings(root), SOURCE_ID)


def online_settings(root: Path, url: str, key: str = KEY) -> Settings:
    return tracking_settings(
        *(root, "online"),
        wandb_base_url=url,
        wandb_api_key=key,
        wandb_entity=ENTITY,
        wandb_project=PROJECT,
    )


def online(root: Path, url: str, key: str = KEY, timeouts: Timeouts | None = None) -> Tracking:
    """Tracking on a server."""
    return open_tracking(online_settings(root, url, key), SOURCE_ID, timeouts)


def unused_url() -> str:
    """A URL at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def a_world(root: Path, tracking: object) -> World:
    """Four simulated series. `tracking` is the resource."""
    source = Only(Simulator(now=lambda: datetime(2023, 3, 15)), SERIES)
    return World.build(root, source, tracking=tracking)
