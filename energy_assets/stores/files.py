"""What the embedded stores share: files written whole or not at all, and a disk that refuses."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from energy_assets.errors import StorageError

if TYPE_CHECKING:
    from upath import UPath


@contextmanager
def writing_to(path: Path | UPath) -> Iterator[None]:
    """Turn the system's refusal to write into a StorageError that says what to set."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}. "
            "Set STORAGE_ROOT to a folder that can be written to and has room."
        ) from error


@contextmanager
def reading(what: object, advice: str) -> Iterator[None]:
    """Turn whatever a damaged file makes its reader raise into a StorageError with advice."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"cannot read {what} ({type(error).__name__}: {error}): {advice}"
        ) from error


def write_whole(path: Path | UPath, data: bytes) -> None:
    """Write a file, folders included, so that readers see the old content or the new one."""
    # In the target's own folder, because a rename is atomic only within one file system.
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with writing_to(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            unfinished.write_bytes(data)
            unfinished.replace(path)  # type: ignore[arg-type]  # both are of the same kind
        finally:
            unfinished.unlink(missing_ok=True)
