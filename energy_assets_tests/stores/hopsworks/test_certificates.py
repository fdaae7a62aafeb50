"""The folder of certificates is its process's own, however many start at the same time."""

from __future__ import annotations

import os
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
    assert not list(temporary.iterdir())


def test_a_start_that_was_killed_before_it_had_a_lock_is_removed_later(temporary: Path) -> None:
    begun, young = (temporary / f".energy-assets-hopsworks-{name}" for name in ("begun", "young"))
    for folder in (begun, young):
        folder.mkdir()
    long_ago = time.time() - 3600
    os.utime(begun, (long_ago, long_ago))
    CertificateFolder().remove()
    assert list(temporary.iterdir()) == [young]
