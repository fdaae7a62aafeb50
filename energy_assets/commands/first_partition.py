"""The first partition of a project that does not set one: chosen once, then kept.

Partitions from long ago would all count as missing, and a fresh project would look broken. So the
first command in an empty STORAGE_ROOT chooses a first hour that holds what it needs, and writes it
down there. Later commands move it only if they are asked for an earlier hour.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from energy_assets.settings import PARTITION_FORMAT, Settings, utc_now
from energy_assets.stores.files import write_whole

_BEFORE_THE_WINDOW = timedelta(days=2)
"""`make run` also forecasts the day before its origin."""


def choose_first_partition(settings: Settings, origin: datetime | None = None) -> None:
    """Make sure that the partitions hold the training window of `origin`, by default the newest.

    Has to run before the partitions are imported. Does nothing if PARTITIONS_START is set, with a
    file as the source, whose hours may be of any time, and with what an earlier release has stored.
    """
    if settings.partitions_start or settings.energy_source == "file":
        return
    path = settings.first_partition_file
    root = settings.storage_root
    if not path.exists() and root.is_dir() and any(root.iterdir()):
        return
    newest = utc_now() - timedelta(days=settings.days_delay)
    needed = min(origin or newest, newest) - timedelta(days=settings.days_export)
    first = datetime.combine((needed - _BEFORE_THE_WINDOW).date(), datetime.min.time())
    if not path.exists() or first < settings.first_hour:
        write_whole(path, f"{first:{PARTITION_FORMAT}}\n".encode())
