"""The n-th write fails: any change to the files below a folder, or to the table in it.

Delta Lake writes its files itself, where `watched` does not see it. So calls of its store are made
to fail instead: before they begin, half-way on a full disk, and after their commit.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

import dagster as dg
import pandas as pd

from benchmarks.stored import contents, unreadable
from energy_assets.forecasts.publishing import read_published
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import read_metadata
from energy_assets_tests.stores.full_disk import full_disk
from energy_assets_tests.stores.watched_files import Writes
from energy_assets_tests.world import World, root_error

ALL = bool(os.environ.get("ENERGY_ASSETS_TEST_ALL_WRITES"))
"""Whether the tests let every single write fail, not a spread of them."""

_ROOM = 100
"""Bytes that fit on a disk that is about to be full: less than any file of the table."""


class FailingTable:
    """A Delta table whose writes fail before, within or after its commit."""

    def __init__(self, store: Any, writes: Writes) -> None:
        self.store = store
        self.writes = writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def upsert(self, versions: pd.DataFrame) -> None:
        if len(versions):
            self._change("upsert", lambda: self.store.upsert(versions))

    def maintain(self, keep: int) -> Any:
        return self._change("maintain", lambda: self.store.maintain(keep))

    def _change(self, name: str, change: Callable[[], Any]) -> Any:
        self.writes.make(f"before {name}")
        if self.writes.fails(f"within {name}"):
            with full_disk(_ROOM):
                return change()
        result = change()
        self.writes.make(f"after {name}")
        return result


def numbers(count: int, spread: int) -> list[int]:
    """The numbers of the writes that fail: all, or so many of them, the last one included."""
    if ALL:
        return list(range(count))
    return sorted({count - 1 - count * n // spread for n in range(spread)})


def copy_objects(source: ObjectStore, target: ObjectStore) -> None:
    """Copy all objects from one store to another."""
    for path in source.list(""):
        target.write(path, source.read(path))


def assert_failed(writes: Writes, outcome: dg.ExecuteInProcessResult) -> None:
    """The run has reached the write that was to fail."""
    assert writes.failing is not None
    assert writes.failing < len(writes.made), f"{len(writes.made)} writes, then {error_of(outcome)}"


def error_of(outcome: dg.ExecuteInProcessResult) -> str:
    """What a run ended with, for a person."""
    return "no error" if outcome.success else str(root_error(outcome))


def assert_whole(world: World, end: datetime) -> None:
    """Nothing half-written can be read."""
    assert unreadable(world.stores.folder) == []
    assert_published_whole(world.stores.object_store)
    for model in world.stores.model_registry.promoted(end):
        assert (world.stores.folder / "models" / "best_model" / "versions" / model.version).is_dir()
    world.stores.feature_store.read(datetime(2023, 1, 1), end)


def assert_published_whole(objects: ObjectStore) -> None:
    """The pointer names files that exist and have one origin."""
    published = read_published(objects)
    if published is not None:
        files = [read_metadata(objects.read(path)) for path in published.files.values()]
        assert {file["origin"] for file in files} == {published.origin.isoformat()}


def result(world: World, start: datetime, end: datetime) -> dict[str, Any]:
    """What is stored, without the times at which it was made."""
    store = world.stores.feature_store
    rows, versions = store.read(start, end), store.read_versions(start, end)
    # A version is known from its own hour, or from when it was seen, which differs between runs.
    late = versions["known_at"] != versions["datetime_utc"]
    table = versions.assign(late=late, known_at=versions["known_at"].mask(late))
    return {
        **contents(world.stores.folder),
        "rows": rows.to_csv(index=False),
        "versions": sorted(table.to_csv(index=False).splitlines()),
    }


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Two results are equal; the names of what differs otherwise."""
    different = {
        name: (one.get(name), other.get(name))
        for name in sorted(one | other)
        if one.get(name) != other.get(name)
    }
    # This file is no test module, whose failed assertions would say what is different.
    assert not different, f"these differ: {different}"
