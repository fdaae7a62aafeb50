"""What only the embedded feature store does: it compacts itself, and says what is wrong on disk."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from energy_assets.errors import NotFoundError, StorageError
from energy_assets.stores.embedded.feature_store import DeltaFeatureStore
from energy_assets_tests.stores.embedded.permissions import without_root
from energy_assets_tests.stores.samples import HOUR, T0, rows, versions

DESTRUCTIVE = re.compile(r"delete|remove|erase|wipe|overwrite", re.IGNORECASE)


@pytest.fixture
def store(public_folder: Path) -> DeltaFeatureStore:
    """A table with rows in one file, and one pinned version."""
    store = DeltaFeatureStore(public_folder / "table")
    store.upsert(versions())
    store.read(T0, T0 + HOUR)
    return store


def data_file(store: DeltaFeatureStore) -> Path:
    (path,) = store.folder.glob("*.parquet")
    return path


def log_file(store: DeltaFeatureStore) -> Path:
    return max((store.folder / "_delta_log").glob("*.json"))


def message_of(use: Callable[[], object]) -> str:
    """The message of the StorageError that `use` raises. It never advises to destroy data."""
    with pytest.raises(StorageError) as raised:
        use()
    message = str(raised.value)
    assert not DESTRUCTIVE.search(message.replace("what removed it", "")), message
    return message


def test_a_training_dataset_survives_compaction(tmp_path: Path) -> None:
    store = DeltaFeatureStore(tmp_path / "table", commits_per_compaction=10)
    store.upsert(versions(hours=1))
    pinned = store.create_training_dataset(T0, T0 + 9 * HOUR)
    for number in range(11):
        store.upsert(versions(hours=1, value=float(number), start=T0 + HOUR))
    pd.testing.assert_frame_equal(store.read_training_dataset(pinned), rows(hours=1))
    assert len(store.read(T0, T0 + 9 * HOUR)) == 4


def test_pins_of_an_earlier_table_in_the_same_folder_give_no_rows(tmp_path: Path) -> None:
    store = DeltaFeatureStore(tmp_path / "table")
    store.upsert(versions())
    pinned = store.create_training_dataset(T0, T0 + 3 * HOUR)
    shutil.rmtree(tmp_path / "table")
    store.upsert(versions(value=50.0))
    again = store.create_training_dataset(T0, T0 + 3 * HOUR)
    assert again.version == pinned.version
    with pytest.raises(NotFoundError, match="materialise feature_view again"):
        store.read_training_dataset(pinned)
    assert store.maintain(keep=1)["training datasets kept"] == 1


@pytest.mark.parametrize("forbidden", [data_file, log_file, lambda store: store.folder])
def test_a_permission_fault_on_reading_names_the_path_and_the_permission(
    store: DeltaFeatureStore, forbidden: Callable[[DeltaFeatureStore], Path]
) -> None:
    path = forbidden(store)
    path.chmod(0)
    with without_root():
        message = message_of(lambda: store.read(T0, T0 + HOUR))
    assert f"cannot read {path}: Permission denied" in message
    assert "damaged" not in message


def test_a_folder_without_the_right_to_write_names_the_permission(
    store: DeltaFeatureStore, public_folder: Path
) -> None:
    for folder in (public_folder / "table", public_folder / "another"):
        with without_root():
            message = message_of(lambda folder=folder: DeltaFeatureStore(folder).upsert(versions()))
        assert f"cannot write {folder}" in message
        assert "Permission denied" in message
        assert "STORAGE_ROOT" in message


def test_a_store_that_does_not_exist_is_empty_and_is_not_created_by_reading(
    public_folder: Path,
) -> None:
    with without_root():  # Delta Lake would create the folder, and fail with "Invalid table URI"
        assert DeltaFeatureStore(public_folder / "new").read(T0, T0 + HOUR).empty
        message = message_of(DeltaFeatureStore(public_folder / "new").check)
    assert f"cannot write {public_folder / 'new'}: Permission denied" in message


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    for folder in (blocked, blocked / "table"):
        store = DeltaFeatureStore(folder)
        for use in (lambda store=store: store.read(T0, T0 + HOUR), store.check):
            assert f"cannot read {folder}: Not a directory" in message_of(use)
        message = message_of(lambda store=store: store.upsert(versions()))
        assert f"cannot write {folder}" in message
        assert "STORAGE_ROOT" in message


def test_a_missing_data_file_is_named(store: DeltaFeatureStore) -> None:
    path = data_file(store)
    path.unlink()
    for use in (lambda: store.read(T0, T0 + HOUR), lambda: store.upsert(versions())):
        message = message_of(use)
        assert f"cannot read {path}: No such file" in message
        assert "backup" in message


def truncate(store: DeltaFeatureStore) -> Path:
    path = data_file(store)
    path.write_bytes(path.read_bytes()[:200])
    return path


def overwrite_a_page(store: DeltaFeatureStore) -> Path:
    path = data_file(store)
    content = bytearray(path.read_bytes())
    content[10:60] = b"\xff" * 50
    path.write_bytes(content)
    return path


def break_the_log(store: DeltaFeatureStore) -> Path:
    path = log_file(store)
    path.write_text("{not json")
    return path


@pytest.mark.parametrize("damage", [truncate, overwrite_a_page, break_the_log])
def test_a_damaged_file_is_named_with_the_advice_to_restore_it(
    store: DeltaFeatureStore, damage: Callable[[DeltaFeatureStore], Path]
) -> None:
    path = damage(store)
    for use in (lambda: store.read(T0, T0 + HOUR), lambda: store.upsert(versions())):
        message = message_of(use)
        assert f"{path} is not readable" in message
        assert "Restore it from a backup" in message
        assert "keep this one" in message
        assert len(message.splitlines()) == 1


def test_an_error_of_the_program_is_not_reported_as_damage(
    store: DeltaFeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deltalake import DeltaTable

    for error in (TypeError("an argument too many"), ValueError("an unknown filter")):

        def changed_library(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(DeltaTable, "to_pyarrow_table", changed_library)
        with pytest.raises(type(error), match=str(error)):
            store.read(T0, T0 + HOUR)
