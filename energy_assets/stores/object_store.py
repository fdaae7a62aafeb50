"""The object store protocol: Parquet and JSON under a path, written atomically."""

from __future__ import annotations

from typing import Protocol


class ObjectStore(Protocol):
    """Named objects. A path is relative, with `/`: `raw_consumption/2023-03-01/10.parquet`."""

    def write(self, path: str, data: bytes) -> None:
        """Write or replace an object; readers see the old content or the new one."""

    def read(self, path: str) -> bytes:
        """The content of an object; raises NotFoundError if it does not exist."""

    def exists(self, path: str) -> bool:
        """Whether the object exists."""

    def list(self, prefix: str) -> list[str]:
        """The paths of all objects below a folder, sorted."""

    def generation(self, path: str) -> str | None:
        """A token for the object's current content; None if it does not exist."""

    def write_if(self, path: str, data: bytes, generation: str | None) -> bool:
        """Write only if the object still has this generation; returns whether it was written."""

    def delete(self, path: str) -> None:
        """Remove an object; nothing happens if it does not exist."""

    def url(self, path: str) -> str:
        """Where a person finds the object."""

    def check(self) -> str:
        """Describe it for a person; raises CredentialError or StorageError if it cannot be used."""
