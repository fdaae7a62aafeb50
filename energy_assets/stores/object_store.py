"""The object store: Parquet and JSON under a path, whole or not at all."""

from __future__ import annotations

from typing import Protocol


class ObjectStore(Protocol):
    """Named objects. A path is relative, with `/`: `raw_consumption/2023-03-01/10.parquet`."""

    def write(self, path: str, data: bytes) -> None:
        """Write an object, replacing any of that path; readers see the old or the new one."""

    def read(self, path: str) -> bytes:
        """Read an object; raises NotFoundError when there is none."""

    def exists(self, path: str) -> bool:
        """Whether there is such an object."""

    def list(self, prefix: str) -> list[str]:
        """The paths of all objects below a folder, sorted."""

    def generation(self, path: str) -> str | None:
        """A token of the object's present content; None when there is none."""

    def write_if(self, path: str, data: bytes, generation: str | None) -> bool:
        """Write only if the object's generation is still the one given; tells whether it was."""

    def url(self, path: str) -> str:
        """Where a person finds the object."""

    def check(self) -> str:
        """Tell a person what was reached; raises CredentialError or StorageError if nothing was."""
