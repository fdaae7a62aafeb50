"""Local files: atomic writes, and file system errors turned into messages that help.

No message here or in the embedded stores advises to delete anything.
"""

from __future__ import annotations

import errno
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from energy_assets.errors import StorageError

_NO_RIGHT_TO_READ = "Give the user that runs this process the right to read it."
_READ_ADVICE = {
    errno.EACCES: _NO_RIGHT_TO_READ,
    errno.EPERM: _NO_RIGHT_TO_READ,
    errno.ENOENT: "Restore it from a backup, and find out what removed it.",
    errno.ENOTDIR: "Set STORAGE_ROOT to a folder.",
}
_NO_RIGHT_TO_WRITE = (
    "Give the user that runs this process the right to write there, or set STORAGE_ROOT to a "
    "folder where it has that right."
)
_NO_ROOM = "Make room on that disk, or set STORAGE_ROOT to a folder with enough room."
_WRITE_ADVICE = {
    errno.EACCES: _NO_RIGHT_TO_WRITE,
    errno.EPERM: _NO_RIGHT_TO_WRITE,
    errno.EROFS: "Set STORAGE_ROOT to a folder that can be written to.",
    errno.ENOSPC: _NO_ROOM,
    errno.EDQUOT: _NO_ROOM,
}


def read_error(path: object, code: int | None, reason: str) -> StorageError:
    """The error for a path that cannot be read; `reason` is used if `code`, an errno, is None."""
    advice = _READ_ADVICE.get(code or 0, "Look at the disk or mount that holds it.")
    return StorageError(f"cannot read {path}: {os.strerror(code) if code else reason}. {advice}")


def write_error(path: object, code: int | None, reason: str) -> StorageError:
    """The error for a path that cannot be written; takes the same arguments as `read_error`."""
    advice = _WRITE_ADVICE.get(
        code or 0, "Set STORAGE_ROOT to a folder that can be written to and has enough room."
    )
    return StorageError(f"cannot write {path}: {os.strerror(code) if code else reason}. {advice}")


@contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Turn an OSError on reading `path` into a StorageError that says what to look at."""
    try:
        yield
    except OSError as error:
        raise read_error(error.filename or path, error.errno, str(error)) from error


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn an OSError on writing `path` into a StorageError that says what to do."""
    try:
        yield
    except OSError as error:
        raise write_error(path, error.errno, str(error)) from error


@contextmanager
def document_errors(path: object, remedy: str) -> Iterator[None]:
    """Turn the errors of parsing a damaged document into a StorageError that names the remedy.

    For blocks that only parse bytes already in memory. A TypeError passes through: the program is
    at fault, not the document.
    """
    try:
        yield
    except (ValueError, KeyError, OSError) as error:  # OSError: pyarrow's for damaged Parquet
        reason = str(error).partition("\n")[0]  # pydantic adds lines for every model and field
        raise StorageError(
            f"cannot parse {path} ({type(error).__name__}: {reason}): {remedy}"
        ) from error


def parse_json_object(data: bytes | str) -> dict[str, Any]:
    """The JSON object in `data`; raises ValueError if it is anything else."""
    document = json.loads(data)
    if not isinstance(document, dict):
        raise ValueError(f"a JSON object is expected, not {type(document).__name__}")
    return document


def write_whole(path: Path, data: bytes) -> None:
    """Write a file atomically, and create its folders: readers see the old or the new content."""
    # In the same folder, because a rename is atomic only within one file system.
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            unfinished.write_bytes(data)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
