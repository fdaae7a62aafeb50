"""The feature group in Hopsworks and its one feature view: finding, creating and writing them.

There is one view for all reads, since a free account allows a hundred views.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pandas as pd
from deltalake.exceptions import CommitFailedError, DeltaError

from energy_assets.errors import SettingsError, StorageError
from energy_assets.schemas import CONSUMPTION_VERSIONS, KNOWN_AT, SERIES_KEY
from energy_assets.settings import Settings
from energy_assets.stores.commit_conflicts import CommitConflictError

if TYPE_CHECKING:
    import hsfs.feature_group
    from hopsworks.project import Project
    from hsfs.feature_store import FeatureStore
    from hsfs.feature_view import FeatureView

NAME = CONSUMPTION_VERSIONS.name
VIEW = f"{NAME}_view"
EVENT_TIME = "datetime_utc"

_SUCCESS = ("SUCCEEDED", "FINISHED")
_SOURCE = re.compile(r"Source: (\S+)")


class FeatureGroup:
    """One version of the feature group. It holds the rows of one source and its data set.

    Hopsworks merges on the primary key and the event time, so `known_at` is part of the primary
    key: otherwise a correction would replace the version before it.
    """

    def __init__(self, settings: Settings, source_id: str) -> None:
        self.source_id = source_id
        self.version = settings.feature_group_version
        self.statistics = settings.fs_statistics
        self.stream = settings.fs_stream

    def __str__(self) -> str:
        return f"{NAME} version {self.version}"

    def find(self, store: FeatureStore) -> hsfs.feature_group.FeatureGroup | None:
        """The feature group, if it exists; raises SettingsError if it holds another source."""
        group = store.get_feature_group(NAME, self.version)
        if group is None:
            return None
        source = _SOURCE.search(group.description or "")
        if source is None or source[1] != self.source_id:
            content = source[1] if source else "rows of an unknown source"
            raise SettingsError(
                f"feature group {self} in Hopsworks holds {content}, and rows of {self.source_id} "
                "must not be mixed with them: set FEATURE_GROUP_VERSION to another number"
            )
        return group

    def find_writable(self, store: FeatureStore) -> hsfs.feature_group.FeatureGroup | None:
        """The feature group, if it exists; raises SettingsError if it cannot keep versions."""
        group = self.find(store)
        if group is not None and KNOWN_AT not in group.primary_key:
            raise SettingsError(
                f"feature group {self} in Hopsworks was created by an earlier release. It can be "
                f"read, but not keep corrections beside what they correct: set "
                f"FEATURE_GROUP_VERSION={self.version + 1} and load the history again"
            )
        return group

    def insert(self, project: Project, versions: pd.DataFrame) -> None:
        """Merge versions into the feature group, and create it first if it does not exist."""
        with _conflicts():
            group = self._find_or_create(project.get_feature_store())
            job, _ = group.insert(versions, wait=True)
        if job is not None and (state := job.get_final_state()) not in _SUCCESS:
            raise StorageError(
                f"the job {job.name}, which writes {self}, has ended as {state}: its log in "
                "Hopsworks says why"
            )
        _describe_features(group)

    def view(self, project: Project) -> FeatureView | None:
        """The view over the feature group; None if there is no feature group yet."""
        from hopsworks_common.client.exceptions import RestAPIError

        store = project.get_feature_store()
        group = self.find(store)
        if group is None:
            return None
        stored = {feature.name for feature in group.columns}
        try:
            return store.get_or_create_feature_view(
                name=VIEW,
                version=self.version,
                description=f"All columns of {NAME}",
                query=group.select(
                    [name for name in CONSUMPTION_VERSIONS.dtypes if name in stored]
                ),
            )
        except RestAPIError:
            # Another process may just have created it.
            view = store.get_feature_view(VIEW, self.version)
            if view is None:
                raise
            return view

    def compact(self, project: Project, retention_hours: int) -> int:
        """Compact the table and remove unused files; returns how many files were compacted."""
        group = self.find(project.get_feature_store())
        if group is None or group.stream:  # only the cluster writes a stream's table
            return 0
        with _conflicts():
            compacted = group.delta_optimize() or {}
        group.delta_checkpoint()
        group.delta_vacuum(retention_hours=retention_hours)
        return int(compacted.get("numFilesRemoved", 0))

    def _find_or_create(self, store: FeatureStore) -> hsfs.feature_group.FeatureGroup:
        group = self.find_writable(store) or self._create(store)
        if group.statistics_config.enabled != self.statistics:
            group.statistics_config = self.statistics
            group.update_statistics_config()
        return group

    def _create(self, store: FeatureStore) -> hsfs.feature_group.FeatureGroup:
        from hopsworks_common.client.exceptions import RestAPIError
        from hsfs.feature import Feature

        features = [
            Feature(column.name, column.type.hopsworks, column.description)
            for column in CONSUMPTION_VERSIONS.columns
        ]
        group = store.create_feature_group(
            name=NAME,
            version=self.version,
            description=f"{CONSUMPTION_VERSIONS.description}. Source: {self.source_id}",
            primary_key=[*SERIES_KEY, KNOWN_AT],
            event_time=EVENT_TIME,
            online_enabled=False,
            stream=self.stream,
            statistics_config=self.statistics,
            # With features, the client writes an empty table from this machine. A stream must work
            # without that: its first rows create the feature group.
            features=[] if self.stream else features,
        )
        if self.stream:
            return group
        try:
            group.save()
        except RestAPIError:
            # Another process may just have created it.
            existing = self.find_writable(store)
            if existing is None:
                raise
            return existing
        return group


def view_id(view: FeatureView) -> str:
    """Identifies a view, even against a later one of the same name and version."""
    return f"{view.name}/{view.version}/{view.id}"


@contextmanager
def _conflicts() -> Iterator[None]:
    """Turn Delta Lake's error into a CommitConflictError if another writer committed first."""
    try:
        yield
    except DeltaError as error:
        # If two writers create the table, the second one gets "already exists".
        if isinstance(error, CommitFailedError) or "already exists" in str(error):
            raise CommitConflictError(
                f"other writers of {NAME} in Hopsworks kept committing first: run fewer writers "
                "at a time"
            ) from None
        raise


def _describe_features(group: hsfs.feature_group.FeatureGroup) -> None:
    """Add the descriptions that features lack in a group created from rows."""
    descriptions = {column.name: column.description for column in CONSUMPTION_VERSIONS.columns}
    features = [copy.copy(feature) for feature in group.columns if not feature.description]
    for feature in features:
        feature.description = descriptions.get(feature.name)
    if features:
        group.update_features(features)
