"""What every object store does."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from energy_assets.errors import NotFoundError
from energy_assets.stores.object_store import ObjectStore


def test_what_is_written_is_read_back(object_store: ObjectStore) -> None:
    object_store.write("a/b.bin", b"one")
    object_store.write("a/b.bin", b"two")
    assert object_store.read("a/b.bin") == b"two"
    assert object_store.exists("a/b.bin")


def test_an_object_may_be_empty_or_large(object_store: ObjectStore) -> None:
    large = bytes(range(256)) * 40_000
    for content in (b"", large, b""):
        object_store.write("x", content)
        assert object_store.read("x") == content


def test_a_generation_changes_with_the_content(object_store: ObjectStore) -> None:
    object_store.write("x", b"1")
    generation = object_store.generation("x")
    assert object_store.generation("x") == generation
    object_store.write("x", b"2")
    assert object_store.generation("x") not in (None, generation)


def test_a_check_says_where_the_objects_are_and_leaves_nothing_behind(
    object_store: ObjectStore,
) -> None:
    assert object_store.url("").rstrip("/") in object_store.check()
    assert object_store.list("") == []


def test_reading_an_object_that_does_not_exist_names_it(object_store: ObjectStore) -> None:
    assert not object_store.exists("a/b.bin")
    with pytest.raises(NotFoundError, match=r"b\.bin"):
        object_store.read("a/b.bin")


def test_a_deleted_object_is_gone_and_deleting_it_again_does_nothing(
    object_store: ObjectStore,
) -> None:
    object_store.write("a/b.bin", b"one")
    for _ in range(2):
        object_store.delete("a/b.bin")
        assert not object_store.exists("a/b.bin")


def test_listing_gives_all_objects_below_a_folder_sorted(object_store: ObjectStore) -> None:
    for path in ("a/2/x", "a/1/y", "ab/z", "b"):
        object_store.write(path, b"")
    assert object_store.list("a") == ["a/1/y", "a/2/x"]
    assert object_store.list("") == ["a/1/y", "a/2/x", "ab/z", "b"]
    assert object_store.list("nowhere") == []


def test_a_conditional_write_happens_only_if_the_object_is_unchanged(
    object_store: ObjectStore,
) -> None:
    assert object_store.generation("x") is None
    assert object_store.write_if("x", b"1", None)
    generation = object_store.generation("x")
    assert object_store.write_if("x", b"2", generation)
    assert not object_store.write_if("x", b"3", generation)
    assert not object_store.write_if("x", b"3", None)
    assert object_store.read("x") == b"2"


def test_of_many_conditional_writes_at_the_same_time_one_succeeds(
    object_store: ObjectStore,
) -> None:
    start = threading.Barrier(8)

    def write(number: int) -> bool:
        start.wait()
        return object_store.write_if("x", str(number).encode(), None)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(write, range(8)))
    assert outcomes.count(True) == 1
