"""The newest forecast under the names that consumers read; it only ever moves forward in time.

`predictions.parquet`, `X.parquet` and `y.parquet` have the layout of the batch-serving course: an
index (area, consumer_type, datetime_utc) whose time is an hourly period, which Parquet stores as
hours since 1970. The metadata of each file names its origin.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

import pandas as pd

from energy_assets.errors import NotFoundError, StorageError
from energy_assets.schemas import PRIMARY_KEY, TARGET
from energy_assets.stores.files import document_errors
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import encode, read_metadata

ATTEMPTS = 20

_log = logging.getLogger(__name__)


def publish_newest(
    objects: ObjectStore,
    origin: datetime,
    observations: pd.DataFrame,
    predictions: pd.DataFrame,
    file_metadata: Mapping[str, str],
) -> bool:
    """Publish a forecast and the observations it was made from, unless a newer one is published.

    `observations` are rows of `schemas.CONSUMPTION`, `predictions` of `schemas.PREDICTIONS`.
    Publishing the same origin again replaces its files. Returns whether it was published.
    """
    if (published := published_origin(objects)) is not None and published > origin:
        return False
    history = _by_period(observations)
    inputs = history[[]].assign(
        area_exog=history.index.get_level_values("area"),
        consumer_type_exog=history.index.get_level_values("consumer_type"),
    )
    files = {
        "X.parquet": inputs,
        "y.parquet": history[[TARGET]],
        "predictions.parquet": _by_period(predictions),
    }
    metadata = {**file_metadata, "origin": origin.isoformat()}
    replaced = [
        _replace(objects, path, encode(frame, metadata), origin) for path, frame in files.items()
    ]
    return all(replaced)


def published_origin(objects: ObjectStore, path: str = "predictions.parquet") -> datetime | None:
    """The origin of the published forecast; None if there is none, or if it names no origin.

    A file of another system, or a damaged one, does not count and will be replaced. A store that
    does not answer is an error, because it may hold a newer forecast.
    """
    try:
        data = objects.read(path)
    except NotFoundError:
        return None
    try:
        with document_errors(path, "the next forecast replaces it"):
            return datetime.fromisoformat(read_metadata(data)["origin"])
    except StorageError as error:
        _log.warning("%s", error)
        return None


def _replace(objects: ObjectStore, path: str, data: bytes, origin: datetime) -> bool:
    """Write a file unless it has a newer origin, however many runs publish at the same time."""
    for _ in range(ATTEMPTS):
        generation = objects.generation(path)
        published = published_origin(objects, path)
        if published is not None and published > origin:
            return False
        if objects.write_if(path, data, generation):
            return True
    raise StorageError(
        f"{objects.url(path)} was changed by another run {ATTEMPTS} times in a row: "
        "run fewer forecasts at a time"
    )


def _by_period(rows: pd.DataFrame) -> pd.DataFrame:
    hours = rows["datetime_utc"].dt.to_period("h")
    return rows.assign(datetime_utc=hours).set_index(list(PRIMARY_KEY)).sort_index()
