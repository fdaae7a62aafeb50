"""Runs the programs of the course, unchanged, each with the packages that its lock file names."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

FOLDER = "ENERGY_ASSETS_TEST_COURSE"
"""The environment variable that names a copy of the repository iusztinpaul/energy-forecasting."""


def course_folder(name: str) -> Path:
    """The folder of one of the course's programs; skips the test if there is no copy of it."""
    folder = os.environ.get(FOLDER)
    if not folder:
        pytest.skip(f"set {FOLDER} to a copy of github.com/iusztinpaul/energy-forecasting")
    if not (program := Path(folder) / name).is_dir():
        pytest.skip(f"{FOLDER} is {folder}, which has no folder {name}")
    return program


def python_for(program: Path) -> Path:
    """The Python of the program's own environment, which is made once and kept.

    Skips the test if its packages cannot be had here.
    """
    tomllib = pytest.importorskip("tomllib")
    lock = (program / "poetry.lock").read_text()
    digest = hashlib.sha256((lock + sys.version).encode()).hexdigest()[:16]
    folder = Path.home() / ".cache/energy-assets/course" / f"{program.name}-{digest}"
    python, complete = folder / "bin/python", folder / "complete"
    if not complete.exists():
        project = tomllib.loads((program / "pyproject.toml").read_text())
        needs = [name for name in project["tool"]["poetry"]["dependencies"] if name != "python"]
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        versions = folder / "versions.txt"
        versions.write_text(
            "".join(
                f"{package['name']}=={package['version']}\n"
                for package in tomllib.loads(lock)["package"]
            )
        )
        # A package without a wheel for this Python takes long to build, or cannot be built at all.
        # `validators` has none for any, and is built in no time.
        wheels = ["--only-binary=:all:", "--no-binary=validators"]
        command = [str(python), "-m", "pip", "install", "-q", *wheels, "-c", str(versions), *needs]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
            pytest.skip(f"the packages of {program.name} cannot be had here: {errors[:1]}")
        complete.touch()
    return python


def free_port() -> int:
    """A port that nothing uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    program: Path, arguments: list[str], url: str, log: Path, environment: Mapping[str, str]
) -> Iterator[None]:
    """The program as a process, from when it answers at `url`."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONPATH" and not name.lower().endswith("_proxy")
    }
    with log.open("w") as output:
        process = subprocess.Popen(
            [str(python_for(program)), "-B", *arguments],
            cwd=program,
            env={**inherited, "HOME": str(log.parent), **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(url, process, log)
            yield
        finally:
            process.terminate()
            process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > end:
            pytest.fail(f"{url} does not answer:\n{log.read_text()}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        requests.get(url, timeout=10)
    except requests.ConnectionError:
        return False
    return True
