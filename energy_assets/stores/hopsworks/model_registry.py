"""The hosted model registry: versions of the model `best_model` in Hopsworks.

Hopsworks numbers the versions itself. Everything else about a version (source, hour, checksum,
gate and tags) is JSON in its description, the one text that every listing returns and every user
may write. Tags need a schema that an administrator has defined.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from energy_assets.errors import BrokenModelError, NotFoundError, StorageError
from energy_assets.stores.files import parse_json_object, write_errors
from energy_assets.stores.hopsworks.connection import HopsworksConnection
from energy_assets.stores.model_registry import ModelVersion, checksum, version_of

if TYPE_CHECKING:
    from hopsworks.project import Project
    from hsml.model import Model

NAME = "best_model"

TAG = "energy_assets"
"""If an administrator has defined a tag of this name, versions carry it, for searches."""

LONGEST_DESCRIPTION = 1000
"""Hopsworks keeps this many characters of a description."""

_HOUR = "%Y-%m-%dT%H"
_log = logging.getLogger(__name__)


class HopsworksModelRegistry:
    """Versions of `best_model` for one source and its data set.

    `lock_seconds` is how long another process on this machine may take to register its model.
    """

    def __init__(
        self, connection: HopsworksConnection, source_id: str, lock_seconds: float = 600.0
    ) -> None:
        self.connection = connection
        self.source_id = source_id
        self.lock_seconds = lock_seconds

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
            files,
            hour,
            promoted=promoted,
            # JSON has neither NaN nor infinity, and they carry no information.
            metrics={name: float(value) for name, value in metrics.items() if math.isfinite(value)},
            tags=dict(tags),
        )
        with self._lock():
            return self.connection.call(lambda project: self._save(project, files, model))

    def promoted(self, at_or_before: datetime) -> Iterator[ModelVersion]:
        by_hour = {
            model.hour: model  # the last registration of an hour counts
            for _, model in self.connection.call(self._versions)
            if model.hour <= at_or_before
        }
        for _, model in sorted(by_hour.items(), reverse=True):
            if model.promoted:
                yield model

    def download(self, model: ModelVersion, folder: Path) -> None:
        def action(project: Project) -> Path | None:
            matches = [
                registered
                for registered, version in self._versions(project)
                if (version.version, version.checksum) == (model.version, model.checksum)
            ]
            return _download(matches[-1], temporary) if matches else None

        with tempfile.TemporaryDirectory() as temporary:
            try:
                downloaded = self.connection.call(action)
            except NotFoundError:
                downloaded = None
            if downloaded is None:
                raise NotFoundError(
                    f"there is no model version {model.version} of {self.source_id} in "
                    f"{self.connection}"
                )
            if checksum(downloaded) != model.checksum:
                raise BrokenModelError(
                    f"the files of {model.version} in {self.connection} have changed since they "
                    f"were registered: materialise model for {model.hour:%Y-%m-%d-%H:%M} again"
                )
            shutil.copytree(downloaded, folder, dirs_exist_ok=True)

    def check(self) -> str:
        hours = {model.hour for _, model in self.connection.call(self._versions)}
        return f"{self.connection}: {NAME} has models of {len(hours)} hours"

    def _save(self, project: Project, files: Path, model: ModelVersion) -> ModelVersion:
        same_hour = [pair for pair in self._versions(project) if pair[1].hour == model.hour]
        if same_hour and _same(same_hour[-1][1], model) and _is_intact(*same_hour[-1]):
            return same_hour[-1][1]
        created = project.get_model_registry().python.create_model(
            name=NAME, metrics=dict(model.metrics), description=_describe(model, self.source_id)
        )
        # Waiting for the registration would take five seconds, though it is complete by then. If it
        # does not wait, this version of the client fails with AttributeError afterwards.
        with contextlib.suppress(AttributeError):
            created.save(str(files), await_registration=0, keep_original_files=True)
        registered = [
            candidate
            for candidate, version in self._versions(project)
            if candidate.version == created.version and _same(version, model)
        ]
        if not registered:
            raise StorageError(
                f"Hopsworks does not list version {created.version} of {NAME}, just registered: "
                f"materialise model for {model.hour:%Y-%m-%d-%H:%M} again"
            )
        _tag(registered[-1], _description_fields(model, self.source_id))
        return model

    def _versions(self, project: Project) -> list[tuple[Model, ModelVersion]]:
        """The versions of this source, oldest first, as Hopsworks' object and as ours."""
        models = project.get_model_registry().get_models(NAME)
        parsed = [
            (model, _parse(model, self.source_id))
            for model in sorted(models, key=lambda model: model.version)
        ]
        return [(model, version) for model, version in parsed if version is not None]

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Keep other processes of this machine from registering at the same time.

        The client takes the next free number, and if another process takes it meanwhile, it deletes
        that process's files.
        """
        root = self.connection.settings.storage_root
        path = root / f".{self.connection.settings.fs_project_name}_{NAME}.lock"
        lock = FileLock(str(path))
        try:
            with write_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                try:
                    lock.acquire(timeout=self.lock_seconds)
                except Timeout:  # a TimeoutError, and so an OSError
                    raise StorageError(
                        f"another process has been registering a model for more than "
                        f"{self.lock_seconds:.0f} seconds (it holds {path}): when it has ended, "
                        "materialise model again"
                    ) from None
            yield
        finally:
            lock.release()


def _download(model: Model, folder: str) -> Path:
    """Download a version's files into a new folder below `folder`."""
    # Without a folder the client may return files that it has cached from a deleted version; and
    # after a failure halfway it would trip over its own files.
    target = Path(tempfile.mkdtemp(dir=folder))
    model.download(local_path=str(target))
    return target


def _is_intact(model: Model, version: ModelVersion) -> bool:
    """Whether a version's files are still the ones that were registered."""
    from hopsworks_common.client.exceptions import RestAPIError

    with tempfile.TemporaryDirectory() as temporary:
        try:
            return checksum(_download(model, temporary)) == version.checksum
        except RestAPIError:  # its files are gone
            return False


def _same(one: ModelVersion, other: ModelVersion) -> bool:
    """Whether both are the same model: equal files have equal metrics.

    Tags may differ, since training again pins its dataset again.
    """
    return replace(one, metrics={}, tags={}) == replace(other, metrics={}, tags={})


def _description_fields(model: ModelVersion, source_id: str) -> dict[str, Any]:
    """Everything to keep about a version besides its metrics."""
    return {
        "owner": source_id,
        "hour": f"{model.hour:{_HOUR}}",
        "checksum": model.checksum,
        "promoted": model.promoted,
        "tags": dict(model.tags),
    }


def _describe(model: ModelVersion, source_id: str) -> str:
    """A sentence for people, followed by the fields as JSON."""
    gate = "promoted" if model.promoted else "not promoted"
    fields = json.dumps(_description_fields(model, source_id))
    text = f"Trained at {model.hour:%Y-%m-%d %H:%M} UTC on {source_id}, {gate}. {fields}"
    if len(text) > LONGEST_DESCRIPTION:
        raise StorageError(
            f"the tags of model {model.version} are too long for Hopsworks, which keeps "
            f"{LONGEST_DESCRIPTION} characters: {sorted(model.tags)}"
        )
    return text


def _parse(model: Model, source_id: str) -> ModelVersion | None:
    """The version that a description describes; None if it is of another source or unreadable."""
    _, brace, text = (model.description or "").partition("{")
    try:
        fields = parse_json_object(brace + text)
        if fields["owner"] != source_id:
            return None
        hour = datetime.strptime(fields["hour"], _HOUR)
        return ModelVersion(
            version=version_of(hour, fields["checksum"]),
            checksum=fields["checksum"],
            hour=hour,
            promoted=fields["promoted"],
            # The client splits names before digits: mape_seasonal_naive__24.
            metrics={
                re.sub("_+", "_", name): float(value)
                for name, value in (model.training_metrics or {}).items()
            },
            tags=fields["tags"],
        )
    except (ValueError, KeyError, TypeError):  # TypeError: written by hand, with other types
        _log.info("version %s of %s was not registered by this project", model.version, NAME)
        return None


def _tag(model: Model, value: dict[str, Any]) -> None:
    """Also put the fields into a tag, if its schema is defined. This project never reads it."""
    from hopsworks_common.client.exceptions import RestAPIError
    from hopsworks_common.core.tag_schemas_api import TagSchemasApi

    try:
        schemas = TagSchemasApi().list().get("items") or []
        if any(schema["name"] == TAG for schema in schemas):
            model.add_tag(TAG, value)
    except RestAPIError as error:
        _log.warning("version %s has no tag %s: %s", model.version, TAG, error.user_message)
