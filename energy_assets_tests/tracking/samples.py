"""A small world, records and settings that the tests of tracking share."""

from __future__ import annotations

import io
import socket
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from energy_assets.partitions import HOUR, key_of, window_of
from energy_assets.settings import Settings, read_settings
from energy_assets.sources.simulator import Simulator
from energy_assets.tracking import Record, Reference, Timeouts, Tracked, Tracking, open_tracking
from energy_assets_tests.tracking.wandb_file import WrittenRun, read_run
from energy_assets_tests.tracking.wandb_operations import ENTITY, PROJECT
from energy_assets_tests.tracking.wandb_server import KEY
from energy_assets_tests.world import Only, World

ORIGIN = datetime(2023, 3, 13, 21)
PARTITION = key_of(ORIGIN)
SOURCE_ID = "simulator-ConsumptionDE35Hour"
SERIES = {("DK1", "111"), ("DK1", "121"), ("DK2", "111"), ("DK2", "121")}
WRONG_KEY = "wr0ng" + 40 * "8"

IMPATIENT = Timeouts(start=1.0, finish=2.0, configuration=1.0)
"""A second where a user would wait ten or sixty."""


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


def a_loaded_world(root: Path, tracking: Tracking) -> World:
    """The same, with what the hourly job needs at ORIGIN and the hour before."""
    world = a_world(root, tracking)
    world.put_history(window_of(ORIGIN - HOUR, 30)[0], ORIGIN + HOUR)
    world.put_config(ORIGIN - 5 * HOUR, n_estimators=10)
    return world


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "png")
    return buffer.getvalue()


def a_record(name: str = "model", **changes: Any) -> Record:
    fields: dict[str, Any] = {
        "config": {"learning_rate": 0.1},
        "summary": {"mape": 0.05, "mape_seasonal_naive_24": 0.09, "missing": float("nan")},
        "history": [{"trial": 1, "score": 0.06}, {"trial": 2, "score": 0.05}],
        "tables": {"by_series": pd.DataFrame({"area": ["DK1"], "mape": [0.05]})},
        "pictures": {"forecast": png()},
        "uses": [Reference("feature_view", PARTITION)],
        "makes": {"learning_rate": 0.1},
    }
    return Record(name, PARTITION, **{**fields, **changes})


def written(tracked: Tracked) -> WrittenRun:
    """The run that a record was written to."""
    assert not tracked.problem
    return read_run(Path(tracked.folder))


def run_of(world: World, asset: str) -> WrittenRun:
    """The run that an asset wrote offline at ORIGIN."""
    return read_run(Path(world.metadata(asset, ORIGIN)["Weights & Biases run, offline"]))


def assert_no_secret(root: Path, *texts: str) -> None:
    for path in root.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path
    for text in texts:
        assert KEY not in text
