"""A command whose DAGSTER_HOME cannot be written says so in one line."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from energy_assets.commands import dagster_home
from energy_assets.errors import StorageError
from energy_assets.settings import PROJECT_ROOT
from energy_assets_tests.stores.embedded.permissions import without_root

if os.name != "posix":
    pytest.skip("limits and permissions are POSIX's", allow_module_level=True)

PROGRAM = """
import resource, sys
from energy_assets.commands.cli import main
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(main(sys.argv[2:]))
"""


def energy_assets(folder: Path, limit: int, *arguments: str) -> tuple[int, str]:
    """A command that can write `limit` bytes to each file, as on a disk that is full by then."""
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(limit), *arguments],
        cwd=PROJECT_ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(PROJECT_ROOT),
            "STORAGE_ROOT": str(folder / "storage"),
            "DAGSTER_HOME": str(folder / "home"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return process.returncode, process.stdout + process.stderr


@pytest.mark.parametrize(
    ("command", "limit"), [("run", 50_000), ("run", 170_000), ("check-settings", 50_000)]
)
def test_a_full_disk_is_one_clear_line_at_the_start_and_later(
    tmp_path: Path, command: str, limit: int
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    status, printed = energy_assets(tmp_path, limit, command)
    assert status == 1, printed
    assert "Traceback" not in printed
    assert f"DAGSTER_HOME={home} (d" in printed  # database or disk is full, disk I/O error
    assert "make space" in printed


def test_a_home_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    status, printed = energy_assets(tmp_path, 10**9, "run")
    assert status == 1
    assert "Traceback" not in printed
    assert "DAGSTER_HOME" in printed


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # Dagster imports its storage on first use, when another user may not read root's Python.
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    dagster_home.check()
    # Not below tmp_path, which others than its owner cannot enter.
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)
        monkeypatch.setenv("DAGSTER_HOME", folder)
        yield home


def test_a_new_home_that_is_read_only_is_an_error_that_names_it(home: Path) -> None:
    home.chmod(0o555)
    with (
        without_root(),
        pytest.raises(StorageError, match=rf"DAGSTER_HOME={home} \(Permission den"),
    ):
        dagster_home.check()


def test_a_used_home_that_is_read_only_is_an_error_that_names_it(home: Path) -> None:
    assert dagster_home.check() == str(home)
    for path in [home, *home.rglob("*")]:
        path.chmod(0o555)
    with without_root(), pytest.raises(StorageError, match=rf"DAGSTER_HOME={home} \("):
        dagster_home.check()


def test_a_failure_elsewhere_does_not_name_it(home: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), dagster_home.naming_dagster_home():
        (tmp_path / "gone").read_text()
