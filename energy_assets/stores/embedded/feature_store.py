"""The embedded feature store: one Delta Lake table in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from energy_assets.errors import NotFoundError, StorageError
from energy_assets.schemas import CONSUMPTION, PRIMARY_KEY
from energy_assets.stores.commit_conflicts import (
    UNFINISHED_HOURS,
    CommitConflictError,
    again_after_conflicts,
)
from energy_assets.stores.feature_store import TrainingDataset, check_unique
from energy_assets.stores.files import reading, write_whole, writing_to

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from deltalake import DeltaTable

COMPACT_EVERY = 100
"""Commits between two compactions: every commit adds a file, and many small files slow reads."""


_DAMAGED = "the table is damaged; delete its folder and materialise feature_group again"


class DeltaFeatureStore:
    """The consumption table as Delta Lake; a training dataset is a table version and a range."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Delta Lake leaves folders alone that begin with an underscore.
        self.pins = folder / "_training_datasets"

    @again_after_conflicts
    def upsert(self, rows: pd.DataFrame) -> None:
        from deltalake.exceptions import CommitFailedError

        check_unique(rows)
        if rows.empty:
            return
        source = _to_arrow(rows)
        # The range as plain text in the predicate lets Delta skip the files of other hours.
        first, last = (
            f"{rows['datetime_utc'].agg(edge):%Y-%m-%dT%H:%M:%S}" for edge in ("min", "max")
        )
        same_key = " AND ".join(f"target.{column} = source.{column}" for column in PRIMARY_KEY)
        within = f"target.datetime_utc >= '{first}' AND target.datetime_utc <= '{last}'"
        with writing_to(self.folder):
            try:
                table = self._open_or_create()
                (
                    table.merge(
                        source,
                        predicate=f"{within} AND {same_key}",
                        source_alias="source",
                        target_alias="target",
                    )
                    .when_matched_update_all()
                    .when_not_matched_insert_all()
                    .execute()
                )
                if table.version() % COMPACT_EVERY == 0:
                    table.optimize.compact()
            except CommitFailedError as error:
                raise CommitConflictError(
                    f"{self.folder}: another writer kept committing first; "
                    "run fewer writers at a time"
                ) from error

    def read(self, start: datetime, end: datetime) -> pd.DataFrame:
        table = self._open()
        if table is None:
            return _to_pandas(None)
        return self._rows(table, start, end)

    def create_training_dataset(self, start: datetime, end: datetime) -> TrainingDataset:
        table = self._open()
        if table is None:
            raise NotFoundError(
                f"the feature store {self.folder} is empty: materialise feature_group first"
            )
        rows, version = len(self._rows(table, start, end)), table.version()
        write_whole(self.pins / f"{version:020d}", b"")
        return TrainingDataset(version, start, end, rows, table=str(table.metadata().id))

    def read_training_dataset(self, dataset: TrainingDataset) -> pd.DataFrame:
        from deltalake.exceptions import DeltaError

        gone = NotFoundError(
            f"version {dataset.version} of {self.folder} is gone: materialise feature_view again"
        )
        present = self._open()
        if present is None or str(present.metadata().id) != dataset.table:
            raise gone
        try:
            rows = self._rows(self._at(dataset.version), dataset.start, dataset.end)
        except (DeltaError, StorageError) as error:
            if isinstance(error, StorageError) and not isinstance(
                error.__cause__, FileNotFoundError
            ):
                raise
            raise gone from error  # maintenance has removed the version, or its files
        if len(rows) != dataset.rows:
            raise gone
        return rows

    @again_after_conflicts
    def maintain(self, keep: int) -> Mapping[str, int]:
        from deltalake.exceptions import CommitFailedError, DeltaError

        table = self._open()
        if table is None:
            return {"files removed": 0}
        pins = sorted(self.pins.glob("[0-9]*"))
        kept = [int(pin.name) for pin in pins[-keep:] if self._is_readable(int(pin.name))]
        with writing_to(self.folder):
            try:
                compacted = table.optimize.compact()
                removed = table.vacuum(
                    retention_hours=UNFINISHED_HOURS,
                    dry_run=False,
                    enforce_retention_duration=False,
                    keep_versions=kept,
                )
            except CommitFailedError as error:
                raise CommitConflictError(f"{self.folder}: writers left no time") from error
            except DeltaError as error:
                reason = str(error).splitlines()[0]
                raise StorageError(f"cannot maintain {self.folder} ({reason})") from error
            for pin in pins[:-keep]:
                pin.unlink()
        return {
            "training datasets kept": len(kept),
            "files compacted": compacted["numFilesRemoved"],
            "files removed": len(removed),
        }

    def check(self) -> str:
        table = self._open()
        with writing_to(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        return f"{self.folder}: " + ("empty" if table is None else f"version {table.version()}")

    def _rows(self, table: DeltaTable, start: datetime, end: datetime) -> pd.DataFrame:
        filters = [("datetime_utc", ">=", start), ("datetime_utc", "<", end)]
        with reading(self.folder, _DAMAGED):
            return _to_pandas(table.to_pyarrow_table(filters=filters))

    def _at(self, version: int) -> DeltaTable:
        from deltalake import DeltaTable

        return DeltaTable(self.folder, version=version)

    def _is_readable(self, version: int) -> bool:
        """Whether the table's log still reaches back to a version: Delta Lake shortens it."""
        from deltalake.exceptions import DeltaError

        try:
            self._at(version)
        except DeltaError:
            return False
        return True

    def _open(self) -> DeltaTable | None:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        try:
            with reading(self.folder, "set STORAGE_ROOT to a folder that can be used"):
                found = DeltaTable.is_deltatable(str(self.folder))
                return DeltaTable(self.folder) if found else None
        except DeltaError as error:
            # The rest of Delta's message is a backtrace of its own.
            reason = str(error).splitlines()[0]
            raise StorageError(f"cannot read {self.folder} ({reason}): {_DAMAGED}") from error

    def _open_or_create(self) -> DeltaTable:
        from deltalake import DeltaTable

        with writing_to(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            return DeltaTable.create(
                self.folder,
                schema=_arrow_schema(),
                mode="ignore",
                description=CONSUMPTION.description,
            )


def _arrow_schema() -> pa.Schema:
    import pyarrow as pa

    types = {"str": pa.string(), "datetime64[ns]": pa.timestamp("us"), "float64": pa.float64()}
    return pa.schema(
        [
            pa.field(column.name, types[column.dtype], nullable=False)
            for column in CONSUMPTION.columns
        ]
    )


def _to_arrow(rows: pd.DataFrame) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pandas(rows, schema=_arrow_schema(), preserve_index=False)


def _to_pandas(table: pa.Table | None) -> pd.DataFrame:
    table = _arrow_schema().empty_table() if table is None else table
    rows = table.to_pandas()[list(CONSUMPTION.dtypes)]
    rows["datetime_utc"] = rows["datetime_utc"].astype("datetime64[ns]")
    return rows.sort_values(list(PRIMARY_KEY), ignore_index=True)
