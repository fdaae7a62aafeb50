"""Commands as somebody types them who has no checkout: nothing of this process's environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from energy_assets.settings import PROJECT_ROOT

_KEPT = ("PATH", "HOME", "SSL_CERT_FILE")


def run(
    *command: str | Path, cwd: Path = PROJECT_ROOT, timeout: float = 300, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def clean_environment(**variables: str) -> dict[str, str]:
    """The environment of a command, with the given variables."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | variables
