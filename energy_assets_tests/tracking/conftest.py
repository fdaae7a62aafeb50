"""What the tests of tracking share: settings, a server of W&B, a small world."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from energy_assets.forecasting.tuning.search_space import SearchSpace
from energy_assets.partitions import key_of
from energy_assets.settings import Settings, read_settings
from energy_assets.sources.simulator import Simulator
from energy_assets.tracking import (
    open_tracking,
    session,
    sweep,
)
from energy_assets_tests.tracking.wandb_server import ENTITY, KEY, PROJECT, WandbServer
from energy_assets_tests.world import Only, World

ORIGIN = datetime(2023, 3, 13, 21)
PARTITION = key_of(ORIGIN)
OWNER = "simulator-ConsumptionDE35Hour"
SERIES = {("DK1", "111"), ("DK1", "121"), ("DK2", "111"), ("DK2", "121")}

SPACE = SearchSpace.model_validate(
    {
        "method": "bayes",
        "parameters": {
            "n_estimators": {"values": [2, 20]},
            "colsample_bytree": {"min": 0.3, "max": 1, "q": 0.1, "distribution": "q_uniform"},
        },
    }
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, and no W&B settings of whoever runs the tests."""
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


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a second where a user would wait ten or sixty."""
    monkeypatch.setattr(session, "INIT_SECONDS", 1.0)
    monkeypatch.setattr(session, "FINISH_SECONDS", 2.0)
    monkeypatch.setattr(sweep, "OFFER_SECONDS", 1.0)


def tracking_settings(root: Path, mode: str = "offline", **given: object) -> Settings:
    return read_settings(_env_file=None, storage_root=root, wandb_mode=mode, **given)


def online(root: Path, url: str, key: str = KEY) -> Settings:
    return tracking_settings(
        *(root, "online"),
        wandb_base_url=url,
        wandb_api_key=key,
        wandb_entity=ENTITY,
        wandb_project=PROJECT,
    )


def nobody() -> str:
    """A URL at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def a_world(root: Path, settings: Settings) -> World:
    """Four simulated series with a month of history and a configuration trained in no time."""
    return World.build(
        root,
        Only(Simulator(now=lambda: datetime(2023, 3, 15)), SERIES),
        tracking=dg.ResourceDefinition(lambda _: open_tracking(settings)),
    )
