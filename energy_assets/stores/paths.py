"""Where an asset's hour is in the object store: `raw_consumption/2023-03-01/10.parquet`."""

from __future__ import annotations

from datetime import datetime, timedelta
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


def stored_hours(
    objects: ObjectStore, asset: str, first: datetime, last: datetime
) -> list[datetime]:
    """The hours from `first` to `last` that have a file; costs one listing for each day."""
    days = (last.date() - first.date()).days + 1
    folders = (f"{asset}/{first.date() + timedelta(days=number)}" for number in range(days))
    hours = (hour_of_path(path) for folder in folders for path in objects.list(folder))
    return [hour for hour in hours if first <= hour <= last]


def hour_of_path(path: str) -> datetime:
    """The hour of a path that `hour_path` returned."""
    _, date, file = PurePosixPath(path).parts
    return datetime.strptime(f"{date} {file[:2]}", "%Y-%m-%d %H")
