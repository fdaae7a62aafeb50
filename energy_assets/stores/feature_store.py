"""The feature store: the consumption table, and training datasets pinned in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from energy_assets.errors import ContractError
from energy_assets.schemas import PRIMARY_KEY

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TrainingDataset:
    """A reference to the rows of [start, end) as they stood at a version of a table."""

    version: int
    start: datetime
    end: datetime
    rows: int
    table: str
    """In which table the version counts: another, or one made anew, counts from the start."""


class FeatureStore(Protocol):
    """The table `schemas.CONSUMPTION`, keyed by (area, consumer_type, datetime_utc)."""

    def upsert(self, rows: pd.DataFrame) -> None:
        """Insert the rows, replacing those of equal key, in one commit.

        Raises ContractError when two of the rows have the same key, StorageError when the store
        refuses.
        """

    def read(self, start: datetime, end: datetime) -> pd.DataFrame:
        """The rows of [start, end), sorted by key; none where the store is empty."""

    def create_training_dataset(self, start: datetime, end: datetime) -> TrainingDataset:
        """Pin the rows of [start, end) as they stand now."""

    def read_training_dataset(self, dataset: TrainingDataset) -> pd.DataFrame:
        """The pinned rows, the same however the table has changed since, sorted by key."""

    def maintain(self, keep: int) -> Mapping[str, int]:
        """Compact the table; remove what neither it nor the `keep` newest pins need.

        Tells how much was done.
        """

    def check(self) -> str:
        """Tell a person what was reached; raises CredentialError or StorageError if nothing was."""


def check_unique(rows: pd.DataFrame) -> None:
    """Raise ContractError if a key occurs twice: a merge would store both rows."""
    repeated = rows.duplicated(list(PRIMARY_KEY))
    if repeated.any():
        area, consumer_type, hour = rows.loc[repeated, list(PRIMARY_KEY)].iloc[0]
        raise ContractError(
            f"{int(repeated.sum())} rows repeat a key, first ({area}, {consumer_type}, {hour}); "
            "pass each (area, consumer_type, datetime_utc) once"
        )
