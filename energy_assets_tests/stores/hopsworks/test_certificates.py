"""The folder of certificates is its process's own, however many start at the same time."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from energy_assets.stores.hopsworks.connection.certificates import CertificateFolder


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_starts_at_the_same_time_do_not_take_each_other_for_abandoned(temporary: Path) -> None:
    def start(_: int) -> None:
        folder = CertificateFolder()
        (folder.path / "client_key.pem").write_text("private")
        time.sleep(0.002)
        assert (folder.path / "client_key.pem").read_text() == "private"
        folder.remove()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(start, range(100)))
    assert not _folders(temporary)


def test_the_folder_of_a_process_that_was_killed_is_removed_by_the_next_start(
    temporary: Path,
) -> None:
    killed_at_once, killed_later = (temporary / f"energy-assets-hopsworks-{n}" for n in "ab")
    for folder in (killed_at_once, killed_later):
        folder.mkdir()
    (killed_later / "owner.lock").touch()
    (killed_later / "client_key.pem").write_text("private")
    alive, starts = CertificateFolder(), CertificateFolder()
    assert set(_folders(temporary)) == {alive.path, starts.path}
    for folder in (alive, starts):
        folder.remove()


def test_folders_of_others_are_left_alone(temporary: Path) -> None:
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    link = temporary / "energy-assets-hopsworks-link"
    link.symlink_to(elsewhere)
    CertificateFolder().remove()
    assert set(_folders(temporary)) == {elsewhere, link}


def _folders(temporary: Path) -> list[Path]:
    return [path for path in temporary.iterdir() if path.is_dir()]
