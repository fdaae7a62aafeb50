"""An audit hook sees every change that Python makes to files, and lets the n-th one fail."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate"}
_TO_WRITE = os.O_WRONLY | os.O_RDWR


class Writes:
    """Counts the writes below a folder; the one with the number `failing` raises `error`."""

    def __init__(self, root: Path, failing: int | None = None, error: Exception | None = None):
        self.root = f"{root}{os.sep}"
        self.failing = failing
        self.error = error
        self.made: list[str] = []
        self._lock = threading.Lock()

    def fails(self, write: str) -> bool:
        """Count a write; whether it is the one that fails."""
        with self._lock:
            self.made.append(write)
            return len(self.made) - 1 == self.failing

    def make(self, write: str) -> None:
        """Count a write, and raise the error if it is the one that fails."""
        if self.fails(write) and self.error is not None:
            raise self.error


_watched: Writes | None = None
_hooked = False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    writes = _watched
    if writes is None:
        return
    if event == "open":
        path, _, flags = arguments
        if not flags & _TO_WRITE:
            return
    elif event in _CHANGES:
        path = arguments[0]
        if isinstance(path, str) and not os.path.isabs(path) and (folder := arguments[-1]) >= 0:
            path = os.path.join(_folder(folder), path)
    else:
        return
    if isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(writes.root):
        writes.make(f"{event} {os.fspath(path).removeprefix(writes.root)}")


def _folder(descriptor: int) -> str:
    """The folder that shutil.rmtree is emptying."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:  # not on Linux
        return ""


@contextmanager
def watched(writes: Writes) -> Iterator[None]:
    """Count the writes of all threads, and let one fail."""
    global _watched, _hooked  # an audit hook is for the process, and cannot be removed
    if not _hooked:
        sys.addaudithook(_watch)
        _hooked = True
    _watched = writes
    try:
        yield
    finally:
        _watched = None
