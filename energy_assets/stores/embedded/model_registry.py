"""The embedded model registry: a folder for each version, a small JSON file for each hour.

best_model/versions/2023-03-10T21-3fa9c1d2/   the model's files, never changed
best_model/hours/2023-03-10T21.json           the version trained for this hour, and earlier ones
best_model/damaged/                           versions that somebody has changed, kept as they are
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock

from energy_assets.errors import BrokenModelError, NotFoundError, StorageError
from energy_assets.stores.commit_conflicts import RETENTION_HOURS
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
    """Model versions below a folder.

    `remove_old` keeps what is younger than `retention_hours`.
    """

    def __init__(self, folder: Path, retention_hours: float = RETENTION_HOURS) -> None:
        self.folder = folder / "best_model"
        self.versions = self.folder / "versions"
        self.hours = self.folder / "hours"
        self.damaged = self.folder / "damaged"
        self.retention_hours = retention_hours

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
        path = self._record(hour)
        with self._lock():
            self._add(files, model)
            earlier = self._earlier(path)
            if earlier and earlier[0] == replace(model, tags=earlier[0].tags):
                return earlier[0]
            with write_errors(self.versions):
                os.utime(self.versions / model.version)  # the files may be older
            record = {**_fields(model), "earlier": [_fields(version) for version in earlier]}
            write_whole(path, json.dumps(record, indent=2, sort_keys=True).encode())
        return model

    def promoted(
        self, at_or_before: datetime, not_before: datetime | None = None
    ) -> Iterator[ModelVersion]:
        for path in self._records(at_or_before, not_before):
            try:
                model, *_ = _read(path)
            except NotFoundError:
                continue
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
            files = {path.name: path.read_bytes() for path in source.iterdir()}
        with write_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                (folder / name).write_bytes(content)

    def remove_old(self, before: datetime, keep: Collection[str]) -> int:
        with self._lock(), write_errors(self.versions):
            newest = next(self.promoted(datetime.max), None)
            kept = {*keep, *([newest.version] if newest else [])}
            kept |= {self._last_of_hour(version) for version in kept}
            removed = [
                path
                for path in self._old(self.versions.glob("[0-9]*"))
                if path.name[:13] < f"{before:{_HOUR}}" and path.name not in kept
            ]
            # Before the files, so that no hour names a version that is gone.
            for path in self._old(self.hours.glob("[0-9]*.json")):
                if path.stem < f"{before:{_HOUR}}" and not self._has_files(path, removed):
                    path.unlink()
            for path in removed:
                # Renamed first, so that nobody sees it without some of its files.
                shutil.rmtree(path.rename(self._unfinished(path.name)))
            for path in self._old(self.versions.glob(".*")):
                shutil.rmtree(path)  # left by a process that was killed
        return len(removed)

    def check(self) -> str:
        with write_errors(self.hours):
            self.hours.mkdir(parents=True, exist_ok=True)
        return f"{self.folder}: models of {len(list(self.hours.glob('[0-9]*.json')))} hours"

    def _earlier(self, record: Path) -> list[ModelVersion]:
        """The versions trained for an hour so far, newest first."""
        try:
            return _read(record)
        except NotFoundError:
            return []
        except StorageError as error:
            _log.warning("%s", error)
            with write_errors(record):
                self._set_aside(record)
            return []

    def _add(self, files: Path, model: ModelVersion) -> None:
        target = self.versions / model.version
        unfinished = self._unfinished(model.version)
        with write_errors(self.versions):
            if target.is_dir() and checksum(target) == model.checksum:
                return
            try:
                shutil.copytree(files, unfinished)
                if target.is_dir():
                    self._set_aside(target)
                unfinished.rename(target)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)

    def _set_aside(self, path: Path) -> None:
        """Move what somebody has changed to where nobody uses it."""
        self.damaged.mkdir(exist_ok=True)
        damaged = path.rename(self.damaged / f"{path.name}-{uuid.uuid4().hex[:8]}")
        _log.warning("%s has changed since it was registered: it is now %s", path, damaged)

    def _records(self, newest: datetime, oldest: datetime | None) -> Iterator[Path]:
        """The paths of the hours of a range, newest first; there need not be a file for each."""
        if oldest is None:
            last = self._record(newest).name
            with read_errors(self.hours):
                names = os.listdir(self.hours) if self.hours.is_dir() else []
            names = [name for name in names if name[0].isdigit() and name <= last]
            yield from (self.hours / name for name in sorted(names, reverse=True))
        else:
            hours = int((newest - oldest) / timedelta(hours=1))
            for number in range(hours + 1):
                yield self._record(newest - timedelta(hours=number))

    def _record(self, hour: datetime) -> Path:
        return self.hours / f"{hour:{_HOUR}}.json"

    def _unfinished(self, version: str) -> Path:
        return self.versions / f".{version}.{uuid.uuid4().hex}"

    def _last_of_hour(self, version: str) -> str:
        """The version that was the last to be trained for the hour of another, if that is known."""
        try:
            return _read(self.hours / f"{version[:13]}.json")[0].version
        except StorageError:  # the hour has been removed, or its record is damaged
            return version

    def _has_files(self, record: Path, removed: Collection[Path]) -> bool:
        """Whether a record can be used without `removed`; a damaged one is left to a person."""
        try:
            version = self.versions / _read(record)[0].version
        except StorageError:
            return True
        return version.is_dir() and version not in removed

    def _old(self, paths: Iterator[Path]) -> list[Path]:
        limit = time.time() - self.retention_hours * 3600
        return [path for path in paths if path.stat().st_mtime <= limit]

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Keep other processes from writing at the same time; a killed one holds nobody up."""
        lock = FileLock(str(self.folder / ".lock"))
        with write_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()


def _fields(model: ModelVersion) -> dict[str, Any]:
    return {
        "version": model.version,
        "checksum": model.checksum,
        "hour": f"{model.hour:{_HOUR}}",
        "promoted": model.promoted,
        "metrics": dict(model.metrics),
        "tags": dict(model.tags),
    }


def _read(record: Path) -> list[ModelVersion]:
    """The versions trained for an hour, newest first."""
    with read_errors(record):
        try:
            text = record.read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"there is no {record}") from None
    with document_errors(record, "materialise model for that hour again"):
        document = parse_json_object(text)
        return [_version(fields) for fields in (document, *document.get("earlier", []))]


def _version(fields: Mapping[str, Any]) -> ModelVersion:
    return ModelVersion(
        version=fields["version"],
        checksum=fields["checksum"],
        hour=datetime.strptime(fields["hour"], _HOUR),
        promoted=fields["promoted"],
        metrics=fields["metrics"],
        tags=fields["tags"],
    )
