"""References to pinned training datasets: a small JSON file for each hour of feature_view."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property, partial

import pandas as pd
from pydantic import TypeAdapter

from energy_assets.settings import PARTITION_FORMAT
from energy_assets.stores.feature_store import FeatureStore, TrainingDataset
from energy_assets.stores.files import document_errors
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.paths import hour_path, read_hour_file

FEATURE_VIEW = "feature_view"


@dataclass(frozen=True)
class PinnedRows:
    """A training dataset whose rows are read when they are needed."""

    feature_store: FeatureStore
    dataset: TrainingDataset

    @cached_property
    def rows(self) -> pd.DataFrame:
        """All its rows."""
        return self.feature_store.read_training_dataset(self.dataset)

    @property
    def shards(self) -> list[Callable[[], pd.DataFrame]]:
        """What reads the rows of each shard; a single one if the series are not divided."""
        read = self.feature_store.read_training_dataset
        return [
            partial(read, self.dataset, number) for number in range(len(self.dataset.shard_rows))
        ] or [partial(read, self.dataset)]


def write_reference(objects: ObjectStore, hour: datetime, dataset: TrainingDataset) -> None:
    """Write the reference of an hour."""
    reference = json.dumps(asdict(dataset), default=datetime.isoformat, indent=2)
    objects.write(hour_path(FEATURE_VIEW, hour, "json"), reference.encode())


def read_reference(objects: ObjectStore, hour: datetime) -> TrainingDataset:
    """The training dataset of an hour; raises NotFoundError if there is none."""
    path, key = hour_path(FEATURE_VIEW, hour, "json"), f"{hour:{PARTITION_FORMAT}}"
    data = read_hour_file(objects, FEATURE_VIEW, hour, "json")
    with document_errors(path, f"materialise feature_view for {key} again"):
        return TypeAdapter(TrainingDataset).validate_json(data)
