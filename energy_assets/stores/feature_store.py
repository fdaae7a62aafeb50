"""The feature store protocol: versions of consumption rows, and training datasets pinned in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pandas as pd

from energy_assets.schemas import CONSUMPTION, Table


@dataclass(frozen=True)
class TrainingDataset:
    """A reference to the rows of [start, end) as they were at one version of a table."""

    version: int
    start: datetime
    end: datetime
    rows: int
    table: str
    """Identifies the table that `version` counts in: a new table counts from zero again."""
    known_by: datetime | None = None
    """The rows are those known by then. None: all that the version of the table knew."""
    shard_rows: tuple[int, ...] = ()
    """How many of the rows are in each shard; empty if they are not divided."""

    def rows_of(self, shard: int | None) -> int:
        """How many rows a shard has; without one, all of them."""
        return self.rows if shard is None or not self.shard_rows else self.shard_rows[shard]


class FeatureStore(Protocol):
    """Every version of the consumption rows, `schemas.CONSUMPTION_VERSIONS`.

    Readers get `schemas.CONSUMPTION`: of each row the newest version known by a time, or no row if
    that version closes it.
    """

    def upsert(self, versions: pd.DataFrame) -> None:
        """Insert versions, in one commit; one with the same key and `known_at` is replaced.

        All other versions stay as they are. Raises ContractError if two of the versions have the
        same key and `known_at`, or if one has none; StorageError if they cannot be written.
        """

    @property
    def shards(self) -> int:
        """How many groups of series can be read by themselves; 1 if they are not divided."""

    def read(
        self,
        start: datetime,
        end: datetime,
        known_by: datetime | None = None,
        shard: int | None = None,
        table: Table = CONSUMPTION,
    ) -> pd.DataFrame:
        """The rows of [start, end), sorted by key; no rows if the store is empty.

        Versions known later than `known_by` do not count; None: all count. With `shard`, counted
        from 0, only the rows of its series. With `CONSUMPTION_VERSIONS` as the `table`, each row
        says since when it has been known.
        """

    def read_versions(
        self, start: datetime, end: datetime, shard: int | None = None
    ) -> pd.DataFrame:
        """All versions of the rows of [start, end), sorted by key and `known_at`."""

    def create_training_dataset(
        self, start: datetime, end: datetime, known_by: datetime | None = None
    ) -> TrainingDataset:
        """Pin the rows of [start, end) that were known by `known_by`, as they are now."""

    def read_training_dataset(
        self, dataset: TrainingDataset, shard: int | None = None
    ) -> pd.DataFrame:
        """The pinned rows, sorted by key. Later changes to the table do not affect them."""

    def maintain(self, keep: int) -> Mapping[str, int]:
        """Compact the table; remove files that neither it nor the `keep` newest pins need.

        Returns counts of what was done.
        """

    def check(self) -> str:
        """Describe it for a person; raises CredentialError or StorageError if it cannot be used."""
