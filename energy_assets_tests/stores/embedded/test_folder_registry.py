"""What only the embedded model registry does."""

from __future__ import annotations

import json
import logging
import os
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from energy_assets.errors import BrokenModelError, NotFoundError, StorageError
from energy_assets.stores.embedded.model_registry import FolderModelRegistry
from energy_assets.stores.model_registry import ModelVersion
from energy_assets_tests.stores.embedded.permissions import without_root
from energy_assets_tests.stores.samples import HOUR

T0 = datetime(2023, 3, 1, 10)


@pytest.fixture
def registry(tmp_path: Path) -> FolderModelRegistry:
    return FolderModelRegistry(tmp_path / "models")


def register(registry: FolderModelRegistry, tmp_path: Path, hour: datetime = T0) -> ModelVersion:
    files = tmp_path / "files"
    files.mkdir(exist_ok=True)
    (files / "model.txt").write_text("trees")
    return registry.register(files, hour, promoted=True, metrics={"mape": 0.06}, tags={})


def test_a_changed_file_is_detected_and_repaired_by_registering_again(
    registry: FolderModelRegistry, tmp_path: Path
) -> None:
    model = register(registry, tmp_path)
    (registry.versions / model.version / "model.txt").write_text("tampered with")
    with pytest.raises(BrokenModelError, match="materialise model for 2023-03-01-10:00 again"):
        registry.download(model, tmp_path / "fresh")
    register(registry, tmp_path)
    registry.download(model, tmp_path / "fresh")
    (damaged,) = registry.damaged.iterdir()
    assert (damaged / "model.txt").read_text() == "tampered with"


def test_a_file_that_cannot_be_read_is_named(registry: FolderModelRegistry, tmp_path: Path) -> None:
    model = register(registry, tmp_path)
    path = registry.versions / model.version / "model.txt"
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError, match=f"cannot read {path}"):
        registry.download(model, tmp_path / "fresh")


def test_a_version_that_is_gone_is_named(registry: FolderModelRegistry, tmp_path: Path) -> None:
    model = register(registry, tmp_path)
    shutil.rmtree(registry.versions / model.version)
    with pytest.raises(NotFoundError, match=model.version):
        registry.download(model, tmp_path / "fresh")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", json.dumps({"hour": "yesterday"})])
def test_an_hour_whose_record_cannot_be_parsed_is_skipped_with_a_warning(
    registry: FolderModelRegistry, tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = register(registry, tmp_path)
    record = registry.hours / "2023-03-01T09.json"
    record.write_text(content)
    with caplog.at_level(logging.WARNING):
        assert list(registry.promoted(T0)) == [model]
    assert str(record) in caplog.text


def test_a_record_that_cannot_be_parsed_is_set_aside_when_its_hour_is_trained_again(
    registry: FolderModelRegistry, tmp_path: Path
) -> None:
    register(registry, tmp_path)
    (registry.hours / "2023-03-01T10.json").write_text("{")
    model = register(registry, tmp_path)
    assert list(registry.promoted(T0)) == [model]
    (damaged,) = registry.damaged.iterdir()
    assert damaged.read_text() == "{"


def test_the_record_of_an_hour_keeps_what_was_trained_for_it_before(
    registry: FolderModelRegistry, tmp_path: Path
) -> None:
    first = register(registry, tmp_path)
    (tmp_path / "files" / "other.txt").write_text("more trees")
    second = register(registry, tmp_path)
    record = json.loads((registry.hours / "2023-03-01T10.json").read_text())
    assert record["version"] == second.version
    assert [earlier["version"] for earlier in record["earlier"]] == [first.version]
    assert record["earlier"][0]["metrics"] == {"mape": 0.06}


def test_the_last_day_and_nothing_older_survives_a_removal_of_everything(
    registry: FolderModelRegistry, tmp_path: Path
) -> None:
    """Young versions may be in use; what a killed process has left is removed once it is old."""
    model = register(registry, tmp_path)
    register(registry, tmp_path, T0 + HOUR)
    leftover = registry.versions / ".unfinished"
    leftover.mkdir()
    assert registry.remove_old(datetime.max, keep=[]) == 0
    assert leftover.is_dir()
    for path in (leftover, registry.versions / model.version):
        os.utime(path, times=(0, 0))
    assert registry.remove_old(datetime.max, keep=[]) == 1
    assert not leftover.is_dir()


def test_old_files_that_are_registered_again_are_young(
    registry: FolderModelRegistry, tmp_path: Path
) -> None:
    model = register(registry, tmp_path)
    os.utime(registry.versions / model.version, times=(0, 0))
    (tmp_path / "files" / "other.txt").write_text("more trees")
    register(registry, tmp_path)
    (tmp_path / "files" / "other.txt").unlink()
    assert register(registry, tmp_path) == model
    register(registry, tmp_path, T0 + HOUR)
    assert registry.remove_old(datetime.max, keep=[]) == 0
    registry.download(model, tmp_path / "fresh")


def test_the_newest_model_is_found_without_listing_the_hours(
    public_folder: Path, tmp_path: Path
) -> None:
    registry = FolderModelRegistry(public_folder)
    model = register(registry, tmp_path)
    registry.hours.chmod(0o711)  # files can be opened, but not listed
    with without_root():
        found = registry.promoted(T0 + 5 * HOUR, not_before=T0 - HOUR)
        assert list(found) == [model]
        with pytest.raises(StorageError, match="cannot read"):
            list(registry.promoted(T0))


@pytest.mark.parametrize("folder", ["", "best_model", "best_model/versions", "best_model/hours"])
def test_a_folder_that_cannot_be_written_to_names_the_setting(
    public_folder: Path, folder: str
) -> None:
    registry = FolderModelRegistry(public_folder)
    files = public_folder / "files"
    files.mkdir()
    (files / "model.txt").write_text("trees")
    for path in (registry.versions, registry.hours):
        path.mkdir(parents=True)
        path.chmod(0o777)
    registry.folder.chmod(0o777)
    (public_folder / folder).chmod(0o555)
    if not folder:
        shutil.rmtree(registry.folder)
    with without_root(), pytest.raises(StorageError, match="STORAGE_ROOT"):
        registry.register(files, T0, promoted=True, metrics={}, tags={})


def test_a_copy_that_is_interrupted_never_becomes_visible(
    registry: FolderModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(source: Path, target: Path) -> None:
        target.mkdir(parents=True)
        (target / "model.txt").write_text("tre")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", interrupted)
    with pytest.raises(StorageError, match=r"No space left on device.*STORAGE_ROOT"):
        register(registry, tmp_path)
    assert not list(registry.promoted(T0))
    assert not list(registry.versions.iterdir())
