"""The hosted feature store: reads are ranges of hours of one feature view.

A training dataset is a version of the view's training data: files of its own, which no later upsert
changes. The Query Service gives every version of the rows; which of them hold is worked out here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from energy_assets.errors import NotFoundError
from energy_assets.schemas import CONSUMPTION, CONSUMPTION_VERSIONS, KNOWN_AT, Table, conform
from energy_assets.settings import Settings, utc_now
from energy_assets.stores.commit_conflicts import LONGEST_PAUSE, RETENTION_HOURS, retry_on_conflict
from energy_assets.stores.feature_store import TrainingDataset
from energy_assets.stores.hopsworks.connection import HopsworksConnection
from energy_assets.stores.hopsworks.feature_group import EVENT_TIME, VIEW, FeatureGroup, view_id
from energy_assets.stores.versions import newest_versions, storable, with_known_at

if TYPE_CHECKING:
    from hopsworks.project import Project

T = TypeVar("T")

_MADE_AT = re.compile(r"Made at (\S+) UTC")
_TIME = "%Y-%m-%dT%H:%M:%S"


class HopsworksFeatureStore:
    """Versions of rows in a feature group, for one source and its data set.

    `now` gives the time (naive UTC) by which training datasets are dated. Maintenance keeps those
    younger than `retention_hours`: a run may still be making or reading them.
    """

    def __init__(
        self,
        connection: HopsworksConnection,
        settings: Settings,
        source_id: str,
        retention_hours: int = RETENTION_HOURS,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.connection = connection
        self.group = FeatureGroup(settings, source_id)
        self.retention_hours = retention_hours
        self.now = now

    shards = 1
    """A feature group is not divided: its rows are read through a query service."""

    def upsert(self, versions: pd.DataFrame) -> None:
        stored = storable(versions)
        if stored.empty:
            return
        self._retry(lambda project: self.group.insert(project, stored))

    def read(
        self,
        start: datetime,
        end: datetime,
        known_by: datetime | None = None,
        shard: int | None = None,
        table: Table = CONSUMPTION,
    ) -> pd.DataFrame:
        return newest_versions(self._read(start, end), known_by, table)

    def read_versions(
        self, start: datetime, end: datetime, shard: int | None = None
    ) -> pd.DataFrame:
        return conform(self._read(start, end), CONSUMPTION_VERSIONS)

    def create_training_dataset(
        self, start: datetime, end: datetime, known_by: datetime | None = None
    ) -> TrainingDataset:
        def action(project: Project) -> tuple[int, str]:
            view = self.group.view(project)
            if view is None:
                raise NotFoundError(
                    f"the feature group {self.group} is empty: materialise feature_group first"
                )
            self.connection.require_query_service()
            version, _ = view.create_training_data(
                start_time=start,
                end_time=end,
                description=f"Rows of {start} to {end}. Made at {self.now():{_TIME}} UTC",
                # The Query Service writes Parquet; any other format needs a Spark job.
                data_format="parquet",
                # With statistics, times would come back as text.
                statistics_config=False,
            )
            return version, view_id(view)

        version, table = self.connection.call(action)
        dataset = TrainingDataset(version, start, end, 0, table, known_by)
        return replace(dataset, rows=len(self._read_pinned(dataset)))

    def read_training_dataset(
        self, dataset: TrainingDataset, shard: int | None = None
    ) -> pd.DataFrame:
        try:
            rows = self._read_pinned(dataset)
        except NotFoundError:
            rows = None
        if rows is None or len(rows) != dataset.rows:
            raise NotFoundError(
                f"training dataset {dataset.version} of {VIEW} version {self.group.version} is "
                "gone or incomplete: materialise feature_view again"
            )
        return rows

    def maintain(self, keep: int) -> Mapping[str, int]:
        def action(project: Project) -> Mapping[str, int]:
            view = self.group.view(project)
            if view is None:
                return {"files compacted": 0, "training datasets removed": 0}
            # Hopsworks' own list, because several deployments may pin rows in this view.
            made_at = {
                dataset.version: datetime.strptime(match[1], _TIME)
                for dataset in view.get_training_datasets()
                if (match := _MADE_AT.search(dataset.description or ""))
            }
            limit = self.now() - timedelta(hours=self.retention_hours)
            old = [version for version in sorted(made_at)[:-keep] if made_at[version] <= limit]
            for version in old:
                view.delete_training_dataset(version)
            return {
                "files compacted": self.group.compact(project, self.retention_hours),
                "training datasets removed": len(old),
            }

        return self._retry(action)

    def check(self) -> str:
        def action(project: Project) -> str:
            group = self.group.find_writable(project.get_feature_store())
            self.connection.require_query_service()
            return "empty" if group is None else f"at {group.location}"

        return f"{self.connection}: feature group {self.group} {self.connection.call(action)}"

    def _retry(self, action: Callable[[Project], T]) -> T:
        """Call `action`, and repeat it as a whole each time that another writer commits first."""
        pause = min(LONGEST_PAUSE, self.connection.policy.longest_pause)
        return retry_on_conflict(lambda: self.connection.call(action), pause)

    def _read(self, start: datetime, end: datetime) -> pd.DataFrame:
        """The versions of the rows of [start, end), in no order."""

        def action(project: Project) -> pd.DataFrame | None:
            view = self.group.view(project)
            if view is None:
                return None
            self.connection.require_query_service()
            return _unless_never_written(
                lambda: view.get_batch_data(start_time=start, end_time=end, dataframe_type="pandas")
            )

        return _versions(self.connection.call(action), start, end)

    def _read_pinned(self, dataset: TrainingDataset) -> pd.DataFrame:
        def action(project: Project) -> pd.DataFrame | None:
            view = self.group.view(project)
            if view is None or view_id(view) != dataset.table:
                raise NotFoundError(f"there is no {VIEW} {dataset.table}")
            self.connection.require_query_service()
            try:
                features, _ = view.get_training_data(
                    dataset.version, primary_key=True, event_time=True, dataframe_type="pandas"
                )
            except ValueError as error:
                if "No objects to concatenate" in str(error):  # no rows, and so no file
                    return None
                raise
            return features

        versions = _versions(self.connection.call(action), dataset.start, dataset.end)
        return newest_versions(versions, dataset.known_by)


def _unless_never_written(read: Callable[[], pd.DataFrame]) -> pd.DataFrame | None:
    """The result of `read`; None if the feature group's table has never been written to."""
    from hopsworks_common.client.exceptions import FeatureStoreException

    try:
        return read()
    except FeatureStoreException as error:
        # The Query Service's messages for a table without a commit.
        if any(words in str(error) for words in ("No delta logs", "No commits", "No data found")):
            return None
        raise


def _versions(features: pd.DataFrame | None, start: datetime, end: datetime) -> pd.DataFrame:
    """The versions of the rows of [start, end), with naive UTC times."""
    if features is None:
        features = pd.DataFrame(columns=list(CONSUMPTION_VERSIONS.dtypes))
    times = {
        name: pd.to_datetime(features[name], utc=True).dt.tz_localize(None)
        for name in (EVENT_TIME, KNOWN_AT)
        if name in features
    }
    within = (times[EVENT_TIME] >= start) & (times[EVENT_TIME] < end)
    versions = with_known_at(features.assign(**times)[within])
    return versions.astype(CONSUMPTION_VERSIONS.dtypes)
