"""How versions are found in a model registry that has thousands."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from energy_assets.stores.model_registry import ModelVersion
from energy_assets_tests.stores.hopsworks.clients import models, register
from energy_assets_tests.stores.hopsworks.server import Project
from energy_assets_tests.stores.samples import HOUR, SOURCE_ID, T0

YEARS = 5_000
"""Hours of models in a store that has been in use for a while."""


def put(project: Project, hour: datetime, number: int, by_earlier_release: bool = False) -> None:
    """Add a version without files."""
    fields = {
        "owner": SOURCE_ID,
        "hour": f"{hour:%Y-%m-%dT%H}",
        "checksum": f"{number:064x}",
        "promoted": True,
        "tags": {},
    }
    metrics = {"mape": 0.06}
    if not by_earlier_release:
        fields |= {"registered": "2023-03-02T00", "sorted_since": "1970-01-01T00"}
        metrics["trained_hour"] = int((hour - datetime(1970, 1, 1)).total_seconds()) // 3600
    name = f"best_model_{number}"
    project.models[name] = {
        "name": "best_model",
        "version": number,
        "id": name,
        "modelRegistryId": project.id,
        "description": f"Trained somewhere. {json.dumps(fields)}",
        "metrics": metrics,
        "tags": [],
    }


@pytest.fixture
def years(hopsworks: Project) -> Project:
    """A project with the models of thousands of hours before T0."""
    for number in range(YEARS):
        put(hopsworks, T0 - (YEARS - number) * HOUR, number + 1)
    return hopsworks


def hours_of(found: list[ModelVersion]) -> list[int]:
    """The hours of models, counted from T0."""
    return [round((model.hour - T0) / HOUR) for model in found]


def test_an_hour_lists_few_versions_however_many_there_are(
    years: Project, files: Path, tmp_path: Path
) -> None:
    registry = models(years, tmp_path)
    version = register(registry, files)
    assert years.listed < 60
    years.requests.clear()
    model = next(registry.promoted(T0, not_before=T0 - 168 * HOUR))
    registry.download(model, tmp_path / "fresh")
    assert model.version == version
    assert years.count("GET", "/models") == 1


def test_a_whole_range_of_hours_is_listed_in_a_few_pages(years: Project, tmp_path: Path) -> None:
    found = list(models(years, tmp_path).promoted(T0, not_before=T0 - 168 * HOUR))
    assert hours_of(found) == list(range(-1, -169, -1))
    assert years.count("GET", "/models") < 6


@pytest.mark.parametrize("ago", [49, 50, 51, 2500, YEARS])
def test_an_hour_of_long_ago_is_found_by_a_few_requests(
    years: Project, tmp_path: Path, ago: int
) -> None:
    registry = models(years, tmp_path)
    origin = T0 - ago * HOUR
    assert hours_of([next(registry.promoted(origin, not_before=origin - HOUR))]) == [-ago]
    assert years.count("GET", "/models") < 20


def test_hours_before_the_first_have_no_models(years: Project, tmp_path: Path) -> None:
    assert not list(models(years, tmp_path).promoted(T0 - 2 * YEARS * HOUR))


@pytest.mark.parametrize("versions", [1, 30, 120])
def test_the_last_version_of_an_hour_counts_wherever_pages_end(
    hopsworks: Project, tmp_path: Path, versions: int
) -> None:
    """Hopsworks promises no order among the versions of an hour."""
    numbers = iter(range(1, 1000))
    for hour in range(3):
        for _ in range(versions):
            put(hopsworks, T0 + hour * HOUR, next(numbers))
    found = list(models(hopsworks, tmp_path).promoted(T0 + 2 * HOUR))
    assert hours_of(found) == [2, 1, 0]
    assert [model.number for model in found] == [3 * versions, 2 * versions, versions]


def test_versions_of_an_earlier_release_are_found_beside_later_ones(
    hopsworks: Project, files: Path, tmp_path: Path
) -> None:
    for number, hour in enumerate([0, 1, 3, 3], 1):
        put(hopsworks, T0 + hour * HOUR, number, by_earlier_release=True)
    registry = models(hopsworks, tmp_path, now=lambda: T0 + 4 * HOUR)
    assert hours_of(list(registry.promoted(T0 + 9 * HOUR))) == [3, 1, 0]
    for hour in (2, 3, 4):
        register(registry, files, T0 + hour * HOUR)
    found = list(registry.promoted(T0 + 9 * HOUR))
    assert hours_of(found) == [4, 3, 2, 1, 0]
    assert [model.number for model in found] == [7, 6, 5, 2, 1]
    assert hours_of(list(registry.promoted(T0 + 3 * HOUR, T0 + HOUR))) == [3, 2, 1]


def test_versions_of_an_earlier_release_are_not_listed_once_they_are_too_old(
    hopsworks: Project, files: Path, tmp_path: Path
) -> None:
    for number in range(300):
        put(hopsworks, T0 + number * HOUR, number + 1, by_earlier_release=True)
    registry = models(hopsworks, tmp_path, now=lambda: T0 + 300 * HOUR)
    for hour in (300, 301):
        register(registry, files, T0 + hour * HOUR)
    hopsworks.listed = 0
    assert len(list(registry.promoted(T0 + 302 * HOUR, T0 + 299 * HOUR))) == 3
    assert hopsworks.listed > 300
    hopsworks.listed = 0
    assert len(list(registry.promoted(T0 + 302 * HOUR, T0 + 301 * HOUR))) == 1
    assert hopsworks.listed <= 100


def test_old_versions_of_an_earlier_release_are_removed(
    hopsworks: Project, files: Path, tmp_path: Path
) -> None:
    for number in range(3):
        put(hopsworks, T0 + number * HOUR, number + 1, by_earlier_release=True)
    registry = models(hopsworks, tmp_path)
    register(registry, files, T0 + 9 * HOUR)
    assert registry.remove_old(T0 + 2 * HOUR, keep=[]) == 2
    assert hours_of(list(registry.promoted(T0 + 9 * HOUR))) == [9, 2]


def test_versions_of_the_last_day_are_not_removed(
    hopsworks: Project, files: Path, tmp_path: Path
) -> None:
    """A backfill trains for old hours too, and its forecasts may not be stored yet."""
    now = T0 + 1000 * HOUR
    registry = models(hopsworks, tmp_path, now=lambda: now)
    for hour in range(3):
        register(registry, files, T0 + hour * HOUR)
    assert registry.remove_old(T0 + 500 * HOUR, keep=[]) == 0
    now += 25 * HOUR
    assert registry.remove_old(T0 + 500 * HOUR, keep=[]) == 2
