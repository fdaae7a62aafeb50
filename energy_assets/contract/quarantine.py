"""Records that break the contract, kept in the object store by hour with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from energy_assets.partitions import hour_of
from energy_assets.schemas import QUARANTINE
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import encode
from energy_assets.stores.paths import hour_path, stored_hours


def store_quarantine(
    objects: ObjectStore,
    quarantine: pd.DataFrame,
    keys: Sequence[str],
    file_metadata: Mapping[str, str],
    folder: str = QUARANTINE.name,
) -> None:
    """Write the quarantined records of the hours in `keys`, one file per hour, over older files.

    An hour without bad records gets an empty file if an earlier run left one, and none otherwise.
    """
    records_by_hour = dict(tuple(quarantine.groupby("hour")))
    hours = stored_hours(objects, folder, hour_of(keys[0]), hour_of(keys[-1]))
    existing = set(hours)
    for key in keys:
        hour = hour_of(key)
        path = hour_path(folder, hour, "parquet")
        if hour in records_by_hour or hour in existing:
            records = records_by_hour.get(hour, quarantine.iloc[:0]).reset_index(drop=True)
            objects.write(path, encode(records, {**file_metadata, "partition": key}))
