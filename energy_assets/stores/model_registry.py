"""The model registry protocol: immutable model versions, and the one trained for each hour."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class ModelVersion:
    """A registered model.

    `version` combines the hour of training and the checksum of the files, so that training again on
    the same rows gives the same version in any registry.
    """

    version: str
    checksum: str
    hour: datetime
    promoted: bool
    """Whether it passed its gate and may be used for forecasts."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    number: int | None = field(default=None, compare=False)
    """The registry's own number for it, if the registry has one."""

    @classmethod
    def of(cls, files: Path, hour: datetime, **fields: Any) -> ModelVersion:
        """The version for a folder of model files and an hour; `fields` are other attributes."""
        digest = checksum(files)
        return cls(version_of(hour, digest), digest, hour, **fields)


class ModelRegistry(Protocol):
    """Versions of the one model `best_model`."""

    def register(
        self,
        files: Path,
        hour: datetime,
        *,
        promoted: bool,
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> ModelVersion:
        """Copy the folder `files` as a version, and make it the model of `hour`.

        Readers see the whole version or nothing. Registering the same files for the same hour again
        returns the existing version, with the tags of its first registration.
        """

    def promoted(
        self, at_or_before: datetime, not_before: datetime | None = None
    ) -> Iterator[ModelVersion]:
        """The promoted models of the hours from `not_before` to `at_or_before`, newest first.

        What it costs depends on the length of that range, not on how many models there are. Without
        `not_before`, every older model comes too.
        """

    def download(self, model: ModelVersion, folder: Path) -> None:
        """Copy a version's files into an empty folder.

        Raises BrokenModelError if they differ from the registered files, NotFoundError if there are
        none.
        """

    def remove_old(self, before: datetime, keep: Collection[str]) -> int:
        """Remove the versions of hours before one; returns how many.

        These stay: the versions that `keep` names, the newest promoted one, and those that were
        registered within the last day, since a run may be using them. If an earlier version of an
        hour stays, so does the last, or the earlier one would become the hour's model again.
        """

    def check(self) -> str:
        """Describe it for a person; raises CredentialError or StorageError if it cannot be used."""


def checksum(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files, hexadecimal."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        digest.update(f"{path.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def version_of(hour: datetime, checksum: str) -> str:
    """The version's name: `2023-03-10T21-3fa9c1d2`."""
    return f"{hour:%Y-%m-%dT%H}-{checksum[:8]}"
