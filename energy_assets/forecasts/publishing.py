"""The newest forecast, published: one pointer names it, and it only ever moves forward in time.

`newest.json` names the origin and the files of one forecast. The files are written before it, each
once, so whoever follows the pointer never pairs two origins:

    newest.json
    published/2023-03-13/21/<published at>/predictions.parquet, X.parquet, y.parquet, ...

The same files are then copied to the names that consumers of the batch-serving course read. The
metadata of each file names its origin. If what belongs to the newest forecast has changed since,
such as scores that came later, the forecast can be published again.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TypeAlias

import pandas as pd
from pydantic import TypeAdapter

from energy_assets.errors import NotFoundError, StorageError
from energy_assets.forecasts.quality import rung
from energy_assets.settings import utc_now
from energy_assets.stores.compare_and_set import compare_and_set
from energy_assets.stores.files import document_errors
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import encode_tables, read_metadata

POINTER = "newest.json"
FOLDER = "published"

Tables: TypeAlias = Mapping[str, pd.DataFrame]
"""File name -> rows."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """A published forecast: the content of the pointer."""

    origin: datetime
    made_at: datetime
    quality: str
    model_version: str
    source: str
    files: Mapping[str, str]
    """Name that consumers read -> path of the file in the object store."""
    published_at: datetime = datetime.min
    """When; earlier releases did not say."""

    @property
    def version(self) -> tuple[datetime, datetime]:
        """Which forecast it is; a later one is greater."""
        return self.origin, self.made_at


def publish(
    objects: ObjectStore,
    version: pd.DataFrame,
    tables: Tables,
    source: str,
    complete: bool = True,
    further: Callable[[], Iterable[Tables]] = tuple,
) -> Published:
    """Publish a forecast and what belongs to it, unless a newer one is published already.

    `version` is one version of a forecast, rows of `schemas.PREDICTIONS`. `tables` are the files by
    name; `further` gives more rows of some of them, in parts, of which one is in memory at a time.
    If this version is published already, with other tables, these replace them, unless they are not
    `complete`. Returns what is published afterwards. Running it again after it was
    interrupted finishes what is missing.
    """
    first = version.iloc[0]
    origin, made_at = first["origin"].to_pydatetime(), first["made_at"].to_pydatetime()
    now = utc_now()
    folder = f"{FOLDER}/{origin:%Y-%m-%d/%H}/{now:%Y%m%dT%H%M%S%f}"
    new = Published(
        origin=origin,
        made_at=made_at,
        quality=rung(version),
        model_version=first["model_version"],
        source=source,
        files={name: f"{folder}/{name}" for name in tables},
        published_at=now,
    )

    def moved_forward(content: bytes | None) -> bytes | None:
        if not _replaces(new, None if content is None else _parse(content), complete):
            return None
        return json.dumps(asdict(new), default=datetime.isoformat, indent=2).encode()

    def encoded(metadata: Mapping[str, str]) -> Mapping[str, bytes]:
        return encode_tables(itertools.chain([tables], further()), metadata)

    published = read_published(objects)
    if published is None or (
        _replaces(new, published, complete)
        and not (published.version == new.version and _holds(objects, published, encoded))
    ):
        metadata = {
            "source": source,
            "origin": origin.isoformat(),
            "made_at": made_at.isoformat(),
            "published_at": now.isoformat(),
        }
        for name, data in encoded(metadata).items():
            objects.write(new.files[name], data)
        compare_and_set(objects, POINTER, moved_forward)
        published = read_published(objects) or new
    for name, path in published.files.items():
        _copy(objects, path, name)
    return published


def read_published(objects: ObjectStore) -> Published | None:
    """The published forecast; None if there is none, or if the pointer is not one of ours.

    A store that does not answer is an error, because it may hold a newer forecast.
    """
    try:
        return _parse(objects.read(POINTER))
    except NotFoundError:
        return None


def _replaces(new: Published, current: Published | None, complete: bool) -> bool:
    """Whether `new` takes the place of what is published."""
    if current is None or new.version > current.version:
        return True
    return complete and new.version == current.version and new.published_at > current.published_at


def _holds(
    objects: ObjectStore,
    published: Published,
    encoded: Callable[[Mapping[str, str]], Mapping[str, bytes]],
) -> bool:
    """Whether these very tables are published. `encoded` gives the files with some metadata."""
    try:
        files = {name: objects.read(path) for name, path in published.files.items()}
    except NotFoundError:
        return False
    if not files or any(_version(data, name) is None for name, data in files.items()):
        return False
    # All files of a publication have the same metadata.
    return files == encoded(read_metadata(next(iter(files.values()))))


def _parse(content: bytes) -> Published | None:
    try:
        with document_errors(POINTER, "the next forecast replaces it"):
            return TypeAdapter(Published).validate_json(content)
    except StorageError as error:
        _log.warning("%s", error)
        return None


def _copy(objects: ObjectStore, path: str, name: str) -> None:
    """Copy a published file to the name that consumers read, unless that one is as new."""
    data = objects.read(path)
    ours = _version(data, path)

    def change(content: bytes | None) -> bytes | None:
        theirs = None if content is None else _version(content, name)
        return None if theirs and ours and theirs >= ours else data

    compare_and_set(objects, name, change)


def _version(data: bytes, path: str) -> tuple[str, str, str] | None:
    """The origin and times of a file; None if it is damaged or another system's."""
    try:
        with document_errors(path, "the next forecast replaces it"):
            metadata = read_metadata(data)
            return (
                metadata["origin"],
                metadata.get("made_at", ""),
                metadata.get("published_at", ""),
            )
    except StorageError as error:
        _log.warning("%s", error)
        return None
