"""What every object store does."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from energy_assets.errors import NotFoundError, StorageError
from energy_assets.stores.embedded.object_store import LocalObjectStore
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


def test_a_generation_is_that_of_the_content(object_store: ObjectStore) -> None:
    object_store.write("x", b"1")
    seen = object_store.generation("x")
    assert object_store.generation("x") == seen
    object_store.write("x", b"2")
    assert object_store.generation("x") not in (None, seen)


def test_a_check_tells_where_the_objects_are_and_leaves_nothing(object_store: ObjectStore) -> None:
    assert object_store.url("").rstrip("/") in object_store.check()
    assert object_store.list("") == []


def test_reading_what_is_not_there_names_it(object_store: ObjectStore) -> None:
    assert not object_store.exists("a/b.bin")
    with pytest.raises(NotFoundError, match=r"b\.bin"):
        object_store.read("a/b.bin")


def test_listing_gives_all_objects_below_a_folder_sorted(object_store: ObjectStore) -> None:
    for path in ("a/2/x", "a/1/y", "ab/z", "b"):
        object_store.write(path, b"")
    assert object_store.list("a") == ["a/1/y", "a/2/x"]
    assert object_store.list("") == ["a/1/y", "a/2/x", "ab/z", "b"]
    assert object_store.list("nowhere") == []


def test_a_write_on_condition_happens_only_if_the_object_is_unchanged(
    object_store: ObjectStore,
) -> None:
    assert object_store.generation("x") is None
    assert object_store.write_if("x", b"1", None)
    seen = object_store.generation("x")
    assert object_store.write_if("x", b"2", seen)
    assert not object_store.write_if("x", b"3", seen)
    assert not object_store.write_if("x", b"3", None)
    assert object_store.read("x") == b"2"


def test_of_many_who_write_on_the_same_condition_one_succeeds(object_store: ObjectStore) -> None:
    outcomes: list[bool] = []
    start = threading.Barrier(8)

    def write(number: int) -> None:
        start.wait()
        outcomes.append(object_store.write_if("x", str(number).encode(), None))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(outcomes) == 8
    assert outcomes.count(True) == 1


def test_a_write_that_breaks_off_leaves_the_old_object_and_no_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalObjectStore(tmp_path)
    store.write("x", b"old")

    def full_disk(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(store.root / "x"), "write_bytes", full_disk)
    with pytest.raises(StorageError, match=r"No space left on device.*STORAGE_ROOT"):
        store.write("x", b"new")
    assert store.read("x") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_folder_that_cannot_be_written_is_an_error_that_names_the_setting(
    tmp_path: Path,
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="STORAGE_ROOT"):
        LocalObjectStore(blocked).write("x", b"")
    with pytest.raises(StorageError, match="STORAGE_ROOT"):
        LocalObjectStore(blocked).write_if("x", b"", None)
