"""A commit of the files as they are, its packages, an index, and environments to install into."""

from __future__ import annotations

import netrc
import os
import re
import site
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from energy_assets.settings import PROJECT_ROOT
from energy_assets_tests.packaging.commands import run
from scripts.build import build

HOST, USER = "127.0.0.1", "energy-assets"


@dataclass(frozen=True)
class Index:
    """A private index that runs."""

    folder: Path
    port: int
    printed: str
    """What it has said at its start."""

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/"

    @property
    def password(self) -> str:
        known = netrc.netrc(self.folder / "netrc").hosts[HOST]
        return known[2]


@contextmanager
def running_index(folder: Path, fallback: str = "") -> Iterator[Index]:
    """`make index` on a free port."""
    command = [sys.executable, "-m", "scripts.index", "--folder", str(folder), "--port", "0"]
    with subprocess.Popen(
        [*command, "--fallback", fallback],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            printed = "".join(process.stdout.readline() for _ in range(3))
            port = re.search(r":(\d+)/simple/", printed)
            assert port, printed
            yield Index(folder, int(port[1]), printed)
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A commit of the project's files as they are now, committed or not."""
    folder = tmp_path_factory.mktemp("checkout")
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed.returncode:
        pytest.skip(f"packages are made from a commit, and this is none: {listed.stderr.strip()}")
    for name in listed.stdout.rstrip("\0").split("\0"):
        source, copy = PROJECT_ROOT / name, folder / name
        if not source.exists() or (source.is_symlink() and source.is_dir()):
            continue  # removed, or an environment elsewhere
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            copy.symlink_to(source.readlink())
        else:
            copy.write_bytes(source.read_bytes())
    run("git", "init", "-q", cwd=folder)
    run("git", "add", "--all", cwd=folder)
    author = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
    committed = run("git", *author, "commit", "-qm", "As it is", cwd=folder)
    assert committed.returncode == 0, committed.stderr
    return folder


@pytest.fixture(scope="session")
def packages(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The wheel and the sdist."""
    return build(checkout, tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory, packages: list[Path]) -> Iterator[Index]:
    """An index to which the packages have been published."""
    with running_index(tmp_path_factory.mktemp("index")) as index:
        for path in packages:
            (index.folder / "packages" / path.name).write_bytes(path.read_bytes())
        yield index


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the libraries that the project needs, and without the project."""
    return new_environment(tmp_path_factory.mktemp("environment"))


def new_environment(folder: Path) -> Path:
    """Make an environment that finds this one's libraries, but not its link to the checkout."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (libraries,) = folder.glob("lib/python*/site-packages")
    found = [*site.getsitepackages(), *(path for path in sys.path if path.endswith("-packages"))]
    (libraries / "libraries.pth").write_text("\n".join(dict.fromkeys(found)))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder, to be a project."""
    path = tmp_path / "project"
    path.mkdir()
    return path


@pytest.fixture(autouse=True, scope="session")
def _tools() -> None:
    for name in ("build", "passlib", "pypiserver", "twine"):
        if find_spec(name) is None and os.environ.get("CI") != "true":
            pytest.skip(f"no {name}: install energy-assets[release]")
