"""The hosted model registry: versions of the model `best_model` in Hopsworks.

Hopsworks numbers versions by itself. Whose a version is, of which hour, of which files, and whether
it was promoted, stands in its description: the one text that every listing brings and everybody may
write, whereas tags need a schema that an administrator has defined.
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

from filelock import FileLock

from energy_assets.errors import BrokenModelError, NotFoundError, StorageError
from energy_assets.stores.files import writing_to
from energy_assets.stores.hopsworks.connection import HopsworksConnection
from energy_assets.stores.model_registry import ModelVersion, checksum, version_of

if TYPE_CHECKING:
    from hopsworks.project import Project
    from hsml.model import Model

NAME = "best_model"

TAG = "energy_assets"
"""Where an administrator has defined a tag of this name, versions carry it, for searches."""

LONGEST_DESCRIPTION = 1000
"""Characters that Hopsworks keeps of a description."""

LOCK_SECONDS = 600.0
"""So long may another process take to register its model."""

_HOUR = "%Y-%m-%dT%H"
_log = logging.getLogger(__name__)


class HopsworksModelRegistry:
    """Versions of `best_model` of one owner: a source and its data set."""

    def __init__(self, connection: HopsworksConnection, owner: str) -> None:
        self.connection = connection
        self.owner = owner

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
            # A number that is none cannot be sent, and says nothing either.
            metrics={name: float(value) for name, value in metrics.items() if math.isfinite(value)},
            tags=dict(tags),
        )
        with self._alone():
            return self.connection.call(lambda project: self._save(project, files, model))

    def promoted(self, at_or_before: datetime) -> Iterator[ModelVersion]:
        of_hours = {
            model.hour: model  # of an hour's registrations the last one counts
            for _, model in self.connection.call(self._versions)
            if model.hour <= at_or_before
        }
        for _, model in sorted(of_hours.items(), reverse=True):
            if model.promoted:
                yield model

    def download(self, model: ModelVersion, folder: Path) -> None:
        def action(project: Project) -> Path | None:
            found = [
                version
                for version, known in self._versions(project)
                if (known.version, known.checksum) == (model.version, model.checksum)
            ]
            if not found:
                return None
            return _fetch(found[-1], temporary)

        with tempfile.TemporaryDirectory() as temporary:
            try:
                fresh = self.connection.call(action)
            except NotFoundError:
                fresh = None
            if fresh is None:
                raise NotFoundError(
                    f"there is no model version {model.version} of {self.owner} in "
                    f"{self.connection}"
                )
            if checksum(fresh) != model.checksum:
                raise BrokenModelError(
                    f"the files of {model.version} in {self.connection} are not those that were "
                    f"registered: materialise model for {model.hour:%Y-%m-%d-%H:%M} again"
                )
            shutil.copytree(fresh, folder, dirs_exist_ok=True)

    def check(self) -> str:
        hours = {model.hour for _, model in self.connection.call(self._versions)}
        return f"{self.connection}: {NAME} has models of {len(hours)} hours"

    def _save(self, project: Project, files: Path, model: ModelVersion) -> ModelVersion:
        of_this_hour = [found for found in self._versions(project) if found[1].hour == model.hour]
        if of_this_hour and _same(of_this_hour[-1][1], model) and _intact(*of_this_hour[-1]):
            return of_this_hour[-1][1]
        made = project.get_model_registry().python.create_model(
            name=NAME,
            metrics=dict(model.metrics),
            description=_describe(model, self.owner),
        )
        # Waiting for the registration would take five seconds, and it has happened by then. Not
        # having waited, this version of the client fails to tell of it.
        with contextlib.suppress(AttributeError):
            made.save(str(files), await_registration=0, keep_original_files=True)
        registered = [
            found
            for found, known in self._versions(project)
            if found.version == made.version and _same(known, model)
        ]
        if not registered:
            raise StorageError(
                f"Hopsworks does not list version {made.version} of {NAME}, just registered: "
                f"materialise model for {model.hour:%Y-%m-%d-%H:%M} again"
            )
        _tag(registered[-1], _known(model, self.owner))
        return model

    def _versions(self, project: Project) -> list[tuple[Model, ModelVersion]]:
        """The owner's versions, oldest first, as Hopsworks' object and as ours."""
        models = project.get_model_registry().get_models(NAME)
        found = []
        for model in sorted(models, key=lambda model: model.version):
            known = _understand(model, self.owner)
            if known is not None:
                found.append((model, known))
        return found

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Let no other process of this machine register at the same time.

        The client looks for the next free number, and if another has taken it meanwhile, it
        deletes the other's files.
        """
        root = self.connection.settings.storage_root
        lock = root / f".{self.connection.settings.fs_project_name}_{NAME}.lock"
        with writing_to(lock):
            lock.parent.mkdir(parents=True, exist_ok=True)
            guard = FileLock(str(lock))
            guard.acquire(timeout=LOCK_SECONDS)
        try:
            yield
        finally:
            guard.release()


def _fetch(version: Model, folder: str) -> Path:
    """Download a version's files into a new folder below one."""
    # Without a folder to use the client may hand out what it has kept from a version that was
    # deleted since; and after a failure halfway it would stumble over its own files.
    fresh = Path(tempfile.mkdtemp(dir=folder))
    version.download(local_path=str(fresh))
    return fresh


def _intact(version: Model, known: ModelVersion) -> bool:
    """Whether a version's files are still those that were registered."""
    from hopsworks_common.client.exceptions import RestAPIError

    with tempfile.TemporaryDirectory() as temporary:
        try:
            return checksum(_fetch(version, temporary)) == known.checksum
        except RestAPIError:  # it has no files any more
            return False


def _same(one: ModelVersion, other: ModelVersion) -> bool:
    """Whether they are the same training's: equal files have equal metrics.

    Tags may differ, since a training again has its dataset pinned anew.
    """
    return replace(one, metrics={}, tags={}) == replace(other, metrics={}, tags={})


def _known(model: ModelVersion, owner: str) -> dict[str, Any]:
    """All that is to be kept of a version beside its metrics."""
    return {
        "owner": owner,
        "hour": f"{model.hour:{_HOUR}}",
        "checksum": model.checksum,
        "promoted": model.promoted,
        "tags": dict(model.tags),
    }


def _describe(model: ModelVersion, owner: str) -> str:
    """A sentence for people, and the same and more as JSON."""
    gate = "promoted" if model.promoted else "not promoted"
    known = json.dumps(_known(model, owner))
    text = f"Trained at {model.hour:%Y-%m-%d %H:%M} UTC on {owner}, {gate}. {known}"
    if len(text) > LONGEST_DESCRIPTION:
        raise StorageError(
            f"the tags of model {model.version} are too long for Hopsworks, which keeps "
            f"{LONGEST_DESCRIPTION} characters: {sorted(model.tags)}"
        )
    return text


def _understand(model: Model, owner: str) -> ModelVersion | None:
    """What a version's description says; None if it is not this owner's, or cannot be read."""
    _, brace, text = (model.description or "").partition("{")
    try:
        known = json.loads(brace + text)
        if known["owner"] != owner:
            return None
        hour = datetime.strptime(known["hour"], _HOUR)
        return ModelVersion(
            version=version_of(hour, known["checksum"]),
            checksum=known["checksum"],
            hour=hour,
            promoted=known["promoted"],
            # The client takes names apart before digits: mape_seasonal_naive__24.
            metrics={
                re.sub("_+", "_", name): float(value)
                for name, value in (model.training_metrics or {}).items()
            },
            tags=known["tags"],
        )
    except (ValueError, KeyError, TypeError):
        _log.info("version %s of %s was not registered by this project", model.version, NAME)
        return None


def _tag(model: Model, value: dict[str, Any]) -> None:
    """Put what is known of a version into a tag too. Nothing of ours reads it."""
    from hopsworks_common.client.exceptions import RestAPIError
    from hopsworks_common.core.tag_schemas_api import TagSchemasApi

    try:
        schemas = TagSchemasApi().list().get("items") or []
        if any(schema["name"] == TAG for schema in schemas):
            model.add_tag(TAG, value)
    except RestAPIError as error:
        _log.warning("version %s is left without its tag: %s", model.version, error.user_message)
