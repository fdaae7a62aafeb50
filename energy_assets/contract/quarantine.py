"""Records that break the contract, kept in the object store by hour, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from energy_assets.partitions import hour_of
from energy_assets.schemas import QUARANTINE
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import encode
from energy_assets.stores.paths import hour_path

if TYPE_CHECKING:
    import pandas as pd


def keep(
    objects: ObjectStore,
    quarantine: pd.DataFrame,
    keys: Sequence[str],
    file_metadata: Mapping[str, str],
) -> None:
    """Keep the records quarantined in the hours of `keys`, in place of what was kept for them.

    An hour without bad records has a file only where an earlier run kept some, and it is empty.
    """
    bad = dict(tuple(quarantine.groupby("hour")))
    kept = set(objects.list(QUARANTINE.name))
    for key in keys:
        hour = hour_of(key)
        path = hour_path(QUARANTINE.name, hour, "parquet")
        if hour in bad or path in kept:
            records = bad.get(hour, quarantine.iloc[:0])
            metadata = {**file_metadata, "partition": key}
            objects.write(path, encode(records.reset_index(drop=True), metadata))
