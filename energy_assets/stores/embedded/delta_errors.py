"""Delta Lake's errors in plain words, with the file to look at.

Delta Lake reports file system errors as text, inside exceptions of several types, with colours and
backtraces.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError

from energy_assets.errors import StorageError
from energy_assets.stores.commit_conflicts import CommitConflictError
from energy_assets.stores.files import read_error, write_error

_CODE = re.compile(r"\(os error (\d+)\)")
_PATH = re.compile(r"(?:file|dir|on|location) (/.+?)(?:#\d+)?(?: not found|:|\s*\n|$)")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@contextmanager
def delta_errors(folder: Path, writing: bool = False) -> Iterator[None]:
    """Turn Delta Lake's errors for the table in `folder` into a StorageError.

    If another writer committed first, it is a CommitConflictError. Errors of the program, such as a
    TypeError, pass through.
    """
    try:
        yield
    except CommitFailedError as error:
        raise CommitConflictError(
            f"{folder}: other writers kept committing first; run fewer writers at a time"
        ) from error
    except (DeltaError, OSError, pa.ArrowInvalid) as error:
        raise _explained(error, folder, writing) from error


def _explained(error: Exception, folder: Path, writing: bool) -> StorageError:
    text = _COLOUR.sub("", str(error))
    code, path = getattr(error, "errno", None), getattr(error, "filename", None)
    if code is None and (match := _CODE.search(text)):
        code = int(match[1])
        path = named[1] if (named := _PATH.search(text)) else None
    if code is not None:
        path = path or folder
        unreadable = code == errno.ENOENT or (code == errno.EACCES and os.path.isfile(path))
        explain = write_error if writing and not unreadable else read_error
        return explain(path, code, text)
    reason = text.splitlines()[0]  # the rest is a backtrace
    return StorageError(
        f"cannot read the table {folder}: {_damaged(folder)} is not readable ({reason}). Restore "
        "it from a backup. Without one, set STORAGE_ROOT to a new folder and materialise "
        "feature_group there; keep this one, since its other files may be good."
    )


def _damaged(folder: Path) -> Path:
    """The first file of the table that cannot be parsed; failing that, the folder it must be in."""
    log = folder / "_delta_log"
    entry = next((path for path in sorted(log.glob("*.json")) if not _is_json_lines(path)), None)
    if entry:
        return entry
    try:
        paths = [Path(uri) for uri in DeltaTable(folder).file_uris()]
    except (DeltaError, OSError):
        return log
    return next((path for path in paths if not _is_parquet(path)), folder)


def _is_json_lines(path: Path) -> bool:
    try:
        for line in path.read_text().splitlines():
            json.loads(line)
    except (ValueError, OSError):
        return False
    return True


def _is_parquet(path: Path) -> bool:
    try:
        pq.read_table(path)
    except (pa.ArrowInvalid, OSError):
        return False
    return True
