"""What only the model registry in Hopsworks does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from energy_assets.errors import BrokenModelError, NotFoundError
from energy_assets_tests.stores.hopsworks.clients import models, register
from energy_assets_tests.stores.hopsworks.server import Project
from energy_assets_tests.stores.samples import HOUR, T0


def test_an_interrupted_upload_is_repeated_and_never_visible_in_part(
    hopsworks: Project, files: Path, tmp_path: Path
) -> None:
    registry = models(hopsworks, tmp_path)
    visible: list[Any] = []
    hopsworks.fail(
        "POST", "/upload/", drop=True, then=lambda: visible.append(dict(hopsworks.models))
    )
    version = register(registry, files)
    (model,) = registry.promoted(T0)
    registry.download(model, tmp_path / "fresh")
    assert model.version == version
    assert visible == [{}]
    assert len(hopsworks.models) == 1


def test_files_left_over_from_a_crash_do_not_prevent_a_registration(
    hopsworks: Project, files: Path, tmp_path: Path
) -> None:
    unfinished = hopsworks.path_of("Models/best_model/1/Files")
    unfinished.mkdir(parents=True)
    (unfinished / "model.txt").write_text("tre")
    registry = models(hopsworks, tmp_path)
    assert not list(registry.promoted(T0))
    version = register(registry, files)
    assert [model.version for model in registry.promoted(T0)] == [version]
    assert "best_model_1" not in hopsworks.models


def test_files_left_over_from_a_crash_are_removed_once_later_versions_are_old(
    hopsworks: Project, files: Path, tmp_path: Path
) -> None:
    now = T0
    registry = models(hopsworks, tmp_path, now=lambda: now)
    register(models(hopsworks, tmp_path, source_id="file-other"), files)
    for number in (2, 5):
        hopsworks.path_of(f"Models/best_model/{number}/Files").mkdir(parents=True)
    register(registry, files)
    folders = {"1", "2", "5", *(str(model["version"]) for model in hopsworks.models.values())}
    registry.remove_old(T0, keep=[])
    assert set(os.listdir(hopsworks.path_of("Models/best_model"))) == folders
    now += 25 * HOUR
    registry.remove_old(T0, keep=[])
    last = max(model["version"] for model in hopsworks.models.values())
    abandoned = {number for number in ("2", "5") if int(number) < last}
    assert "2" in abandoned
    assert set(os.listdir(hopsworks.path_of("Models/best_model"))) == folders - abandoned


def test_a_version_that_cannot_be_removed_does_not_stop_the_others_from_being_removed(
    hopsworks: Project, files: Path, tmp_path: Path
) -> None:
    registry = models(hopsworks, tmp_path, retention_hours=0)
    for number in range(4):
        register(registry, files, T0 + number * HOUR)
    hopsworks.fail("DELETE", "/models/best_model_2$", status=400)
    assert registry.remove_old(T0 + 3 * HOUR, keep=[]) == 2
    assert sorted(hopsworks.models) == ["best_model_2", "best_model_4"]


def test_models_of_two_sources_do_not_mix(hopsworks: Project, files: Path, tmp_path: Path) -> None:
    registry = models(hopsworks, tmp_path)
    other = models(hopsworks, tmp_path, source_id="file-other")
    register(registry, files)
    assert not list(other.promoted(T0))
    register(other, files)
    assert len(list(registry.promoted(T0))) == len(list(other.promoted(T0))) == 1


@pytest.mark.parametrize("description", ["my own {test}", "mine {}", '{"owner": [1]}', "{[1]"])
def test_a_version_that_somebody_else_registered_is_skipped(
    hopsworks: Project, files: Path, tmp_path: Path, description: str
) -> None:
    registry = models(hopsworks, tmp_path)
    version = register(registry, files)
    foreign = {**hopsworks.models["best_model_1"], "description": description, "version": 7}
    hopsworks.models["best_model_7"] = foreign
    assert [model.version for model in registry.promoted(T0)] == [version]


def test_a_version_carries_a_tag_if_an_administrator_has_defined_it(
    hopsworks: Project, files: Path, tmp_path: Path
) -> None:
    registry = models(hopsworks, tmp_path)
    register(registry, files, T0)
    hopsworks.tag_schemas.append("energy_assets")
    register(registry, files, T0 + HOUR)
    hopsworks.fail("PUT", "/tags/", status=400)
    register(registry, files, T0 + 2 * HOUR)
    tags = [model["tags"] for model in hopsworks.models.values()]
    assert (tags[0], tags[2]) == ([], [])
    assert tags[1][0]["value"]["hour"] == "2023-03-01T01"


def test_a_changed_file_is_detected_and_repaired_by_registering_again(
    hopsworks: Project, files: Path, tmp_path: Path
) -> None:
    registry = models(hopsworks, tmp_path)
    register(registry, files)
    (model,) = registry.promoted(T0)
    hopsworks.path_of("Models/best_model/1/Files/model.txt").write_text("tampered with")
    with pytest.raises(BrokenModelError, match="materialise model for 2023-03-01-00:00 again"):
        registry.download(model, tmp_path / "fresh")
    register(registry, files)
    registry.download(model, tmp_path / "fresh")


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("lost", ["files", "version"])
def test_a_version_that_is_gone_is_named_and_can_be_registered_again(
    hopsworks: Project, files: Path, tmp_path: Path, lost: str, status: int
) -> None:
    hopsworks.status_of_missing = status
    registry = models(hopsworks, tmp_path)
    register(registry, files)
    (model,) = registry.promoted(T0)
    hopsworks.remove("Models/best_model/1")
    if lost == "version":
        hopsworks.models.clear()
    with pytest.raises(NotFoundError, match=model.version):
        registry.download(model, tmp_path / "fresh")
    register(registry, files)
    registry.download(model, tmp_path / "fresh")
