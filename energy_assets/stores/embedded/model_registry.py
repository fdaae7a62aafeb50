"""The embedded model registry: a folder for each version, a small JSON file for each hour.

best_model/versions/2023-03-10T21-3fa9c1d2/   the model's files, never changed
best_model/hours/2023-03-10T21.json           the version trained for this hour
"""

from __future__ import annotations

import json
import logging
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from energy_assets.errors import BrokenModelError, NotFoundError, StorageError
from energy_assets.stores.files import (
    document_errors,
    parse_json_object,
    read_errors,
    write_errors,
    write_whole,
)
from energy_assets.stores.model_registry import ModelVersion, checksum

_HOUR = "%Y-%m-%dT%H"
_log = logging.getLogger(__name__)


class FolderModelRegistry:
    """Model versions below a folder."""

    def __init__(self, folder: Path) -> None:
        self.versions = folder / "best_model" / "versions"
        self.hours = folder / "best_model" / "hours"

    def register(
        self,
        files: Path,
        hour: datetime,
        *,
        promoted: bool,
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> ModelVersion:
        model = ModelVersion.of(
            files, hour, promoted=promoted, metrics=dict(metrics), tags=dict(tags)
        )
        self._add(files, model)
        path = self.hours / f"{hour:{_HOUR}}.json"
        current = _read_if_possible(path)
        if current and current == replace(model, tags=current.tags):
            return current
        pointer = json.dumps({**asdict(model), "hour": f"{hour:{_HOUR}}"}, indent=2, sort_keys=True)
        write_whole(path, pointer.encode())
        return model

    def promoted(self, at_or_before: datetime) -> Iterator[ModelVersion]:
        newest = f"{at_or_before:{_HOUR}}.json"
        for pointer in sorted(self.hours.glob("[0-9]*.json"), reverse=True):
            if pointer.name > newest:
                continue
            try:
                model = _read(pointer)
            except StorageError as error:
                _log.warning("skipping a model: %s", error)
                continue
            if model.promoted:
                yield model

    def download(self, model: ModelVersion, folder: Path) -> None:
        source = self.versions / model.version
        with read_errors(source):
            if not source.is_dir():
                raise NotFoundError(f"there is no model version {source}")
            if checksum(source) != model.checksum:
                raise BrokenModelError(
                    f"the files of {source} have changed since they were registered: "
                    f"materialise model for {model.hour:%Y-%m-%d-%H:%M} again"
                )
        shutil.copytree(source, folder, dirs_exist_ok=True)

    def check(self) -> str:
        with write_errors(self.hours):
            self.hours.mkdir(parents=True, exist_ok=True)
        return f"{self.hours.parent}: models of {len(list(self.hours.glob('[0-9]*.json')))} hours"

    def _add(self, files: Path, model: ModelVersion) -> None:
        target = self.versions / model.version
        unfinished = self.versions / f".{model.version}.{uuid.uuid4().hex}"
        with write_errors(self.versions):
            if target.is_dir():
                if checksum(target) == model.checksum:
                    return
                # They no longer match the checksum in the folder's name: somebody has changed them.
                shutil.rmtree(target)
            try:
                shutil.copytree(files, unfinished)
                unfinished.rename(target)
            except OSError:
                if not target.is_dir():  # otherwise another process has just added the same files
                    raise
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)


def _read_if_possible(pointer: Path) -> ModelVersion | None:
    try:
        return _read(pointer) if pointer.is_file() else None
    except StorageError:
        return None


def _read(pointer: Path) -> ModelVersion:
    with read_errors(pointer):
        text = pointer.read_text()
    with document_errors(pointer, "materialise model for that hour again"):
        document = parse_json_object(text)
        return ModelVersion(
            version=document["version"],
            checksum=document["checksum"],
            hour=datetime.strptime(document["hour"], _HOUR),
            promoted=document["promoted"],
            metrics=document["metrics"],
            tags=document["tags"],
        )
