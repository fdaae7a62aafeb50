"""References to pinned training datasets: a small JSON file for each hour of feature_view."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from energy_assets.settings import PARTITION_FORMAT
from energy_assets.stores.feature_store import TrainingDataset
from energy_assets.stores.files import reading
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.paths import hour_path, read_hour_file

if TYPE_CHECKING:
    import pandas as pd

FEATURE_VIEW = "feature_view"


class PinnedRows(NamedTuple):
    """The rows of a training dataset, and the reference that they were read by."""

    rows: pd.DataFrame
    dataset: TrainingDataset


def write_reference(objects: ObjectStore, hour: datetime, dataset: TrainingDataset) -> None:
    """Keep the reference of an hour."""
    reference = json.dumps(asdict(dataset), default=datetime.isoformat, indent=2)
    objects.write(hour_path(FEATURE_VIEW, hour, "json"), reference.encode())


def read_reference(objects: ObjectStore, hour: datetime) -> TrainingDataset:
    """The training dataset of an hour; raises NotFoundError if none was made."""
    path, key = hour_path(FEATURE_VIEW, hour, "json"), f"{hour:{PARTITION_FORMAT}}"
    data = read_hour_file(objects, FEATURE_VIEW, hour, "json")
    with reading(path, f"materialise feature_view for {key} again"):
        reference = json.loads(data)
        start, end = (datetime.fromisoformat(reference.pop(name)) for name in ("start", "end"))
        return TrainingDataset(**reference, start=start, end=end)
