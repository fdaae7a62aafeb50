"""Where an asset's hour is in the object store: `raw_consumption/2023-03-01/10.parquet`."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePosixPath

from energy_assets.errors import NotFoundError
from energy_assets.settings import PARTITION_FORMAT
from energy_assets.stores.object_store import ObjectStore


def hour_path(asset: str, hour: datetime, suffix: str) -> str:
    """The path of an asset's hour; `suffix` is the file type without its dot."""
    return f"{asset}/{hour:%Y-%m-%d/%H}.{suffix}"


def read_hour_file(objects: ObjectStore, asset: str, hour: datetime, suffix: str) -> bytes:
    """The content of an asset's hour; raises a NotFoundError that says what to materialise."""
    try:
        return objects.read(hour_path(asset, hour, suffix))
    except NotFoundError:
        key = f"{hour:{PARTITION_FORMAT}}"
        raise NotFoundError(
            f"{asset} has nothing for {key}: materialise {asset} for that partition first"
        ) from None


def hour_of_path(path: str) -> datetime:
    """The hour of a path that `hour_path` returned."""
    _, date, file = PurePosixPath(path).parts
    return datetime.strptime(f"{date} {file[:2]}", "%Y-%m-%d %H")
