"""The versions of an hour's forecast: what was issued is kept, and a later version is added.

The file of an origin holds all versions, told apart by `made_at`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pandas as pd

from energy_assets.errors import NotFoundError, StorageError, UnreachableError
from energy_assets.forecasts.publishing import read_published
from energy_assets.partitions import DAY, HOUR
from energy_assets.schemas import FORECASTS, PREDICTIONS, conform
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import read_hour
from energy_assets.stores.paths import stored_hours

ASSET = "predictions_parquet"

_WORKERS = 4
"""Files that are read at the same time; with many series, each is large."""

_log = logging.getLogger(__name__)

CARRIED_HOURS = 48
"""A forecast older than this is not carried over."""


def add_version(stored: pd.DataFrame | None, version: pd.DataFrame) -> pd.DataFrame | None:
    """The stored versions and a new one; None if it is the same forecast as the newest.

    Both have the columns of `schemas.PREDICTIONS`.
    """
    if stored is None or stored.empty:
        return version
    stored = up_to_date(stored)
    if conform(newest(stored), FORECASTS).equals(conform(version, FORECASTS)):
        return None
    # Two versions with the same time would be taken for one.
    earliest = stored["made_at"].max() + pd.Timedelta(microseconds=1)
    made_at = max(version["made_at"].max(), earliest)
    return pd.concat([stored, version.assign(made_at=made_at)], ignore_index=True)


def newest(versions: pd.DataFrame) -> pd.DataFrame:
    """The version that was made last; `versions` are those of one origin."""
    return _made_at(versions, versions["made_at"].max())


def first_issued(versions: pd.DataFrame) -> pd.DataFrame:
    """The version that was made first; `versions` are those of one origin."""
    return _made_at(versions, versions["made_at"].min())


def as_of(versions: pd.DataFrame, time: datetime) -> pd.DataFrame:
    """The version that was the newest at a time (UTC); no rows if there was none yet."""
    return newest(versions[versions["made_at"] <= pd.Timestamp(time)])


def read_versions(
    objects: ObjectStore, origin: datetime, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """All versions of the forecast from an origin, as rows of `schemas.PREDICTIONS`.

    With `columns`, `made_at` and `origin` among them, the others are NaN.

    Raises NotFoundError if there is none, StorageError if the file cannot be read.
    """
    return up_to_date(read_hour(objects, ASSET, origin, columns))


def read_issued(
    objects: ObjectStore, origins: Iterable[datetime], start: datetime, end: datetime
) -> list[pd.DataFrame]:
    """What was issued first from each of the origins for the hours [start, end).

    Origins without a forecast are left out, and so, with a warning, are damaged files.

    Raises UnreachableError if the store does not answer.
    """
    filters = [("datetime_utc", ">=", start), ("datetime_utc", "<", end)]

    def read(origin: datetime) -> pd.DataFrame | None:
        try:
            rows = read_hour(objects, ASSET, origin, filters=filters)
        except UnreachableError:
            raise
        except NotFoundError:
            return None
        except StorageError as error:
            _log.warning("the forecast from %s is left out: %s", origin, error)
            return None
        return first_issued(up_to_date(rows)) if len(rows) else None

    with ThreadPoolExecutor(_WORKERS) as pool:
        return [issued for issued in pool.map(read, origins) if issued is not None]


def read_if_possible(
    objects: ObjectStore, origin: datetime, columns: Sequence[str] | None = None
) -> pd.DataFrame | None:
    """The same as `read_versions`; None if there are no versions, or their file is damaged.

    Raises UnreachableError if the store does not answer.
    """
    try:
        return read_versions(objects, origin, columns)
    except UnreachableError:
        raise
    except StorageError:
        return None


def issued_without(
    objects: ObjectStore, start: datetime, end: datetime, window_days: int
) -> set[datetime]:
    """The hours of [start, end) without which a forecast may have been made.

    A forecast uses the `window_days` days up to its origin. So these are the hours with a stored
    forecast from their own or a later hour whose window holds them.
    """
    window = timedelta(days=window_days)
    published = read_published(objects)
    newest = max(end, published.origin if published else end) + DAY
    origins = stored_hours(objects, ASSET, start, min(end + window, newest))
    hours = (start + number * HOUR for number in range((end - start) // HOUR))
    return {hour for hour in hours if any(hour <= origin < hour + window for origin in origins)}


def last_before(objects: ObjectStore, origin: datetime) -> pd.DataFrame:
    """The newest forecast stored for an earlier origin, at most `CARRIED_HOURS` before it.

    Raises NotFoundError if there is none.
    """
    for back in range(1, CARRIED_HOURS + 1):
        if (versions := read_if_possible(objects, origin - back * HOUR)) is not None:
            return newest(versions)
    raise NotFoundError(f"no forecast is stored for the {CARRIED_HOURS} hours before {origin}")


def up_to_date(frame: pd.DataFrame) -> pd.DataFrame:
    """Stored forecasts with all columns of `schemas.PREDICTIONS`.

    Those of the first release did not say when they were made: they count as made when the hour of
    their origin had ended. Those without quantiles get NaN.
    """
    if "made_at" not in frame:
        frame = frame.assign(made_at=frame["origin"] + HOUR)
    return frame.reindex(columns=list(PREDICTIONS.dtypes))


def _made_at(versions: pd.DataFrame, time: pd.Timestamp) -> pd.DataFrame:
    return versions[versions["made_at"] == time].reset_index(drop=True)
