"""The hosted model registry: versions of the model `best_model` in Hopsworks."""

from __future__ import annotations

import logging
import math
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from energy_assets.errors import BrokenModelError, NotFoundError, StorageError
from energy_assets.settings import utc_now
from energy_assets.stores.commit_conflicts import RETENTION_HOURS
from energy_assets.stores.files import write_errors
from energy_assets.stores.hopsworks.connection import HopsworksConnection
from energy_assets.stores.hopsworks.model_description import (
    EPOCH,
    HOUR_METRIC,
    NAME,
    Registered,
    describe,
    fields_of,
    hour_number,
)
from energy_assets.stores.hopsworks.model_files import add, delete, remove_unfinished
from energy_assets.stores.hopsworks.model_listing import Hour, ModelListing
from energy_assets.stores.model_registry import ModelVersion, checksum

if TYPE_CHECKING:
    from hopsworks.project import Project
    from hsml.model import Model

    Find = Callable[[Project, ModelVersion], Model | None]

TAG = "energy_assets"
"""If an administrator has defined a tag of this name, versions carry it, for searches."""

_log = logging.getLogger(__name__)


class HopsworksModelRegistry:
    """Versions of `best_model` for one source and its data set.

    `remove_old` keeps what was registered less than `retention_hours` before `now` (naive UTC).
    """

    def __init__(
        self,
        connection: HopsworksConnection,
        source_id: str,
        retention_hours: float = RETENTION_HOURS,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.connection = connection
        self.source_id = source_id
        self.retention_hours = retention_hours
        self.now = now

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
        return self.connection.call(lambda project: self._save(project, files, model))

    def promoted(
        self, at_or_before: datetime, not_before: datetime | None = None
    ) -> Iterator[ModelVersion]:
        for _, versions in self._hours(at_or_before, not_before):
            model = versions[-1].model  # the last registration of an hour counts
            if model.promoted:
                yield model

    def download(self, model: ModelVersion, folder: Path) -> None:
        damaged = False
        # Registered again after an accident, it has another number.
        for find in (_by_number, self._by_hour):
            with tempfile.TemporaryDirectory() as temporary:
                downloaded = self._download(find, model, temporary)
                if downloaded is not None and checksum(downloaded) == model.checksum:
                    with write_errors(folder):
                        shutil.copytree(downloaded, folder, dirs_exist_ok=True)
                    return
                damaged = damaged or downloaded is not None
        if damaged:
            raise BrokenModelError(
                f"the files of {model.version} in {self.connection} have changed since they "
                f"were registered: materialise model for {model.hour:%Y-%m-%d-%H:%M} again"
            )
        raise NotFoundError(
            f"there is no model version {model.version} of {self.source_id} in {self.connection}"
        )

    def remove_old(self, before: datetime, keep: Collection[str]) -> int:
        limit = self.now() - timedelta(hours=self.retention_hours)
        hours = [found for _, found in self._hours(datetime.max, None)]
        newest = next(self.promoted(datetime.max), None)
        kept = {*keep, *([newest.version] if newest else [])}
        removed = 0
        for found in hours:
            if kept.intersection(version.model.version for version in found):
                kept.add(found[-1].model.version)
            for version in found:
                if version.at > limit or version.model.hour >= before:
                    break
                if version.model.version in kept:
                    continue
                # In order, so that no earlier version becomes the model of its hour again.
                if not self.connection.call(partial(delete, number=version.number)):
                    break
                removed += 1
        versions = [version for found in hours for version in found]
        settled = [version.number for version in versions if EPOCH < version.at <= limit]
        if settled:
            numbers = {version.number for version in versions}
            self.connection.call(partial(remove_unfinished, known=numbers, below=max(settled)))
        return removed

    def check(self) -> str:
        count = self.connection.call(lambda project: self._listing(project).count())
        return f"{self.connection}: {NAME} has {count} versions"

    def _hours(self, newest: datetime, oldest: datetime | None) -> Iterator[Hour]:
        """The hours of a range that have versions, newest first; listed as they are needed."""
        hours: Iterator[Hour] | None = None

        def following(project: Project) -> Hour | None:
            nonlocal hours
            if hours is None:
                hours = self._listing(project).hours(newest, oldest)
            try:
                return next(hours, None)
            except Exception:
                hours = None  # a generator that has failed has ended
                raise

        while found := self.connection.call(following):
            yield found
            newest = found[0] - timedelta(hours=1)

    def _listing(self, project: Project) -> ModelListing:
        return ModelListing(project, self.source_id)

    def _download(self, find: Find, model: ModelVersion, folder: str) -> Path | None:
        """Download a version if it can be found, into a new folder below `folder`."""

        def action(project: Project) -> Path | None:
            found = find(project, model)
            return None if found is None else _download(found, folder)

        try:
            return self.connection.call(action)
        except NotFoundError:
            return None

    def _by_hour(self, project: Project, model: ModelVersion) -> Model | None:
        """The last version of the model's hour that has the same files."""
        for registered in reversed(self._listing(project).of_hour(model.hour)):
            if registered.model.checksum == model.checksum:
                return project.get_model_registry().get_model(NAME, registered.number)
        return None

    def _save(self, project: Project, files: Path, model: ModelVersion) -> ModelVersion:
        listing, registry = self._listing(project), project.get_model_registry()
        same_hour = listing.of_hour(model.hour)
        if same_hour and _same(same_hour[-1].model, model) and _is_intact(project, same_hour[-1]):
            return same_hour[-1].model
        newest_number, sorted_since = listing.newest_number()
        registered = Registered(model, 0, self.now(), sorted_since)
        description = describe(registered, self.source_id)

        def make(number: int) -> Model:
            return registry.python.create_model(
                name=NAME,
                version=number,
                metrics={**model.metrics, HOUR_METRIC: hour_number(model.hour)},
                description=description,
            )

        number = add(project, files, newest_number, make)
        created = registry.get_model(NAME, number)
        if created is None or created.description != description:
            raise StorageError(
                f"Hopsworks does not return version {number} of {NAME}, just registered: "
                f"materialise model for {model.hour:%Y-%m-%d-%H:%M} again"
            )
        _tag(created, fields_of(registered, self.source_id))
        return replace(model, number=number)


def _by_number(project: Project, model: ModelVersion) -> Model | None:
    """The version with the model's number, if its files are still said to be the same."""
    if model.number is None:
        return None
    found = project.get_model_registry().get_model(NAME, model.number)
    return found if found is not None and model.checksum in (found.description or "") else None


def _download(model: Model, folder: str) -> Path:
    """Download a version's files into a new folder below `folder`."""
    # Without a folder the client may return files that it has cached from a deleted version; and
    # after a failure halfway it would trip over its own files.
    target = Path(tempfile.mkdtemp(dir=folder))
    model.download(local_path=str(target))
    return target


def _is_intact(project: Project, registered: Registered) -> bool:
    """Whether a version's files are still the ones that were registered."""
    from hopsworks_common.client.exceptions import RestAPIError

    with tempfile.TemporaryDirectory() as temporary:
        try:
            model = project.get_model_registry().get_model(NAME, registered.number)
            return checksum(_download(model, temporary)) == registered.model.checksum
        except RestAPIError:  # its files are gone
            return False


def _same(one: ModelVersion, other: ModelVersion) -> bool:
    """Whether both are the same model: equal files have equal metrics.

    Tags may differ, since training again pins its dataset again.
    """
    return replace(one, metrics={}, tags={}) == replace(other, metrics={}, tags={})


def _tag(model: Model, value: Mapping[str, object]) -> None:
    """Also put the fields into a tag, if its schema is defined. This project never reads it."""
    from hopsworks_common.client.exceptions import RestAPIError
    from hopsworks_common.core.tag_schemas_api import TagSchemasApi

    try:
        schemas = TagSchemasApi().list().get("items") or []
        if any(schema["name"] == TAG for schema in schemas):
            model.add_tag(TAG, value)
    except RestAPIError as error:
        _log.warning("version %s has no tag %s: %s", model.version, TAG, error.user_message)
