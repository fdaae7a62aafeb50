"""Stores: a protocol each for features, models and objects, and their implementations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from energy_assets.sources import dataset_profile
from energy_assets.stores.delta_feature_store import DeltaFeatureStore
from energy_assets.stores.feature_store import FeatureStore
from energy_assets.stores.folder_model_registry import FolderModelRegistry
from energy_assets.stores.local_object_store import LocalObjectStore
from energy_assets.stores.model_registry import ModelRegistry
from energy_assets.stores.object_store import ObjectStore

if TYPE_CHECKING:
    from energy_assets.settings import Settings

__all__ = ["FeatureStore", "ModelRegistry", "ObjectStore", "Stores", "open_stores"]


@dataclass(frozen=True)
class Stores:
    """The three stores of one source."""

    feature_store: FeatureStore
    model_registry: ModelRegistry
    object_store: ObjectStore
    root: Path
    """The local folder of the stores that are embedded, and of pictures for people."""


def open_stores(settings: Settings) -> Stores:
    """The stores that the settings choose. Nothing is created before the first write.

    Each source and data set has stores of its own, so that simulated and real rows never mix.
    """
    dataset = dataset_profile(settings).dataset
    root = settings.storage_root / f"{settings.energy_source}-{dataset}"
    table = f"energy_consumption_denmark_{settings.feature_group_version}"
    return Stores(
        feature_store=DeltaFeatureStore(root / "feature_store" / table),
        model_registry=FolderModelRegistry(root / "models"),
        object_store=LocalObjectStore(root / "objects"),
        root=root,
    )
