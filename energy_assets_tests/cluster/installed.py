"""What tests of a cluster need, where it is installed."""

from __future__ import annotations

import importlib.util
import os
import shutil

import pytest


def require(*, program: str = "", modules: tuple[str, ...] = ()) -> None:
    """Skip the test where something is missing, but never with CI=true."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if program and shutil.which(program) is None:
        missing.append(program)
    if missing:
        reason = f"not installed: {', '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
