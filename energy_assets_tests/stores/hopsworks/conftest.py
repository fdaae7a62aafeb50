"""Fixtures for the tests of the hosted stores in Hopsworks."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder of model files."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "model.txt").write_text("trees " * 1000)
    return folder
