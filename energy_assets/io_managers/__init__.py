"""IO managers: a thin layer between Dagster and the stores.

Each one handles runs over a single partition or a range. If the partitions of an asset are separate
(files, training datasets, models), its value is a dict by partition key. If they are rows of one
table, its value is one data frame.

Does not belong here: how a store works (`stores`).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import dagster as dg

from energy_assets.contract.record_log import add_records
from energy_assets.forecasts.versions import add_version
from energy_assets.io_managers.config import ConfigIOManager
from energy_assets.io_managers.feature_group import FeatureGroupIOManager
from energy_assets.io_managers.feature_view import FeatureViewIOManager
from energy_assets.io_managers.model import ModelIOManager
from energy_assets.io_managers.parquet import ParquetIOManager
from energy_assets.sources import Source
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.weather import add_weather


def _over(*keys: str, make: Callable[..., dg.IOManager]) -> dg.IOManagerDefinition:
    """An IO manager over the resources `keys` of the definitions it is used in."""

    def from_resources(context: dg.InitResourceContext) -> dg.IOManager:
        return make(*(getattr(context.resources, key) for key in keys))

    return dg.IOManagerDefinition(from_resources, required_resource_keys=set(keys))


def _record_log(objects: ObjectStore, source: Source) -> dg.IOManager:
    add = partial(add_records, profile=source.profile)
    return ParquetIOManager(objects, source, add)


IO_MANAGERS: dict[str, Any] = {
    "parquet_io_manager": _over("object_store", "source", make=ParquetIOManager),
    "record_log_io_manager": _over("object_store", "source", make=_record_log),
    "predictions_io_manager": _over(
        "object_store", "source", make=partial(ParquetIOManager, add=add_version)
    ),
    "weather_io_manager": _over(
        "object_store", "weather_source", make=partial(ParquetIOManager, add=add_weather)
    ),
    "feature_group_io_manager": _over("feature_store", make=FeatureGroupIOManager),
    "feature_view_io_manager": _over("feature_store", "object_store", make=FeatureViewIOManager),
    "config_io_manager": _over(
        "object_store",
        "settings",
        make=lambda objects, settings: ConfigIOManager(objects, settings.require_tuning),
    ),
    "model_io_manager": _over("model_registry", "settings", make=ModelIOManager),
}
"""Resource key -> IO manager. Each one uses the stores of the definitions that it is part of."""
