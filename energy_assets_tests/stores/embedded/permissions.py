"""A way to meet permission errors, for whichever user runs the tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_NOBODY = 65_534


@contextmanager
def without_root() -> Iterator[None]:
    """Give up root's right to read and write everything, which would hide permission errors."""
    if os.name != "posix":
        pytest.skip("file permissions are POSIX's")
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
