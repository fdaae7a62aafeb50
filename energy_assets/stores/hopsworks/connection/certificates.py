"""The folder in which the client keeps the certificates of a login, its private key among them."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "energy-assets-hopsworks-"
_OWNER = "owner.lock"
_STARTING = f".{_PREFIX}"
"""A folder has another name until it is locked, so that no other process takes it for abandoned."""

_UNOWNED_SECONDS = 600.0
"""A folder without a lock is a start that has just begun, unless it is older than this."""


class CertificateFolder:
    """A private temporary folder. It is locked as long as this process lives.

    The client's default is one folder for all processes, and the first process to end would delete
    the certificates of the others.
    """

    def __init__(self) -> None:
        _remove_abandoned(Path(tempfile.gettempdir()))
        starting = Path(tempfile.mkdtemp(prefix=_STARTING))
        self._lock = FileLock(str(starting / _OWNER), timeout=0)
        self._lock.acquire()
        self.path = starting.rename(starting.with_name(starting.name.removeprefix(".")))

    def remove(self) -> None:
        """Delete the folder."""
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)


def _remove_abandoned(temporary: Path) -> None:
    """Delete the folders of this user's processes that have been killed."""
    for folder in [*temporary.glob(f"{_STARTING}*"), *temporary.glob(f"{_PREFIX}*")]:
        with contextlib.suppress(OSError):  # another process may just have deleted it
            if not folder.is_symlink() and _is_abandoned(folder):
                shutil.rmtree(folder)


def _is_abandoned(folder: Path) -> bool:
    status = folder.stat()
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        return False
    if folder.name.startswith(_STARTING) or not (folder / _OWNER).exists():
        return time.time() - status.st_mtime > _UNOWNED_SECONDS
    try:
        with FileLock(str(folder / _OWNER), timeout=0):
            return True
    except Timeout:
        return False
