"""The code location on one screen: assets, automation, and the resources that settings choose."""

import gc
import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg

from energy_assets import assets, automation
from energy_assets.automation.dead_runs import lasting
from energy_assets.automation.executors import run_executor
from energy_assets.io_managers import IO_MANAGERS
from energy_assets.partitions import SETTINGS
from energy_assets.settings import Settings
from energy_assets.sources import open_source, source_id
from energy_assets.sources.weather import open_weather_source
from energy_assets.stores.opening import open_stores
from energy_assets.tracking import open_tracking


def build_resources(settings: Settings) -> dict[str, Any]:
    """What assets, IO managers and sensors work with. Nothing is connected to before it is used."""
    stores = open_stores(settings, source_id(settings))
    return {
        "settings": settings,
        "source": dg.ResourceDefinition(lambda _: open_source(settings)),
        "weather_source": dg.ResourceDefinition(lambda _: open_weather_source(settings)),
        # Opened when a run starts, so that a missing credential stops it before any work is done.
        "tracking": dg.ResourceDefinition(lambda _: open_tracking(settings, source_id(settings))),
        "feature_store": stores.feature_store,
        "model_registry": stores.model_registry,
        "object_store": stores.object_store,
    }


def build_defs(resources: Mapping[str, Any]) -> dg.Definitions:
    """All definitions over the given resources.

    This is the one place to replace a store or the source: the IO managers use what is given here.
    """
    defs = dg.Definitions(
        assets=assets.ASSETS,
        jobs=automation.JOBS,
        schedules=automation.SCHEDULES,
        sensors=automation.SENSORS,
        resources={**IO_MANAGERS, **resources},
        executor=lasting(run_executor(resources["settings"])),
    )
    with warnings.catch_warnings():
        # A job may have cheap and costly assets. Its backfills then follow the stricter policy.
        warnings.filterwarnings("ignore", message=r"Asset job \w+ materializes assets with varying")
        defs.get_repository_def()  # cached, so that the warning does not come later
    return defs


defs = build_defs(build_resources(SETTINGS))

# The definitions live as long as the process. Frozen, they are not searched for garbage again and
# again, nor at its exit: without this an hourly job takes about a second longer to end.
gc.freeze()
