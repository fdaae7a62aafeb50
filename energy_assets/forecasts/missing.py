"""Which recent hours have no forecast yet, and whether the newest one is published."""

from __future__ import annotations

from datetime import datetime

from energy_assets.forecasts.publishing import read_published
from energy_assets.forecasts.versions import ASSET
from energy_assets.partitions import DAY, HOUR, hourly
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.paths import stored_hours


def hours_without_forecast(objects: ObjectStore, newest: datetime, count: int) -> list[datetime]:
    """The hours without a stored forecast among the `count` that end with `newest`, oldest first.

    Hours before the first forecast that was ever made are history, and none is missing there. Costs
    one listing for each day, however old the store is.
    """
    first = max(newest - (count - 1) * HOUR, hourly.start.replace(tzinfo=None))
    stored = set(stored_hours(objects, ASSET, first, newest))
    published = read_published(objects)
    if published is None or published.origin >= first:
        first = min(stored, default=newest)
    hours = (first + number * HOUR for number in range((newest - first) // HOUR + 1))
    return [hour for hour in hours if hour not in stored]


def needs_publication(objects: ObjectStore, newest: datetime) -> datetime | None:
    """The newest origin whose forecast is stored but not published; None if there is none."""
    stored = max(stored_hours(objects, ASSET, newest - DAY, newest), default=None)
    if stored is None:
        return None
    published = read_published(objects)
    return stored if published is None or published.origin < stored else None
