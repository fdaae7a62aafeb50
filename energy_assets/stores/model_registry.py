"""The model registry: immutable model versions, and which of them an hour's training gave."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class ModelVersion:
    """A registered model.

    `version` is made of the hour whose training gave it and of its files' checksum, so that
    training again on the same rows gives the same version, in any registry.
    """

    version: str
    checksum: str
    hour: datetime
    promoted: bool
    """Whether it passed its gate and may be used for forecasts."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Path, hour: datetime, **known: Any) -> ModelVersion:
        """The version that a folder of files makes for an hour; `known` is the rest."""
        digest = checksum(files)
        return cls(version_of(hour, digest), digest, hour, **known)


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
        """Keep a copy of the folder `files` as a version, and make it the model of `hour`.

        The version becomes visible whole. Registering the same files for the same hour again gives
        the version that exists, with the tags it has: those of the training that gave it first.
        """

    def promoted(self, at_or_before: datetime) -> Iterator[ModelVersion]:
        """The promoted models of the hours up to and including one, newest first."""

    def download(self, model: ModelVersion, folder: Path) -> None:
        """Copy a version's files into an empty folder.

        Raises BrokenModelError when they are not the files registered, NotFoundError when there
        are none.
        """

    def check(self) -> str:
        """Tell a person what was reached; raises CredentialError or StorageError if nothing was."""


def checksum(folder: Path) -> str:
    """SHA-256 over names and contents of a folder's files, hexadecimal."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        digest.update(f"{path.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def version_of(hour: datetime, checksum: str) -> str:
    """The version's name: `2023-03-10T21-3fa9c1d2`."""
    return f"{hour:%Y-%m-%dT%H}-{checksum[:8]}"
