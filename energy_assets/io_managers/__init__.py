"""IO managers: thin, between Dagster's call and a store.

Each takes one partition and a range of partitions in one run. Where the partitions of an asset are
separate things (a file, a training dataset, a model), its value is a dict from partition key to
thing; where they are rows of one table, its value is one data frame.
"""

from energy_assets.io_managers.config import ConfigIOManager
from energy_assets.io_managers.feature_group import FeatureGroupIOManager
from energy_assets.io_managers.feature_view import FeatureViewIOManager
from energy_assets.io_managers.model import ModelIOManager
from energy_assets.io_managers.parquet import ParquetIOManager

__all__ = [
    "ConfigIOManager",
    "FeatureGroupIOManager",
    "FeatureViewIOManager",
    "ModelIOManager",
    "ParquetIOManager",
]
