"""Other processes that use a project of the stand-in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from energy_assets.settings import PROJECT_ROOT
from energy_assets_tests.stores.hopsworks.server import Project


def start(code: str, project: Project, temporary: Path) -> subprocess.Popen[str]:
    """Run code in another process, whose temporary files are below a folder."""
    temporary.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        cwd=PROJECT_ROOT,
        env={
            **os.environ,
            **project.environment(),
            "TMPDIR": str(temporary),
            "STORAGE_ROOT": str(temporary / "storage"),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
