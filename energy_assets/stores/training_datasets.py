"""References to pinned training datasets: a small JSON file for each hour of feature_view."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime
from functools import partial

from energy_assets.errors import NotFoundError
from energy_assets.settings import PARTITION_FORMAT
from energy_assets.stores.feature_store import TrainingDataset
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.paths import hour_path
from energy_assets.stores.storage import reading

FEATURE_VIEW = "feature_view"
_WORKERS = 8  # a remote store's answer takes far longer than the work on it


def write_reference(objects: ObjectStore, hour: datetime, dataset: TrainingDataset) -> None:
    """Keep the reference of an hour."""
    reference = json.dumps(asdict(dataset), default=datetime.isoformat, indent=2)
    objects.write(hour_path(FEATURE_VIEW, hour, "json"), reference.encode())


def read_reference(objects: ObjectStore, hour: datetime) -> TrainingDataset:
    """The training dataset of an hour; raises NotFoundError if none was made."""
    try:
        return _read(objects, hour_path(FEATURE_VIEW, hour, "json"))
    except NotFoundError:
        raise NotFoundError(
            f"feature_view has no training dataset for {hour:{PARTITION_FORMAT}}: materialise "
            "feature_view for that partition first"
        ) from None


def newest_references(objects: ObjectStore, count: int) -> list[TrainingDataset]:
    """The `count` training datasets that were made last, whatever their hours.

    Raises StorageError if one cannot be read: what it pins must not be taken for unneeded.
    """
    with ThreadPoolExecutor(_WORKERS) as pool:
        found = list(pool.map(partial(_read, objects), objects.list(FEATURE_VIEW)))
    return sorted(found, key=lambda dataset: (dataset.version, dataset.end))[-count:]


def _read(objects: ObjectStore, path: str) -> TrainingDataset:
    data = objects.read(path)
    with reading(path, "materialise feature_view for that hour again"):
        reference = json.loads(data)
        start, end = (datetime.fromisoformat(reference.pop(name)) for name in ("start", "end"))
        return TrainingDataset(**reference, start=start, end=end)
