"""IO managers: thin, between Dagster's call and a store.

Each takes one partition and a range of partitions in one run. Where the partitions of an asset are
separate things (a file, a training dataset, a model), its value is a dict from partition key to
thing; where they are rows of one table, its value is one data frame.

Does not belong here: how a store keeps things (`stores`).
"""

from collections.abc import Callable
from typing import Any

import dagster as dg

from energy_assets.io_managers.config import ConfigIOManager
from energy_assets.io_managers.feature_group import FeatureGroupIOManager
from energy_assets.io_managers.feature_view import FeatureViewIOManager
from energy_assets.io_managers.model import ModelIOManager
from energy_assets.io_managers.parquet import ParquetIOManager


def _over(*keys: str, make: Callable[..., dg.IOManager]) -> dg.IOManagerDefinition:
    """An IO manager made from the resources `keys`, whatever they are in the definitions."""

    def from_resources(context: dg.InitResourceContext) -> dg.IOManager:
        return make(*(getattr(context.resources, key) for key in keys))

    return dg.IOManagerDefinition(from_resources, required_resource_keys=set(keys))


IO_MANAGERS: dict[str, Any] = {
    "parquet_io_manager": _over("object_store", "source", make=ParquetIOManager),
    "feature_group_io_manager": _over("feature_store", make=FeatureGroupIOManager),
    "feature_view_io_manager": _over("feature_store", "object_store", make=FeatureViewIOManager),
    "config_io_manager": _over("object_store", make=ConfigIOManager),
    "model_io_manager": _over("model_registry", make=ModelIOManager),
}
"""Resource key -> IO manager. Each works on the stores that the definitions are built with."""
