"""References to pinned training datasets: a small JSON file for each hour of feature_view."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import NamedTuple

import pandas as pd
from pydantic import TypeAdapter

from energy_assets.settings import PARTITION_FORMAT
from energy_assets.stores.feature_store import TrainingDataset
from energy_assets.stores.files import document_errors
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.paths import hour_path, read_hour_file

FEATURE_VIEW = "feature_view"


class PinnedRows(NamedTuple):
    """The rows of a training dataset, and the reference to it."""

    rows: pd.DataFrame
    dataset: TrainingDataset


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
