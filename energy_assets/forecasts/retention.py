"""What may be removed once it is old: models that no forecast names, and earlier publications.

Forecasts themselves are kept for good.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from energy_assets.forecasts.publishing import FOLDER, read_published
from energy_assets.forecasts.versions import ASSET, up_to_date
from energy_assets.partitions import DAY
from energy_assets.stores.model_registry import ModelRegistry
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import read_hour
from energy_assets.stores.paths import stored_hours

PUBLICATIONS_KEPT = timedelta(days=7)
"""A reader may have followed the pointer to an earlier publication some time ago."""

DAYS_LOOKED_BACK = 30
"""Publications are removed every night, so older ones are gone already."""


def remove_old_models(
    registry: ModelRegistry, objects: ObjectStore, before: datetime, max_age: timedelta
) -> int:
    """Remove the models of hours before one, except those that newer forecasts were made with.

    A forecast uses no model older than `max_age`, so later forecasts need not be looked at. Returns
    how many were removed.
    """
    origins = stored_hours(objects, ASSET, before, before + max_age)
    used = {
        str(version)
        for origin in origins
        for version in up_to_date(read_hour(objects, ASSET, origin))["model_version"].unique()
    }
    return registry.remove_old(before, used)


def remove_old_publications(objects: ObjectStore) -> int:
    """Remove the files of publications a week older than the newest; returns how many."""
    published = read_published(objects)
    if published is None:
        return 0
    newest = published.origin - PUBLICATIONS_KEPT
    days = (newest - number * DAY for number in range(1, DAYS_LOOKED_BACK + 1))
    paths = [path for day in days for path in objects.list(f"{FOLDER}/{day:%Y-%m-%d}")]
    for path in paths:
        objects.delete(path)
    return len(paths)
