"""The wheel and the sdist: what they hold, and that one commit always gives the same bytes."""

from __future__ import annotations

import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from energy_assets_tests.packaging.commands import run
from scripts.build import build

NOT_PACKAGED = {".ci/run"}
"""Files of a commit that building and testing do not need."""


def committed(checkout: Path) -> set[str]:
    return set(run("git", "ls-files", cwd=checkout).stdout.splitlines())


def test_the_wheel_holds_the_package_with_its_data_and_licences_and_nothing_else(
    packages: list[Path], checkout: Path
) -> None:
    with zipfile.ZipFile(packages[0]) as wheel:
        names = set(wheel.namelist())
        assert not any(info.external_attr >> 16 & 0o120000 == 0o120000 for info in wheel.infolist())
        metadata = {name for name in names if ".dist-info/" in name}
        licences = {name.partition("/licenses/")[2] for name in metadata if "/licenses/" in name}
        template = wheel.read("energy_assets/commands/templates/dagster.yaml")
    assert names - metadata == {
        name for name in committed(checkout) if name.startswith("energy_assets/")
    }
    assert licences == {"LICENSE", "energy_assets/serving/page/vendor/uPlot.LICENSE"}
    assert template == (checkout / "dagster_home" / "dagster.yaml").read_bytes()


def test_the_sdist_holds_what_building_and_testing_need(
    packages: list[Path], checkout: Path
) -> None:
    with tarfile.open(packages[1]) as sdist:
        assert not [member.name for member in sdist if not (member.isreg() or member.isdir())]
        names = {member.name.partition("/")[2] for member in sdist if member.isreg()}
    made = {name for name in names if name.startswith("energy_assets.egg-info/")} | {"PKG-INFO"}
    assert names - made == committed(checkout) - NOT_PACKAGED


def test_one_commit_gives_the_same_bytes_in_another_folder_at_another_time(
    packages: list[Path], checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    before = os.umask(0o077)
    try:
        copy = tmp_path / "a longer name"
        run("git", "clone", "-q", checkout, copy)
        (copy / "energy_assets" / "unfinished.py").write_text("# not committed")
        again = build(copy, tmp_path / "packages")
    finally:
        os.umask(before)
    for first, second in zip(packages, again, strict=True):
        assert first.name == second.name
        assert first.read_bytes() == second.read_bytes(), first.name


def test_the_sdist_builds_the_same_packages(packages: list[Path], tmp_path: Path) -> None:
    with tarfile.open(packages[1]) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    again = build(source, tmp_path / "packages")
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in packages]


def test_changes_that_are_not_committed_are_not_packaged(checkout: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    run("git", "clone", "-q", checkout, copy)
    (copy / "README.md").write_text("changed")
    with pytest.raises(SystemExit, match=r"README\.md"):
        build(copy, tmp_path / "packages")
