"""Trained models go into the registry; loading hour K gives the promoted models up to K."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from energy_assets.partitions import hour_of
from energy_assets.settings import Settings
from energy_assets.stores.model_registry import ModelRegistry, ModelVersion

if TYPE_CHECKING:
    from energy_assets.forecasting.fitted import Fitted
    from energy_assets.forecasts.gate import TrainedModel

VERSION = "model_version"
"""Metadata key under which a materialisation of the model names the version it registered."""


@dataclass(frozen=True)
class StoredModel:
    """A model in the registry; it is downloaded and verified when it is loaded."""

    registry: ModelRegistry
    registered: ModelVersion

    @property
    def version(self) -> str:
        return self.registered.version

    @property
    def hour(self) -> datetime:
        """The hour for which the model was trained."""
        return self.registered.hour

    def load(self) -> Fitted:
        """The forecaster, without history; raises BrokenModelError if its files are damaged."""
        from energy_assets.forecasting import model_files

        with tempfile.TemporaryDirectory() as folder:
            self.registry.download(self.registered, Path(folder))
            return model_files.load(Path(folder))


@dataclass(frozen=True)
class PromotedModels:
    """The models that may forecast from an hour, newest first; each is looked up when needed."""

    registry: ModelRegistry
    at_or_before: datetime
    not_before: datetime

    def __iter__(self) -> Iterator[StoredModel]:
        for registered in self.registry.promoted(self.at_or_before, self.not_before):
            yield StoredModel(self.registry, registered)


class ModelIOManager(dg.IOManager):
    """Registers `{partition key: TrainedModel}` and loads `{partition key: PromotedModels}`."""

    def __init__(self, registry: ModelRegistry, settings: Settings) -> None:
        self.registry = registry
        self.max_age = timedelta(hours=settings.model_max_age_hours)

    def handle_output(self, context: dg.OutputContext, obj: Mapping[str, TrainedModel]) -> None:
        from energy_assets.forecasting import model_files

        for key, trained in obj.items():
            if trained.forecaster is None:
                continue
            with tempfile.TemporaryDirectory() as folder:
                model_files.save(trained.forecaster, Path(folder))
                registered = self.registry.register(
                    Path(folder),
                    hour_of(key),
                    promoted=trained.promoted,
                    metrics=trained.scores,
                    tags={"gate": trained.verdict, **trained.lineage},
                )
            # The context's own add_output_metadata would add it to every partition of the run.
            context.step_context.add_asset_metadata(
                {VERSION: registered.version}, context.asset_key, key
            )

    def load_input(self, context: dg.InputContext) -> dict[str, PromotedModels]:
        return {
            key: PromotedModels(self.registry, hour_of(key), hour_of(key) - self.max_age)
            for key in context.asset_partition_keys
        }
