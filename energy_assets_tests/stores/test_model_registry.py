"""What every model registry does."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from energy_assets.errors import BrokenModelError, NotFoundError, StorageError
from energy_assets.settings import read_settings
from energy_assets.stores.embedded.model_registry import FolderModelRegistry
from energy_assets.stores.hopsworks.connection import HopsworksConnection
from energy_assets.stores.hopsworks.model_registry import HopsworksModelRegistry
from energy_assets.stores.model_registry import ModelRegistry, ModelVersion

T0 = datetime(2023, 3, 1, 10)
HOUR = timedelta(hours=1)


@pytest.fixture(params=["embedded", "hopsworks"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> ModelRegistry:
    if request.param == "embedded":
        return FolderModelRegistry(tmp_path / "models")
    project = request.getfixturevalue("hopsworks")
    settings = read_settings(_env_file=None, storage_root=tmp_path, **project.settings())
    return HopsworksModelRegistry(HopsworksConnection(settings), "simulator-made-up")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "model.txt").write_text("trees")
    (folder / "model.json").write_text("{}")
    return folder


def register(
    registry: ModelRegistry, files: Path, hour: datetime = T0, promoted: bool = True
) -> ModelVersion:
    return registry.register(
        files,
        hour,
        promoted=promoted,
        metrics={"mape": 0.06, "mape_seasonal_naive_24": 0.1 + 0.2},
        tags={"gate": "promoted"},
    )


def test_a_registered_model_comes_back_with_its_files_metrics_and_tags(
    registry: ModelRegistry, files: Path, tmp_path: Path
) -> None:
    made = register(registry, files)
    (found,) = registry.promoted(T0)
    registry.download(found, tmp_path / "fresh")
    assert found == made
    assert found.metrics == {"mape": 0.06, "mape_seasonal_naive_24": 0.1 + 0.2}
    assert found.tags == {"gate": "promoted"}
    assert {path.name for path in (tmp_path / "fresh").iterdir()} == {"model.txt", "model.json"}


def test_models_are_found_newest_first_and_none_is_later_than_the_hour(
    registry: ModelRegistry, files: Path
) -> None:
    for number in (2, 0, 3, 1):
        register(registry, files, T0 + number * HOUR)
    hours = [model.hour for model in registry.promoted(at_or_before=T0 + 2 * HOUR)]
    assert hours == [T0 + 2 * HOUR, T0 + HOUR, T0]
    assert not list(registry.promoted(at_or_before=T0 - HOUR))


def test_a_model_that_is_not_promoted_is_not_found(registry: ModelRegistry, files: Path) -> None:
    register(registry, files, T0)
    register(registry, files, T0 + HOUR, promoted=False)
    assert [model.hour for model in registry.promoted(T0 + HOUR)] == [T0]


def test_the_same_files_for_the_same_hour_are_the_same_version(
    registry: ModelRegistry, files: Path
) -> None:
    first, again = register(registry, files), register(registry, files)
    other_hour = register(registry, files, T0 + HOUR)
    assert first.version == again.version
    assert first.version != other_hour.version
    assert len(list(registry.promoted(T0))) == 1


def test_the_same_files_keep_the_tags_of_the_training_that_gave_them_first(
    registry: ModelRegistry, files: Path
) -> None:
    given = {"promoted": True, "metrics": {"mape": 0.06}}
    first = registry.register(files, T0, **given, tags={"training_dataset_version": "1"})
    again = registry.register(files, T0, **given, tags={"training_dataset_version": "2"})
    assert again == first
    assert list(registry.promoted(T0)) == [first]


def test_training_an_hour_again_with_another_result_replaces_its_model(
    registry: ModelRegistry, files: Path, tmp_path: Path
) -> None:
    old = register(registry, files)
    (files / "model.txt").write_text("other trees")
    new = register(registry, files)
    assert [model.version for model in registry.promoted(T0)] == [new.version]
    registry.download(old, tmp_path / "old")
    assert (tmp_path / "old" / "model.txt").read_text() == "trees"


def test_the_last_training_of_an_hour_counts_also_where_its_files_were_there_before(
    registry: ModelRegistry, files: Path, tmp_path: Path
) -> None:
    first = register(registry, files)
    (files / "model.txt").write_text("other trees")
    register(registry, files)
    (files / "model.txt").write_text("trees")
    assert register(registry, files) == first
    assert list(registry.promoted(T0)) == [first]
    register(registry, files, promoted=False)
    assert not list(registry.promoted(T0))


def test_two_that_register_at_once_lose_nothing(
    registry: ModelRegistry, files: Path, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(2) as pool:
        hours = [T0 + number * HOUR for number in range(4)]
        made = list(pool.map(lambda hour: register(registry, files, hour), hours))
    assert list(registry.promoted(hours[-1])) == made[::-1]
    for model in made:
        registry.download(model, tmp_path / model.version)


def test_a_changed_file_is_noticed(tmp_path: Path, files: Path) -> None:
    registry = FolderModelRegistry(tmp_path / "models")
    model = register(registry, files)
    (registry.versions / model.version / "model.txt").write_text("tampered with")
    with pytest.raises(BrokenModelError, match="materialise model for 2023-03-01-10:00 again"):
        registry.download(model, tmp_path / "fresh")
    repaired = register(registry, files)
    registry.download(repaired, tmp_path / "fresh")


def test_a_version_that_is_gone_is_named(tmp_path: Path, files: Path) -> None:
    registry = FolderModelRegistry(tmp_path / "models")
    model = register(registry, files)
    shutil.rmtree(registry.versions / model.version)
    with pytest.raises(NotFoundError, match=model.version):
        registry.download(model, tmp_path / "fresh")


def test_a_version_that_breaks_off_while_it_is_copied_is_never_visible(
    tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = FolderModelRegistry(tmp_path / "models")

    def breaks_off(source: Path, target: Path) -> None:
        target.mkdir(parents=True)
        (target / "model.txt").write_text("tre")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", breaks_off)
    with pytest.raises(StorageError, match="STORAGE_ROOT"):
        register(registry, files)
    assert not list(registry.promoted(T0))
    assert not list(registry.versions.iterdir())
