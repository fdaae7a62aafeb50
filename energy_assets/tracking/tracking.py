"""What is tracked, and the protocol of those that keep it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd

from energy_assets.forecasting.tuning.objective import Objective

JOB_TYPES = {
    "feature_view": "feature_view",
    "split": "split",
    "best_config": "hyperparameter_tuning",
    "model": "training",
    "predictions_parquet": "forecast",
    "monitoring_metrics": "monitoring",
}
"""The names of records, and the job types of their runs."""


@dataclass(frozen=True)
class Reference:
    """The output of an asset at a partition, as an input of another. Never the data itself."""

    name: str
    partition: str

    def __str__(self) -> str:
        return f"{self.name} {self.partition}"


@dataclass(frozen=True)
class Record:
    """The final figures of one partition. Tables are small, pictures are PNG."""

    name: str
    """One of `JOB_TYPES`."""
    partition: str
    config: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    """Figures in order, one entry for each trial or hour."""
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    uses: Sequence[Reference] = ()
    makes: Mapping[str, Any] | None = None
    """A JSON document about the output, such as a pinned reference, for later records to use."""


@dataclass(frozen=True)
class Tracked:
    """Where to find a record. All fields are empty if nothing is tracked."""

    run: str = ""
    """The id of the run. It stays the same when the partition is run again."""
    url: str = ""
    folder: str = ""
    problem: str = ""
    """Why the record, or a part of it, is missing there."""


class Search(Protocol):
    """Chooses the configurations of one hyperparameter search."""

    @property
    def notes(self) -> Mapping[str, str]:
        """What a person should know after the search: where to find it, and what failed."""

    def __call__(self, objective: Objective) -> None:
        """Try configurations until `objective` is over; the default one has been tried already."""


class EmbeddedSearch:
    """A search without W&B."""

    notes: Mapping[str, str] = {"engine": "optuna"}

    def __call__(self, objective: Objective) -> None:
        """Let Optuna choose."""
        from energy_assets.forecasting.tuning.optuna_search import search_with_optuna

        search_with_optuna(objective)


class Tracking(Protocol):
    """Keeps records for people to compare. If tracking fails, no asset fails."""

    def log(self, make_record: Callable[[], Record]) -> Tracked:
        """Keep a record. `make_record` is called only if records are kept."""

    def search(self, partition: str) -> Search:
        """The search for the configuration of a partition."""

    def check(self) -> str:
        """Describe what was reached; raises CredentialError or StorageError if nothing was."""


class NoTracking:
    """Keeps nothing."""

    def log(self, make_record: Callable[[], Record]) -> Tracked:
        """Do nothing."""
        return Tracked()

    def search(self, partition: str) -> Search:
        """Optuna's search."""
        return EmbeddedSearch()

    def check(self) -> str:
        """There is nothing to reach."""
        return "nothing is recorded"
