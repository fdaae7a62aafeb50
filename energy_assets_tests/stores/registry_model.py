"""The slow oracle of the model registries: two dictionaries."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from energy_assets.stores.model_registry import ModelVersion


@dataclass(frozen=True)
class RegistryModel:
    """What a model registry should hold."""

    hours: Mapping[datetime, ModelVersion] = field(default_factory=dict)
    """The model of each hour."""
    versions: Mapping[str, tuple[datetime, int]] = field(default_factory=dict)
    """Every version that can be downloaded: its hour, and the day of its last registration."""

    def register(self, model: ModelVersion, today: int) -> RegistryModel:
        current = self.hours.get(model.hour)
        if current is not None and current == replace(model, tags=current.tags):
            return self
        return RegistryModel(
            {**self.hours, model.hour: model},
            {**self.versions, model.version: (model.hour, today)},
        )

    def promoted(
        self, at_or_before: datetime, not_before: datetime = datetime.min
    ) -> list[ModelVersion]:
        return [
            model
            for hour, model in sorted(self.hours.items(), reverse=True)
            if not_before <= hour <= at_or_before and model.promoted
        ]

    def remove_old(self, before: datetime, keep: Collection[str], today: int) -> RegistryModel:
        kept = {*keep, *(model.version for model in self.promoted(datetime.max)[:1])}
        hours_to_keep = {hour for version, (hour, _) in self.versions.items() if version in kept}
        kept |= {self.hours[hour].version for hour in hours_to_keep if hour in self.hours}
        versions = {
            version: (hour, day)
            for version, (hour, day) in self.versions.items()
            if hour >= before or day == today or version in kept
        }
        hours = {hour: model for hour, model in self.hours.items() if model.version in versions}
        return RegistryModel(hours, versions)
