"""What only the embedded model registry does."""

from __future__ import annotations

import json
import logging
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from energy_assets.errors import BrokenModelError, NotFoundError, StorageError
from energy_assets.stores.embedded.model_registry import FolderModelRegistry
from energy_assets.stores.model_registry import ModelVersion

T0 = datetime(2023, 3, 1, 10)


@pytest.fixture
def registry(tmp_path: Path) -> FolderModelRegistry:
    return FolderModelRegistry(tmp_path / "models")


def register(registry: FolderModelRegistry, tmp_path: Path) -> ModelVersion:
    files = tmp_path / "files"
    files.mkdir(exist_ok=True)
    (files / "model.txt").write_text("trees")
    return registry.register(files, T0, promoted=True, metrics={"mape": 0.06}, tags={})


def test_a_changed_file_is_detected_and_repaired_by_registering_again(
    registry: FolderModelRegistry, tmp_path: Path
) -> None:
    model = register(registry, tmp_path)
    (registry.versions / model.version / "model.txt").write_text("tampered with")
    with pytest.raises(BrokenModelError, match="materialise model for 2023-03-01-10:00 again"):
        registry.download(model, tmp_path / "fresh")
    register(registry, tmp_path)
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
