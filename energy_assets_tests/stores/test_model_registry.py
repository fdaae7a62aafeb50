"""What every model registry does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from energy_assets.errors import NotFoundError
from energy_assets.stores.embedded.model_registry import FolderModelRegistry
from energy_assets.stores.model_registry import ModelRegistry, ModelVersion
from energy_assets_tests.stores.hopsworks.clients import models
from energy_assets_tests.stores.samples import HOUR

T0 = datetime(2023, 3, 1, 10)


@pytest.fixture(params=["embedded", "hopsworks"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> ModelRegistry:
    if request.param == "embedded":
        return FolderModelRegistry(tmp_path / "models", retention_hours=0)
    return models(request.getfixturevalue("hopsworks"), tmp_path, retention_hours=0)


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
    registered = register(registry, files)
    (model,) = registry.promoted(T0)
    registry.download(model, tmp_path / "fresh")
    assert model == registered
    assert model.metrics == {"mape": 0.06, "mape_seasonal_naive_24": 0.1 + 0.2}
    assert model.tags == {"gate": "promoted"}
    assert {path.name for path in (tmp_path / "fresh").iterdir()} == {"model.txt", "model.json"}


def test_models_come_newest_first_and_none_is_later_than_the_hour(
    registry: ModelRegistry, files: Path
) -> None:
    for number in (2, 0, 3, 1):
        register(registry, files, T0 + number * HOUR)
    hours = [model.hour for model in registry.promoted(at_or_before=T0 + 2 * HOUR)]
    assert hours == [T0 + 2 * HOUR, T0 + HOUR, T0]
    assert not list(registry.promoted(at_or_before=T0 - HOUR))


def test_models_of_hours_before_a_range_are_left_out(registry: ModelRegistry, files: Path) -> None:
    for number in range(5):
        register(registry, files, T0 + number * HOUR)
    models = registry.promoted(T0 + 3 * HOUR, not_before=T0 + HOUR)
    assert [model.hour for model in models] == [T0 + number * HOUR for number in (3, 2, 1)]


def test_a_model_that_is_not_promoted_is_left_out(registry: ModelRegistry, files: Path) -> None:
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


def test_the_same_files_keep_the_tags_of_their_first_registration(
    registry: ModelRegistry, files: Path
) -> None:
    model = {"promoted": True, "metrics": {"mape": 0.06}}
    first = registry.register(files, T0, **model, tags={"training_dataset_version": "1"})
    again = registry.register(files, T0, **model, tags={"training_dataset_version": "2"})
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


def test_the_last_training_of_an_hour_counts_even_if_its_files_are_already_registered(
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


def test_two_registrations_at_the_same_time_lose_no_model(
    registry: ModelRegistry, files: Path, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(2) as pool:
        hours = [T0 + number * HOUR for number in range(4)]
        registered = list(pool.map(lambda hour: register(registry, files, hour), hours))
    assert list(registry.promoted(hours[-1])) == registered[::-1]
    for model in registered:
        registry.download(model, tmp_path / model.version)


def test_old_versions_are_removed_except_those_to_keep(
    registry: ModelRegistry, files: Path, tmp_path: Path
) -> None:
    versions = [register(registry, files, T0 + number * HOUR) for number in range(4)]
    removed = registry.remove_old(T0 + 2 * HOUR, keep=[versions[0].version])
    assert removed == 1
    assert list(registry.promoted(T0 + 9 * HOUR)) == [versions[3], versions[2], versions[0]]
    registry.download(versions[0], tmp_path / "kept")
    with pytest.raises(NotFoundError, match=versions[1].version):
        registry.download(versions[1], tmp_path / "removed")
    assert registry.remove_old(T0 + 2 * HOUR, keep=[versions[0].version]) == 0


def test_the_newest_promoted_version_is_never_removed(
    registry: ModelRegistry, files: Path, tmp_path: Path
) -> None:
    for number, promoted in enumerate([True, True, False]):
        register(registry, files, T0 + number * HOUR, promoted)
    assert registry.remove_old(T0 + 99 * HOUR, keep=[]) == 2
    (newest,) = registry.promoted(T0 + 99 * HOUR)
    assert newest.hour == T0 + HOUR
    registry.download(newest, tmp_path / "fresh")


def test_every_version_of_an_old_hour_is_removed(registry: ModelRegistry, files: Path) -> None:
    register(registry, files)
    (files / "model.txt").write_text("other trees")
    register(registry, files)
    newest = register(registry, files, T0 + HOUR)
    assert registry.remove_old(T0 + HOUR, keep=[]) == 2
    assert list(registry.promoted(T0 + HOUR)) == [newest]


def test_an_earlier_version_of_an_hour_that_is_to_be_kept_can_still_be_downloaded(
    registry: ModelRegistry, files: Path, tmp_path: Path
) -> None:
    first = register(registry, files)
    (files / "model.txt").write_text("other trees")
    register(registry, files)
    register(registry, files, T0 + HOUR)
    registry.remove_old(T0 + HOUR, keep=[first.version])
    registry.download(first, tmp_path / "first")
    assert (tmp_path / "first" / "model.txt").read_text() == "trees"


@pytest.mark.parametrize("promoted", [True, False])
def test_a_removal_never_makes_a_version_the_model_of_its_hour_that_was_replaced(
    registry: ModelRegistry, files: Path, promoted: bool
) -> None:
    first = register(registry, files)
    (files / "model.txt").write_text("other trees")
    register(registry, files, promoted=promoted)
    register(registry, files, T0 + HOUR)
    listed = list(registry.promoted(T0 + HOUR))
    assert registry.remove_old(T0 + HOUR, keep=[first.version]) == 0
    assert list(registry.promoted(T0 + HOUR)) == listed
