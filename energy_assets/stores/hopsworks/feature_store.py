"""The hosted feature store: a feature group of Hopsworks, and one feature view over it.

Reads are ranges of hours of the one view, since a free account has room for a hundred views. A
training dataset is a version of the view's: files of its own, which no later upsert changes.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from energy_assets.errors import NotFoundError, SettingsError, StorageError
from energy_assets.schemas import CONSUMPTION, SERIES_KEY, conform
from energy_assets.settings import Settings, utc_now
from energy_assets.stores.commit_conflicts import (
    UNFINISHED_HOURS,
    CommitConflictError,
    again_after_conflicts,
)
from energy_assets.stores.feature_store import TrainingDataset, check_unique
from energy_assets.stores.hopsworks.connection import HopsworksConnection, query_service

if TYPE_CHECKING:
    import pandas as pd
    from hopsworks.project import Project
    from hsfs.feature_group import FeatureGroup
    from hsfs.feature_store import FeatureStore
    from hsfs.feature_view import FeatureView

NAME = CONSUMPTION.name
VIEW = f"{NAME}_view"

_EVENT_TIME = "datetime_utc"
_TYPES = {"str": "string", "datetime64[ns]": "timestamp", "float64": "double"}
_SUCCESS = ("SUCCEEDED", "FINISHED")
_OWNER = re.compile(r"Source: (\S+)")
_MADE = re.compile(r"Made at (\S+) UTC")
_TIME = "%Y-%m-%dT%H:%M:%S"


class HopsworksFeatureStore:
    """The consumption table as a feature group, of one owner: a source and its data set."""

    def __init__(self, connection: HopsworksConnection, settings: Settings, owner: str) -> None:
        self.connection = connection
        self.owner = owner
        self.version = settings.feature_group_version
        self.statistics = settings.fs_statistics
        self.stream = settings.fs_stream

    @again_after_conflicts
    def upsert(self, rows: pd.DataFrame) -> None:
        check_unique(rows)
        if rows.empty:
            return
        # Delta Lake keeps microseconds, and the client warns of what it would lose.
        frame = conform(rows, CONSUMPTION).astype({_EVENT_TIME: "datetime64[us]"})
        self.connection.call(lambda project: self._insert(project, frame))

    def read(self, start: datetime, end: datetime) -> pd.DataFrame:
        def action(project: Project) -> pd.DataFrame | None:
            view = self._view(project)
            if view is None:
                return None
            query_service()
            return _unless_no_data(
                lambda: view.get_batch_data(start_time=start, end_time=end, dataframe_type="pandas")
            )

        return _rows(self.connection.call(action), start, end)

    def create_training_dataset(self, start: datetime, end: datetime) -> TrainingDataset:
        def action(project: Project) -> tuple[int, str]:
            view = self._view(project)
            if view is None:
                raise NotFoundError(
                    f"the feature group {self._group_name} is empty: materialise feature_group "
                    "first"
                )
            query_service()
            version, _ = view.create_training_data(
                start_time=start,
                end_time=end,
                description=f"Rows of {start} to {end}. Made at {utc_now():{_TIME}} UTC",
                # Parquet is written by the Query Service, anything else by a Spark job. With
                # statistics times would come back as text.
                data_format="parquet",
                statistics_config=False,
            )
            return version, _table(view)

        version, table = self.connection.call(action)
        rows = len(self._pinned(version, start, end, table))
        return TrainingDataset(version, start, end, rows, table)

    def read_training_dataset(self, dataset: TrainingDataset) -> pd.DataFrame:
        try:
            rows = self._pinned(dataset.version, dataset.start, dataset.end, dataset.table)
        except NotFoundError:
            rows = None
        if rows is None or len(rows) != dataset.rows:
            raise NotFoundError(
                f"training dataset {dataset.version} of {VIEW} version {self.version} is gone, or "
                "not whole: materialise feature_view again"
            )
        return rows

    def _pinned(self, version: int, start: datetime, end: datetime, table: str) -> pd.DataFrame:
        def action(project: Project) -> pd.DataFrame | None:
            view = self._view(project)
            if view is None or _table(view) != table:
                raise NotFoundError(f"there is no {VIEW} {table}")
            query_service()
            try:
                features, _ = view.get_training_data(
                    version, primary_key=True, event_time=True, dataframe_type="pandas"
                )
            except ValueError as error:
                if "No objects to concatenate" in str(error):  # no rows, and so no file
                    return None
                raise
            return features

        return _rows(self.connection.call(action), start, end)

    @again_after_conflicts
    def maintain(self, keep: int) -> Mapping[str, int]:
        def action(project: Project) -> Mapping[str, int]:
            view = self._view(project)
            if view is None:
                return {"files compacted": 0, "training datasets removed": 0}
            # By Hopsworks' own list, because several deployments may pin rows here.
            ours = {
                dataset.version: _is_old(made[1])
                for dataset in view.get_training_datasets()
                if (made := _MADE.search(dataset.description or ""))
            }
            old = [version for version in sorted(ours)[:-keep] if ours[version]]
            for version in old:
                view.delete_training_dataset(version)
            return {
                "files compacted": self._compact(project),
                "training datasets removed": len(old),
            }

        return self.connection.call(action)

    def check(self) -> str:
        def action(project: Project) -> str:
            group = self._group(project.get_feature_store())
            query_service()
            return "empty" if group is None else f"at {group.location}"

        return f"{self.connection}: feature group {self._group_name} {self.connection.call(action)}"

    @property
    def _group_name(self) -> str:
        return f"{NAME} version {self.version}"

    def _insert(self, project: Project, rows: pd.DataFrame) -> None:
        with _conflicts_told_apart():
            group = self._group_to_write(project.get_feature_store())
            job, _ = group.insert(rows, wait=True)
        if job is not None and (state := job.get_final_state()) not in _SUCCESS:
            raise StorageError(
                f"the job {job.name}, which writes {self._group_name}, has ended as {state}: its "
                "log in Hopsworks says why"
            )
        _describe(group)

    def _group_to_write(self, store: FeatureStore) -> FeatureGroup:
        group = self._group(store) or self._create_group(store)
        if group.statistics_config.enabled != self.statistics:
            group.statistics_config = self.statistics
            group.update_statistics_config()
        return group

    def _group(self, store: FeatureStore) -> FeatureGroup | None:
        """The feature group, if there is one; raises SettingsError if it is another owner's."""
        group = store.get_feature_group(NAME, self.version)
        if group is None:
            return None
        found = _OWNER.search(group.description or "")
        if found is None or found[1] != self.owner:
            holds = found[1] if found else "rows of an unknown source"
            raise SettingsError(
                f"feature group {self._group_name} in Hopsworks holds {holds}, and rows of "
                f"{self.owner} must not be mixed with them: set FEATURE_GROUP_VERSION to another "
                "number"
            )
        return group

    def _create_group(self, store: FeatureStore) -> FeatureGroup:
        from hopsworks_common.client.exceptions import RestAPIError
        from hsfs.feature import Feature

        features = [
            Feature(column.name, _TYPES[column.dtype], column.description)
            for column in CONSUMPTION.columns
        ]
        group = store.create_feature_group(
            name=NAME,
            version=self.version,
            description=f"{CONSUMPTION.description}. Source: {self.owner}",
            primary_key=list(SERIES_KEY),
            event_time=_EVENT_TIME,
            online_enabled=False,
            stream=self.stream,
            statistics_config=self.statistics,
            # Given its features, the client writes an empty table from here, which a stream must
            # not need. Its first rows make the feature group.
            features=[] if self.stream else features,
        )
        if self.stream:
            return group
        try:
            group.save()
        except RestAPIError:
            # Another process may have created it since it was looked for.
            found = self._group(store)
            if found is None:
                raise
            return found
        return group

    def _view(self, project: Project) -> FeatureView | None:
        """The view over the feature group; None where there is no feature group yet."""
        from hopsworks_common.client.exceptions import RestAPIError

        store = project.get_feature_store()
        group = self._group(store)
        if group is None:
            return None
        try:
            return store.get_or_create_feature_view(
                name=VIEW,
                version=self.version,
                description=f"All columns of {NAME}",
                query=group.select(list(CONSUMPTION.dtypes)),
            )
        except RestAPIError:
            # Another process may have created it since it was looked for.
            view = store.get_feature_view(VIEW, self.version)
            if view is None:
                raise
            return view

    def _compact(self, project: Project) -> int:
        """Compact the table, and remove files no longer in use. Tells how many were compacted."""
        group = self._group(project.get_feature_store())
        if group is None or group.stream:  # a stream's table is the cluster's to write
            return 0
        with _conflicts_told_apart():
            compacted = group.delta_optimize() or {}
        group.delta_checkpoint()
        group.delta_vacuum(retention_hours=UNFINISHED_HOURS)
        return int(compacted.get("numFilesRemoved", 0))


@contextmanager
def _conflicts_told_apart() -> Iterator[None]:
    """Turn what Delta Lake says of a commit that came second into a CommitConflictError."""
    from deltalake.exceptions import CommitFailedError, DeltaError

    try:
        yield
    except DeltaError as error:
        # The latter where two writers create the table.
        if isinstance(error, CommitFailedError) or "already exists" in str(error):
            raise CommitConflictError(
                f"another writer of {NAME} in Hopsworks kept committing first: run fewer writers "
                "at a time"
            ) from None
        raise


def _describe(group: FeatureGroup) -> None:
    """Describe the features where rows have made the feature group."""
    meanings = {column.name: column.description for column in CONSUMPTION.columns}
    features = [copy.copy(feature) for feature in group.columns if not feature.description]
    for feature in features:
        feature.description = meanings.get(feature.name)
    if features:
        group.update_features(features)


def _table(view: FeatureView) -> str:
    """What tells a feature view from another, and from one made anew under its name."""
    return f"{view.name}/{view.version}/{view.id}"


def _is_old(made: str) -> bool:
    """Whether a training dataset is so old that nobody is at work on it."""
    return utc_now() - datetime.strptime(made, _TIME) >= timedelta(hours=UNFINISHED_HOURS)


def _unless_no_data(read: Callable[[], Any]) -> Any:
    """What is read; None where nothing was ever written below the feature group."""
    from hopsworks_common.client.exceptions import FeatureStoreException

    try:
        return read()
    except FeatureStoreException as error:
        # The Query Service's words for a table without a commit.
        if any(words in str(error) for words in ("No delta logs", "No commits", "No data found")):
            return None
        raise


def _rows(found: pd.DataFrame | None, start: datetime, end: datetime) -> pd.DataFrame:
    """The rows of [start, end) as every store gives them: naive UTC, sorted by key."""
    import pandas as pd

    if found is None:
        found = pd.DataFrame(columns=list(CONSUMPTION.dtypes))
    times = pd.to_datetime(found[_EVENT_TIME], utc=True).dt.tz_localize(None)
    within = (times >= start) & (times < end)
    return conform(found.assign(**{_EVENT_TIME: times})[within], CONSUMPTION)
