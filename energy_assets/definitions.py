"""The code location on one screen: assets, automation, and the stores that settings choose."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from typing import Any

import dagster as dg

from energy_assets.assets import ingestion, monitoring, prediction, training
from energy_assets.automation import jobs as automation
from energy_assets.automation import maintenance
from energy_assets.io_managers import (
    ConfigIOManager,
    FeatureGroupIOManager,
    FeatureViewIOManager,
    ModelIOManager,
    ParquetIOManager,
)
from energy_assets.settings import Settings, settings
from energy_assets.sources import open_source
from energy_assets.stores import open_stores
from energy_assets.tracking import open_tracking


def build_resources(settings: Settings) -> dict[str, Any]:
    """The source, the stores and the IO managers over them, none of them connected yet."""
    stores = open_stores(settings)
    return {
        "source": dg.ResourceDefinition(lambda _: open_source(settings)),
        # Who starts a search in its own process may watch its trials.
        "on_trial": lambda trial, total: None,
        # Opened when a run starts, so that a missing credential ends it before any work.
        "tracking": dg.ResourceDefinition(lambda _: open_tracking(settings)),
        "feature_store": stores.feature_store,
        "object_store": stores.object_store,
        "parquet_io_manager": ParquetIOManager(
            stores.object_store, {"source": settings.energy_source}
        ),
        "feature_group_io_manager": FeatureGroupIOManager(stores.feature_store),
        "feature_view_io_manager": FeatureViewIOManager(stores.feature_store, stores.object_store),
        "config_io_manager": ConfigIOManager(stores.object_store),
        "model_io_manager": ModelIOManager(stores.model_registry),
    }


def build_defs(resources: Mapping[str, Any]) -> dg.Definitions:
    """All definitions over the given resources; tests replace some of them."""
    return dg.Definitions(
        assets=dg.load_assets_from_modules([ingestion, training, prediction, monitoring]),
        jobs=[*automation.JOBS, maintenance.maintenance_job],
        schedules=[*automation.SCHEDULES, maintenance.maintenance_schedule],
        sensors=automation.SENSORS,
        resources=resources,
        # A process for each step would spend its time importing: one process runs the whole job.
        executor=dg.in_process_executor,
    )


defs = build_defs(build_resources(settings()))

# The definitions stay as long as the process does. Without this, each of the many garbage
# collections while a run imports its libraries looks through all of them again.
gc.freeze()
