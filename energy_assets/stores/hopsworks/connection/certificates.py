"""The folder in which the client keeps the certificates of a login, its private key among them."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock

_PREFIX = "energy-assets-hopsworks-"
_OWNER = "owner.lock"

_PATIENCE_SECONDS = 60.0
"""For other processes of this user, which need milliseconds."""


class CertificateFolder:
    """A private temporary folder. It is locked as long as this process lives.

    The client's default is one folder for all processes, and the first process to end would delete
    the certificates of the others.
    """

    def __init__(self) -> None:
        with _one_process_at_a_time():
            _remove_abandoned()
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
            self._lock = FileLock(str(self.path / _OWNER), timeout=0)
            self._lock.acquire()

    def remove(self) -> None:
        """Delete the folder."""
        with _one_process_at_a_time():
            self._lock.release()
            shutil.rmtree(self.path, ignore_errors=True)


def _one_process_at_a_time() -> FileLock:
    """The lock for a look at all folders.

    Without it, a process could take a folder for abandoned before its owner has locked it. Or it
    could look for the lock in a folder that is being deleted, and so create both again.
    """
    user = os.getuid() if hasattr(os, "getuid") else getpass.getuser()
    path = Path(tempfile.gettempdir()) / f".{_PREFIX}{user}.lock"
    return FileLock(str(path), timeout=_PATIENCE_SECONDS, poll_interval=0.01)


def _remove_abandoned() -> None:
    """Delete the folders of this user's processes that have been killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # its process is alive, or another user has deleted it
            if _is_ours(folder):
                with FileLock(str(folder / _OWNER), timeout=0):
                    pass
                shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    if folder.is_symlink() or not folder.is_dir():
        return False
    return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
