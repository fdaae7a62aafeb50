"""Leftovers of killed writers are removed once they are old, and nothing else is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from energy_assets.stores.leftovers import remove_leftovers

UNFINISHED = "5936c3bde43d4e838db5c2ae1b4b5ab2"
OLD, NOW = 1_000.0, 100_000.0
LEFTOVERS = [
    f"objects/predictions_parquet/2023-03-13/.21.parquet.{UNFINISHED}",
    f"models/best_model/hours/.2023-03-13T21.json.{UNFINISHED}",
    f"models/best_model/versions/.2023-03-13T21-0a612648.{UNFINISHED}/forecaster.json",
    "feature_store/table_1/_delta_log/_commit_ddbb7cd3-620a-4405-a3ae-f8b7c6c73aa5.json.tmp",
]
FINISHED = [
    "objects/predictions_parquet/2023-03-13/21.parquet",
    "objects/.predictions.parquet.lock",
    "models/best_model/versions/2023-03-13T21-0a612648/forecaster.json",
    "feature_store/table_1/_delta_log/00000000000000000000.json",
    "feature_store/table_1/part-00000-ddbb7cd3-620a-4405-a3ae-f8b7c6c73aa5-c000.snappy.parquet",
]


def put(root: Path, names: list[str], changed: float) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (changed, changed))
        os.utime(path.parent, (changed, changed))


def stored(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_only_unfinished_files_and_folders_are_removed(tmp_path: Path) -> None:
    put(tmp_path, LEFTOVERS + FINISHED, OLD)
    assert remove_leftovers(tmp_path, NOW) == len(LEFTOVERS)
    assert stored(tmp_path) == set(FINISHED)
    assert len(list(tmp_path.glob("models/best_model/versions/.*"))) == 0


@pytest.mark.parametrize("name", LEFTOVERS)
def test_what_a_writer_may_still_be_writing_stays(tmp_path: Path, name: str) -> None:
    put(tmp_path, [name], NOW)
    os.utime((tmp_path / name).parent, (OLD, OLD))  # a file in it is younger than the folder
    assert remove_leftovers(tmp_path, NOW) == 0
    assert stored(tmp_path) == {name}


def test_there_is_nothing_to_do_before_anything_is_stored(tmp_path: Path) -> None:
    assert remove_leftovers(tmp_path / "storage", NOW) == 0
