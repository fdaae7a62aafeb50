"""Tracking of experiments: what the assets record for each partition, and who keeps it.

No result depends on it. It is off by default: then nothing is recorded and no client is imported.

Does not belong here: what assets show in Dagster's UI (`assets`), and how a configuration is scored
(`forecasting.tuning`).
"""

from energy_assets.tracking.opening import open_tracking
from energy_assets.tracking.tracking import (
    JOB_TYPES,
    EmbeddedSearch,
    NoTracking,
    Record,
    Reference,
    Search,
    Tracked,
    Tracking,
)

__all__ = [
    "JOB_TYPES",
    "EmbeddedSearch",
    "NoTracking",
    "Record",
    "Reference",
    "Search",
    "Tracked",
    "Tracking",
    "open_tracking",
]
