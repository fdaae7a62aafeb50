"""Four series of a file that processes of their own can read as well."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from energy_assets.partitions import HOUR
from energy_assets.sources.simulator import Simulator
from energy_assets_tests.world import Only, World

SERIES = {("DK1", "111"), ("DK1", "211"), ("DK2", "111"), ("DK2", "211")}
DAYS = 9


def small_world(folder: Path, hours: list[datetime]) -> World:
    """A world whose hours can be forecast in seconds: only they are missing in its history."""
    source = Only(Simulator(), SERIES)
    start = hours[0] - timedelta(days=DAYS)
    source.fetch(start, hours[-1] + HOUR).to_parquet(folder / "records.parquet")
    settings = {
        "energy_source": "file",
        "energy_file": folder / "records.parquet",
        "days_export": DAYS,
    }
    world = World.build(folder, source, settings)
    world.put_history(start, hours[0])
    for hour in hours:
        world.put_config(hour, n_estimators=5)
    return world


def as_environment(world: World) -> dict[str, str]:
    """The settings of the world for other processes."""
    settings = world.deployment.settings
    return {
        "STORAGE_ROOT": str(settings.storage_root),
        "ENERGY_SOURCE": "file",
        "ENERGY_FILE": str(settings.energy_file),
        "DAYS_EXPORT": str(DAYS),
        "PARTITIONS_START": "2023-01-01-00:00",
        "WANDB_MODE": "disabled",
    }
