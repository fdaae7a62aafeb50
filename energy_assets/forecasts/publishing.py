"""The newest forecast under the names that consumers read; it moves forward only.

`predictions.parquet`, `X.parquet` and `y.parquet` have the form that the batch-serving course gave
them: an index (area, consumer_type, datetime_utc) whose time is an hourly period, which Parquet
stores as hours since 1970. Each file says in its metadata from which origin it is.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from energy_assets.errors import NotFoundError, StorageError
from energy_assets.schemas import KEY, TARGET
from energy_assets.stores.files import reading
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import encode, read_metadata

if TYPE_CHECKING:
    import pandas as pd

ATTEMPTS = 20

_log = logging.getLogger(__name__)


def publish_newest(
    objects: ObjectStore,
    origin: datetime,
    observations: pd.DataFrame,
    predictions: pd.DataFrame,
    file_metadata: Mapping[str, str],
) -> bool:
    """Publish a forecast and the observations it was made from, unless a newer one is there.

    `observations` are rows of `schemas.CONSUMPTION`, `predictions` of `schemas.PREDICTIONS`.
    Tells whether it was published. Publishing the same origin again replaces its files.
    """
    if (published := newest_origin(objects)) is not None and published > origin:
        return False
    history = _as_periods(observations)
    inputs = history[[]].assign(
        area_exog=history.index.get_level_values("area"),
        consumer_type_exog=history.index.get_level_values("consumer_type"),
    )
    files = {
        "X.parquet": inputs,
        "y.parquet": history[[TARGET]],
        "predictions.parquet": _as_periods(predictions),
    }
    metadata = {**file_metadata, "origin": origin.isoformat()}
    advanced = [
        _advance(objects, path, encode(frame, metadata), origin) for path, frame in files.items()
    ]
    return all(advanced)


def newest_origin(objects: ObjectStore, path: str = "predictions.parquet") -> datetime | None:
    """The origin of the published forecast; None when there is none that says so.

    A file of another system, or a damaged one, is no newer forecast, and is replaced. A store that
    does not answer is an error: a newer forecast may be there.
    """
    try:
        data = objects.read(path)
    except NotFoundError:
        return None
    try:
        with reading(path, "it is replaced by the next forecast"):
            return datetime.fromisoformat(read_metadata(data)["origin"])
    except StorageError as error:
        _log.warning("%s", error)
        return None


def _advance(objects: ObjectStore, path: str, data: bytes, origin: datetime) -> bool:
    for _ in range(ATTEMPTS):
        generation = objects.generation(path)
        published = newest_origin(objects, path)
        if published is not None and published > origin:
            return False
        if objects.write_if(path, data, generation):
            return True
    raise StorageError(
        f"{objects.url(path)} was changed by another run {ATTEMPTS} times in a row: "
        "run fewer forecasts at a time"
    )


def _as_periods(rows: pd.DataFrame) -> pd.DataFrame:
    hours = rows["datetime_utc"].dt.to_period("h")
    return rows.assign(datetime_utc=hours).set_index(list(KEY)).sort_index()
