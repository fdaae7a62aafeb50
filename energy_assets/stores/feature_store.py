"""The feature store protocol: the consumption table, and training datasets pinned in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pandas as pd

from energy_assets.errors import ContractError
from energy_assets.schemas import PRIMARY_KEY


@dataclass(frozen=True)
class TrainingDataset:
    """A reference to the rows of [start, end) as they were at one version of a table."""

    version: int
    start: datetime
    end: datetime
    rows: int
    table: str
    """Identifies the table that `version` counts in: a new table counts from zero again."""


class FeatureStore(Protocol):
    """The table `schemas.CONSUMPTION`, keyed by (area, consumer_type, datetime_utc)."""

    def upsert(self, rows: pd.DataFrame) -> None:
        """Insert the rows and replace rows with the same key, in one commit.

        Raises ContractError if two of the rows have the same key, StorageError if they cannot be
        written.
        """

    def read(self, start: datetime, end: datetime) -> pd.DataFrame:
        """The rows of [start, end), sorted by key; no rows if the store is empty."""

    def create_training_dataset(self, start: datetime, end: datetime) -> TrainingDataset:
        """Pin the rows of [start, end) as they are now."""

    def read_training_dataset(self, dataset: TrainingDataset) -> pd.DataFrame:
        """The pinned rows, sorted by key. Later changes to the table do not affect them."""

    def maintain(self, keep: int) -> Mapping[str, int]:
        """Compact the table; remove files that neither it nor the `keep` newest pins need.

        Returns counts of what was done.
        """

    def check(self) -> str:
        """Describe it for a person; raises CredentialError or StorageError if it cannot be used."""


def check_unique(rows: pd.DataFrame) -> None:
    """Raise ContractError if a key occurs twice: a merge would store both rows."""
    repeated = rows.duplicated(list(PRIMARY_KEY))
    if repeated.any():
        area, consumer_type, hour = rows.loc[repeated, list(PRIMARY_KEY)].iloc[0]
        raise ContractError(
            f"{int(repeated.sum())} rows repeat a key, first ({area}, {consumer_type}, {hour}); "
            "pass each (area, consumer_type, datetime_utc) once"
        )
