"""Open the stores that the settings choose."""

from __future__ import annotations

from dataclasses import dataclass

from energy_assets.settings import Settings
from energy_assets.stores.embedded.feature_store import DeltaFeatureStore
from energy_assets.stores.embedded.model_registry import FolderModelRegistry
from energy_assets.stores.embedded.object_store import LocalObjectStore
from energy_assets.stores.feature_store import FeatureStore
from energy_assets.stores.model_registry import ModelRegistry
from energy_assets.stores.object_store import ObjectStore


@dataclass(frozen=True)
class Stores:
    """The three stores of one source."""

    feature_store: FeatureStore
    model_registry: ModelRegistry
    object_store: ObjectStore


def open_stores(settings: Settings, source_id: str) -> Stores:
    """The stores that the settings choose. Nothing is created or connected to until it is used.

    `source_id` names the source and its data set. Each has its own stores, so that simulated and
    real rows never mix.
    """
    root = settings.storage_root / source_id
    feature_store: FeatureStore
    model_registry: ModelRegistry
    object_store: ObjectStore
    # The hosted stores are imported only where they are used: they take a tenth of a second.
    if settings.feature_store == "hopsworks":
        from energy_assets.stores.hopsworks.connection import HopsworksConnection
        from energy_assets.stores.hopsworks.feature_store import HopsworksFeatureStore
        from energy_assets.stores.hopsworks.model_registry import HopsworksModelRegistry

        connection = HopsworksConnection(settings)
        feature_store = HopsworksFeatureStore(connection, settings, source_id)
        model_registry = HopsworksModelRegistry(connection, source_id)
    else:
        table = f"energy_consumption_denmark_{settings.feature_group_version}"
        feature_store = DeltaFeatureStore(
            root / "feature_store" / table, shards=settings.series_shards
        )
        model_registry = FolderModelRegistry(root / "models")
    if settings.object_store == "gcs":
        from energy_assets.stores.gcs.object_store import GcsObjectStore

        object_store = GcsObjectStore(settings, source_id)
    else:
        object_store = LocalObjectStore(root / "objects")
    return Stores(feature_store, model_registry, object_store)
