"""What a command works on: the settings, and the source, stores and definitions they choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg

from energy_assets.definitions import build_defs, build_resources
from energy_assets.settings import Settings
from energy_assets.sources import Source, open_source, source_id
from energy_assets.stores.feature_store import FeatureStore
from energy_assets.stores.model_registry import ModelRegistry
from energy_assets.stores.object_store import ObjectStore


@dataclass(frozen=True)
class Deployment:
    """Everything that the settings choose; the resources may be replaced."""

    settings: Settings
    source: Source
    resources: Mapping[str, Any]
    """The resources of the definitions, by key."""

    @classmethod
    def of(cls, settings: Settings, **replaced: Any) -> Deployment:
        """The deployment that the settings describe, with some resources `replaced`.

        Raises SettingsError if the source cannot be opened.
        """
        source = replaced.get("source") or open_source(settings)
        return cls(settings, source, {**build_resources(settings), **replaced, "source": source})

    @cached_property
    def defs(self) -> dg.Definitions:
        """The code location over these resources."""
        return build_defs(self.resources)

    @property
    def feature_store(self) -> FeatureStore:
        """The feature store of the definitions."""
        return self.resources["feature_store"]

    @property
    def model_registry(self) -> ModelRegistry:
        """The model registry of the definitions."""
        return self.resources["model_registry"]

    @property
    def object_store(self) -> ObjectStore:
        """The object store of the definitions."""
        return self.resources["object_store"]

    @property
    def folder(self) -> Path:
        """The local folder of this source, where commands write pictures."""
        return self.settings.storage_root / source_id(self.settings)

    def __str__(self) -> str:
        return f"source={self.source.name} ({self.source.profile.dataset})"
