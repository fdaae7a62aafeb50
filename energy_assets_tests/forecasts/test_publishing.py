"""The published forecast only moves forward and is always of one origin, in every object store."""

from __future__ import annotations

import json
import threading
from datetime import datetime
from typing import Any

import pandas as pd
import pytest

from energy_assets.errors import UnreachableError
from energy_assets.forecasts.publishing import POINTER, publish, read_published
from energy_assets.partitions import HOUR
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import decode, read_metadata
from energy_assets_tests.stores.gcs.server import (
    IMPATIENT,
    GcsServer,
    answers,
    gcs_store,
    loses_the_answer,
)

ORIGIN = datetime(2023, 3, 13, 21)
FILES = ("predictions.parquet", "X.parquet", "y.parquet")


def version(origin: datetime, made_at: datetime | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "origin": [pd.Timestamp(origin)],
            "made_at": pd.Timestamp(made_at or origin + HOUR),
            "quality": "model",
            "model_version": "m",
        }
    )


def publish_from(
    objects: ObjectStore,
    origin: datetime,
    made_at: datetime | None = None,
    content: str = "",
    complete: bool = True,
) -> datetime:
    """Publish the forecast from an origin; the origin that is published afterwards."""
    tables = {name: pd.DataFrame({"origin": [f"{origin}"], "more": content}) for name in FILES}
    return publish(objects, version(origin, made_at), tables, "simulator", complete).origin


def published(objects: ObjectStore) -> dict[str, bytes]:
    return {name: objects.read(name) for name in (POINTER, *FILES)}


def published_origin(objects: ObjectStore) -> datetime | None:
    current = read_published(objects)
    return None if current is None else current.origin


def origins(objects: ObjectStore) -> set[str]:
    """The origins that the pointer, its files and the files that consumers read are of."""
    current = read_published(objects)
    assert current is not None
    paths = [*current.files, *current.files.values()]
    return {
        current.origin.isoformat(),
        *(read_metadata(objects.read(path))["origin"] for path in paths),
    }


def test_a_newer_forecast_replaces_an_older_one(object_store: ObjectStore) -> None:
    assert published_origin(object_store) is None
    for origin in (ORIGIN, ORIGIN + HOUR):
        assert publish_from(object_store, origin) == origin
        assert origins(object_store) == {origin.isoformat()}
    assert read_metadata(object_store.read("predictions.parquet"))["source"] == "simulator"


def test_an_older_forecast_never_replaces_a_newer_one(object_store: ObjectStore) -> None:
    publish_from(object_store, ORIGIN)
    before = published(object_store)
    assert publish_from(object_store, ORIGIN - HOUR) == ORIGIN
    assert published(object_store) == before


def test_publishing_the_same_hour_again_leaves_the_same_bytes(object_store: ObjectStore) -> None:
    publish_from(object_store, ORIGIN)
    before = published(object_store)
    assert publish_from(object_store, ORIGIN) == ORIGIN
    assert published(object_store) == before


@pytest.mark.parametrize("content", [b"", b"no parquet"])
def test_a_damaged_file_is_replaced(object_store: ObjectStore, content: bytes) -> None:
    for name in (POINTER, *FILES):
        object_store.write(name, content)
    assert publish_from(object_store, ORIGIN) == ORIGIN
    assert origins(object_store) == {ORIGIN.isoformat()}


def test_a_later_version_of_the_same_origin_replaces_an_earlier_one(
    object_store: ObjectStore,
) -> None:
    for made_at in (ORIGIN + 2 * HOUR, ORIGIN + 3 * HOUR, ORIGIN + HOUR):
        publish_from(object_store, ORIGIN, made_at)
    current = read_published(object_store)
    assert current is not None
    assert current.made_at == ORIGIN + 3 * HOUR
    made_at = {read_metadata(object_store.read(name))["made_at"] for name in FILES}
    assert made_at == {current.made_at.isoformat()}


def contents(objects: ObjectStore) -> set[str]:
    """The contents of the files that the pointer names, and of those that consumers read."""
    current = read_published(objects)
    assert current is not None
    paths = [*current.files, *current.files.values()]
    frames = [decode(objects.read(path), path) for path in paths]
    return {text for frame in frames for text in frame["more"]}


def test_other_tables_of_the_newest_forecast_are_published_beside_the_old_ones(
    object_store: ObjectStore,
) -> None:
    publish_from(object_store, ORIGIN)
    first = read_published(object_store)
    assert first is not None
    files = {path: object_store.read(path) for path in first.files.values()}
    publish_from(object_store, ORIGIN, content="scores")
    again = read_published(object_store)
    assert again is not None
    assert again.version == first.version
    assert again.published_at > first.published_at
    assert contents(object_store) == {"scores"}
    assert {path: object_store.read(path) for path in files} == files


def test_incomplete_tables_replace_earlier_forecasts_alone(object_store: ObjectStore) -> None:
    publish_from(object_store, ORIGIN - HOUR, content="whole")
    publish_from(object_store, ORIGIN, content="part", complete=False)
    assert contents(object_store) == {"part"}
    publish_from(object_store, ORIGIN, content="whole")
    before = published(object_store)
    publish_from(object_store, ORIGIN, content="part", complete=False)
    assert published(object_store) == before


@pytest.mark.parametrize("content", [None, b"", b"no parquet"])
def test_a_file_that_was_lost_or_damaged_since_is_published_again(
    object_store: ObjectStore, content: bytes | None
) -> None:
    publish_from(object_store, ORIGIN, content="whole")
    current = read_published(object_store)
    assert current is not None
    path = current.files["y.parquet"]
    object_store.delete(path) if content is None else object_store.write(path, content)
    publish_from(object_store, ORIGIN, content="whole")
    assert contents(object_store) == {"whole"}


def test_a_publication_of_an_earlier_release_is_replaced(object_store: ObjectStore) -> None:
    publish_from(object_store, ORIGIN)
    pointer = json.loads(object_store.read(POINTER))
    del pointer["published_at"]
    object_store.write(POINTER, json.dumps(pointer).encode())
    publish_from(object_store, ORIGIN, content="scores")
    assert contents(object_store) == {"scores"}


class InterruptedWriteError(Exception):
    """The process ends here."""


class Interrupting:
    """Another store that ends the process at its n-th write."""

    def __init__(self, objects: ObjectStore, writes: int) -> None:
        self.objects = objects
        self.writes = writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self.objects, name)

    def _count(self) -> None:
        if not self.writes:
            raise InterruptedWriteError
        self.writes -= 1

    def write(self, path: str, data: bytes) -> None:
        self._count()
        self.objects.write(path, data)

    def write_if(self, path: str, data: bytes, generation: str | None) -> bool:
        self._count()
        return self.objects.write_if(path, data, generation)


def test_the_pointer_names_one_whole_forecast_wherever_a_run_is_interrupted(
    object_store: ObjectStore,
) -> None:
    publish_from(object_store, ORIGIN)
    later = ORIGIN + HOUR
    writes = 2 * len(FILES) + 1  # the files, the pointer, and the files that consumers read
    for number in range(writes):
        with pytest.raises(InterruptedWriteError):
            publish_from(Interrupting(object_store, number), later)
        current = read_published(object_store)
        assert current is not None
        of_files = {
            read_metadata(object_store.read(path))["origin"] for path in current.files.values()
        }
        assert of_files == {current.origin.isoformat()}
        later += HOUR
    publish_from(object_store, later - HOUR)
    assert origins(object_store) == {(later - HOUR).isoformat()}


def test_a_second_publication_is_whole_wherever_it_is_interrupted(
    object_store: ObjectStore,
) -> None:
    publish_from(object_store, ORIGIN, content="none")
    for number in range(2 * len(FILES) + 1):
        with pytest.raises(InterruptedWriteError):
            publish_from(Interrupting(object_store, number), ORIGIN, content=f"{number}")
        current = read_published(object_store)
        assert current is not None
        frames = [decode(object_store.read(path), path) for path in current.files.values()]
        assert len({frame["more"].iloc[0] for frame in frames}) == 1
        publish_from(object_store, ORIGIN, content=f"{number}")
        assert contents(object_store) == {f"{number}"}


def test_racing_forecasts_never_move_the_newest_one_back(object_store: ObjectStore) -> None:
    racing = [ORIGIN + number * HOUR for number in (7, 2, 11, 0, 5, 9, 1, 10, 4, 8, 3, 6)]
    newest: list[datetime] = []
    errors: list[Exception] = []
    start = threading.Barrier(len(racing))

    def run(origin: datetime) -> None:
        start.wait()
        try:
            publish_from(object_store, origin)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(origin,)) for origin in racing]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if (origin := published_origin(object_store)) is not None:
            newest.append(origin)
    for thread in threads:
        thread.join()
    assert errors == []
    assert newest == sorted(newest)
    assert origins(object_store) == {max(racing).isoformat()}


def test_a_forecast_whose_answer_was_lost_is_published(gcs: GcsServer) -> None:
    objects = gcs_store()
    publish_from(objects, ORIGIN)
    gcs.fail(*[loses_the_answer] * 3, at="ifGenerationMatch")
    assert publish_from(objects, ORIGIN + HOUR) == ORIGIN + HOUR
    assert origins(objects) == {(ORIGIN + HOUR).isoformat()}


def test_a_store_that_does_not_answer_is_not_treated_as_empty(
    gcs: GcsServer,
) -> None:
    publish_from(gcs_store(), ORIGIN)
    before = published(gcs_store())
    objects = gcs_store(policy=IMPATIENT)
    objects.exists("predictions.parquet")
    # Reading the content fails, and writing would not.
    gcs.fail(*[answers(503)] * 100, at="GET /download")
    with pytest.raises(UnreachableError):
        publish_from(objects, ORIGIN - HOUR)
    assert {name: gcs.objects[name] for name in (POINTER, *FILES)} == before
