"""Poetry builds and publishes the project, and adds it to another one from the private index."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from energy_assets_tests.packaging.commands import run
from energy_assets_tests.packaging.conftest import USER, Index, running_index
from energy_assets_tests.packaging.stubs import metadata_of, write_stubs

WRONG = "wrong"

Poetry = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Poetry itself, in an environment of its own."""
    found = shutil.which("poetry")
    if found:
        return Path(found)
    if os.environ.get("CI") != "true":
        pytest.skip("no poetry on the PATH: `pipx install poetry`")
    folder = tmp_path_factory.mktemp("poetry")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([folder / "bin" / "pip", "install", "-q", "poetry"], check=True)
    return folder / "bin" / "poetry"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, packages: list[Path]) -> Iterator[Index]:
    """An index with the wheel, stubs of all that it requires, and the build backend."""
    with running_index(tmp_path_factory.mktemp("index")) as index:
        folder = index.folder / "packages"
        shutil.copy(packages[0], folder)
        write_stubs(packages[0], folder)
        download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
        process = subprocess.run([*download, "setuptools"], capture_output=True, check=False)
        if process.returncode and os.environ.get("CI") != "true":
            pytest.skip("setuptools cannot be downloaded")
        yield index


@pytest.fixture
def poetry(program: Path, shelf: Index, tmp_path: Path) -> Poetry:
    """A command of Poetry that knows the index as `private`, and keeps everything in a folder."""

    def execute(folder: Path, *arguments: str, password: str | None = None) -> object:
        return run(
            *(program, "--no-interaction", *arguments),
            cwd=folder,
            HOME=str(tmp_path),
            POETRY_CACHE_DIR=str(tmp_path / "cache"),
            POETRY_VIRTUALENVS_IN_PROJECT="true",
            POETRY_KEYRING_ENABLED="false",
            POETRY_REPOSITORIES_PRIVATE_URL=shelf.url,
            POETRY_HTTP_BASIC_PRIVATE_USERNAME=USER,
            POETRY_HTTP_BASIC_PRIVATE_PASSWORD=password or shelf.password,
        )

    return execute


def add_source(poetry: Poetry, folder: Path, shelf: Index) -> None:
    process = poetry(
        folder, "source", "add", "--priority=primary", "private", f"{shelf.url}simple/"
    )
    assert process.returncode == 0, process.stdout + process.stderr


def test_poetry_builds_and_publishes_once(
    poetry: Poetry, checkout: Path, shelf: Index, packages: list[Path], tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    run("git", "clone", "-q", checkout, copy)
    settings = copy / "pyproject.toml"
    settings.write_text(re.sub(r'(?m)^version = ".*"', 'version = "99.0"', settings.read_text()))
    add_source(poetry, copy, shelf)

    built = poetry(copy, "build")
    assert built.returncode == 0, built.stdout + built.stderr
    wheel = copy / "dist" / "energy_assets-99.0-py3-none-any.whl"
    ours, theirs = metadata_of(packages[0]), metadata_of(wheel)
    assert theirs["Version"] == "99.0"
    for name in ("Name", "License-Expression", "Requires-Python", "Requires-Dist", "License-File"):
        assert theirs.get_all(name) == ours.get_all(name), name
    sdist = wheel.with_name("energy_assets-99.0.tar.gz")
    with tarfile.open(sdist) as archive:
        assert all(member.isreg() or member.isdir() for member in archive)

    refused = poetry(copy, "publish", "-r", "private", password=WRONG)
    assert refused.returncode != 0
    assert "403" in refused.stdout + refused.stderr
    published = poetry(copy, "publish", "-r", "private")
    assert published.returncode == 0, published.stdout + published.stderr
    for path in (wheel, sdist):
        kept = shelf.folder / "packages" / path.name
        assert kept.read_bytes() == path.read_bytes()
        kept.unlink()  # for the other tests


def test_poetry_adds_the_package_from_the_private_index_alone(
    poetry: Poetry, folder: Path, shelf: Index
) -> None:
    poetry(folder, "init", "--name", "consumer", "--python", ">=3.10,<4", "-q")
    add_source(poetry, folder, shelf)
    add = ("add", "energy-assets", "--source", "private")
    refused = poetry(folder, *add, password=WRONG)
    assert refused.returncode != 0
    assert not (folder / "poetry.lock").exists()

    added = poetry(folder, *add)
    assert added.returncode == 0, added.stdout + added.stderr
    assert (folder / ".venv" / "bin" / "energy-assets").is_file()
    lock = (folder / "poetry.lock").read_text()
    assert 'name = "energy-assets"' in lock
    assert shelf.password not in lock
