"""The embedded feature store: one Delta Lake table in a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable, Field
from deltalake.exceptions import DeltaError
from deltalake.schema import PrimitiveType

from energy_assets.errors import NotFoundError, StorageError
from energy_assets.schemas import (
    CONSUMPTION,
    CONSUMPTION_VERSIONS,
    KNOWN_AT,
    PRIMARY_KEY,
    Table,
    conform,
)
from energy_assets.stores.commit_conflicts import RETENTION_HOURS, retry_on_conflict
from energy_assets.stores.embedded.delta_errors import delta_errors
from energy_assets.stores.feature_store import TrainingDataset
from energy_assets.stores.files import write_errors, write_whole
from energy_assets.stores.shards import SHARD, shard_of
from energy_assets.stores.versions import (
    count_newest_versions,
    newest_versions,
    storable,
    with_known_at,
)

_SCHEMA = CONSUMPTION_VERSIONS.arrow_schema

_COLUMNS = list(_SCHEMA.names)

# Versions of an earlier release have no known_at: they are known from their own hour on.
_SAME_VERSION = " AND ".join(
    [f"target.{column} = source.{column}" for column in PRIMARY_KEY]
    + [f"coalesce(target.{KNOWN_AT}, target.datetime_utc) = source.{KNOWN_AT}"]
)


class DeltaFeatureStore:
    """Versions of rows in Delta Lake; a training dataset is a table version and a range.

    A new table is divided into so many `shards`, each a partition of the table, so that some of
    the series can be read without touching the files of the others. An existing table stays as it
    is divided.

    Every commit adds a file to each shard, and many small files make reads slow, so the table is
    compacted after each `commits_per_compaction` commits, if it is divided five times as often.
    Maintenance keeps files younger than `retention_hours`.
    """

    def __init__(
        self,
        folder: Path,
        commits_per_compaction: int = 100,
        retention_hours: int = RETENTION_HOURS,
        shards: int = 1,
    ) -> None:
        self.folder = folder
        self._new_shards = shards
        # Delta Lake ignores folders whose name begins with an underscore.
        self.pins = folder / "_training_datasets"
        self.commits_per_compaction = commits_per_compaction
        self.retention_hours = retention_hours

    @property
    def shards(self) -> int:
        return self._shards_of(self._open())

    def upsert(self, versions: pd.DataFrame) -> None:
        stored = storable(versions)
        if stored.empty:
            return
        # Not Table.from_pandas, which would make nulls of NaN.
        columns = [
            pa.array(stored[field.name].to_numpy(), field.type, from_pandas=False)
            for field in _SCHEMA
        ]
        source = pa.Table.from_arrays(columns, schema=_SCHEMA)
        shards, same = self._shards_of(self._open(writing=True)), _SAME_VERSION
        if shards > 1:
            source = source.append_column(_shard_field(shards), pa.array(shard_of(stored, shards)))
            same = f"target.{SHARD} = source.{SHARD} AND {same}"
        # With the range as plain text in the predicate, Delta skips the files of other hours.
        first, last = (
            f"{stored['datetime_utc'].agg(edge):%Y-%m-%dT%H:%M:%S}" for edge in ("min", "max")
        )
        within = f"target.datetime_utc >= '{first}' AND target.datetime_utc <= '{last}'"
        retry_on_conflict(lambda: self._merge(source, f"{within} AND {same}"))

    def read(
        self,
        start: datetime,
        end: datetime,
        known_by: datetime | None = None,
        shard: int | None = None,
        table: Table = CONSUMPTION,
    ) -> pd.DataFrame:
        return newest_versions(self._versions(self._open(), start, end, shard), known_by, table)

    def read_versions(
        self, start: datetime, end: datetime, shard: int | None = None
    ) -> pd.DataFrame:
        return conform(self._versions(self._open(), start, end, shard), CONSUMPTION_VERSIONS)

    def create_training_dataset(
        self, start: datetime, end: datetime, known_by: datetime | None = None
    ) -> TrainingDataset:
        table = self._open()
        if table is None:
            raise NotFoundError(
                f"the feature store {self.folder} is empty: materialise feature_group first"
            )
        # One shard at a time, so that the rows of all of them are never in memory together.
        counts = tuple(
            count_newest_versions(self._versions(table, start, end, shard), known_by)
            for shard in range(_shards(table))
        )
        version = table.version()
        write_whole(self.pins / f"{version:020d}", b"")
        divided = counts if len(counts) > 1 else ()
        return TrainingDataset(
            version, start, end, sum(counts), str(table.metadata().id), known_by, divided
        )

    def read_training_dataset(
        self, dataset: TrainingDataset, shard: int | None = None
    ) -> pd.DataFrame:
        not_found = NotFoundError(
            f"version {dataset.version} of {self.folder} is gone: materialise feature_view again"
        )
        current = self._open()
        if current is None or str(current.metadata().id) != dataset.table:
            raise not_found
        table = self._open_version(dataset.version)
        if table is None:
            raise not_found
        try:
            versions = self._versions(table, dataset.start, dataset.end, shard)
        except StorageError as error:
            if isinstance(error.__cause__, FileNotFoundError):  # maintenance removed its files
                raise not_found from error
            raise
        rows = newest_versions(versions, dataset.known_by)
        if len(rows) != dataset.rows_of(shard):
            raise not_found
        return rows

    def maintain(self, keep: int) -> Mapping[str, int]:
        return retry_on_conflict(lambda: self._maintain(keep))

    def check(self) -> str:
        table = self._open()
        with write_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        return f"{self.folder}: " + ("empty" if table is None else f"version {table.version()}")

    def _shards_of(self, table: DeltaTable | None) -> int:
        return self._new_shards if table is None else _shards(table)

    def _merge(self, source: pa.Table, predicate: str) -> None:
        with delta_errors(self.folder, writing=True):
            self.folder.mkdir(parents=True, exist_ok=True)
            table = DeltaTable.create(
                self.folder,
                schema=source.schema,
                mode="ignore",
                partition_by=[SHARD] if SHARD in source.column_names else None,
                description=CONSUMPTION_VERSIONS.description,
            )
            if KNOWN_AT not in _columns(table):
                # Written by an earlier release. The column takes nulls: its rows have none.
                table.alter.add_columns([Field(KNOWN_AT, PrimitiveType("timestamp_ntz"))])
            (
                table.merge(
                    source, predicate=predicate, source_alias="source", target_alias="target"
                )
                .when_matched_update_all()
                .when_not_matched_insert_all()
                .execute()
            )
            often = 5 if _shards(table) > 1 else 1
            if table.version() % max(1, self.commits_per_compaction // often) == 0:
                table.optimize.compact()
                table.create_checkpoint()  # so that readers need not go through all commits

    def _maintain(self, keep: int) -> Mapping[str, int]:
        table = self._open()
        if table is None:
            return {"files removed": 0}
        pins = sorted(self.pins.glob("[0-9]*"))
        versions = [int(pin.name) for pin in pins[-keep:]]
        readable = [version for version in versions if self._open_version(version) is not None]
        with delta_errors(self.folder, writing=True):
            compacted = table.optimize.compact()
            removed = table.vacuum(
                retention_hours=self.retention_hours,
                dry_run=False,
                enforce_retention_duration=False,
                keep_versions=readable,
                full=True,  # also the files of writers that were killed before their commit
            )
            for pin in pins[:-keep]:
                pin.unlink()
        return {
            "training datasets kept": len(readable),
            "files compacted": compacted["numFilesRemoved"],
            "files removed": len(removed),
        }

    def _versions(
        self, table: DeltaTable | None, start: datetime, end: datetime, shard: int | None = None
    ) -> pd.DataFrame:
        """The versions of the rows of [start, end), in no order."""
        if table is None:
            return _SCHEMA.empty_table().to_pandas()
        hours = [("datetime_utc", ">=", start), ("datetime_utc", "<", end)]
        # As a filter, it would be compared with the statistics of every file of the table.
        partitions = None
        if shard is not None and _shards(table) > 1:
            partitions = [(SHARD, "=", str(shard))]
        columns = [name for name in _COLUMNS if name in _columns(table)]
        with delta_errors(self.folder):
            selected = table.to_pyarrow_table(partitions, columns=columns, filters=hours)
        return with_known_at(selected.to_pandas())

    def _open(self, writing: bool = False) -> DeltaTable | None:
        """The table as it is now; None if nothing has been written yet."""
        with delta_errors(self.folder, writing=writing):
            try:
                # Without this, Delta Lake says "Invalid table URI" whatever is wrong.
                os.scandir(self.folder).close()
            except FileNotFoundError:
                return None
            if not DeltaTable.is_deltatable(str(self.folder)):
                return None
            return DeltaTable(self.folder)

    def _open_version(self, version: int) -> DeltaTable | None:
        """The table at a version; None if Delta Lake has removed that version from its log."""
        with delta_errors(self.folder):
            try:
                return DeltaTable(self.folder, version=version)
            except DeltaError:
                return None


def _shard_field(shards: int) -> pa.Field:
    """The partition column. It says how many shards there are: Delta takes no settings of ours."""
    return pa.field(SHARD, pa.int32(), nullable=False, metadata={"shards": str(shards)})


def _shards(table: DeltaTable) -> int:
    """How many shards a table is divided into."""
    for field in table.schema().fields:
        if field.name == SHARD:
            return int(field.metadata["shards"])
    return 1


def _columns(table: DeltaTable) -> set[str]:
    return {field.name for field in table.schema().fields}
