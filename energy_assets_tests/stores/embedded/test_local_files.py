"""What only the embedded object store does."""

from __future__ import annotations

from pathlib import Path

import pytest

from energy_assets.errors import StorageError
from energy_assets.stores.embedded.object_store import LocalObjectStore
from energy_assets_tests.stores.embedded.permissions import without_root


def test_an_interrupted_write_leaves_the_old_object_and_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalObjectStore(tmp_path)
    store.write("x", b"old")

    def full_disk(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(StorageError, match=r"No space left on device.*Make room.*STORAGE_ROOT"):
        store.write("x", b"new")
    assert store.read("x") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_file_in_place_of_the_folder_names_the_setting(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    store = LocalObjectStore(blocked)
    for use in (lambda: store.write("x", b""), lambda: store.write_if("x", b"", None)):
        with pytest.raises(StorageError, match=f"cannot write {blocked}.*STORAGE_ROOT"):
            use()


def test_a_permission_fault_names_the_path_and_the_permission(public_folder: Path) -> None:
    store = LocalObjectStore(public_folder)
    store.write("x", b"content")
    (public_folder / "x").chmod(0)
    with without_root():
        for use in (lambda: store.read("x"), lambda: store.generation("x")):
            with pytest.raises(StorageError, match=f"cannot read {public_folder / 'x'}: Perm"):
                use()
        with pytest.raises(StorageError, match=f"cannot write {public_folder / 'y'}: Perm"):
            store.write("y", b"")
    assert (public_folder / "x").read_bytes() == b"content"
