"""Tracking of experiments: what an asset tells of a partition, and who keeps it.

No result depends on it. Disabled, which is the default, nothing is told and no client is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from energy_assets.forecasting.tuning.search import Engine
    from energy_assets.settings import Settings

JOB_TYPES = {
    "feature_view": "feature_view",
    "split": "split",
    "best_config": "hyperparameter_tuning",
    "model": "training",
    "predictions_parquet": "forecast",
    "monitoring_metrics": "monitoring",
}
"""What is told of, and the job type of its runs."""


@dataclass(frozen=True)
class Reference:
    """What an asset made at a partition, as another one's input: never the data itself."""

    name: str
    partition: str

    def __str__(self) -> str:
        return f"{self.name} {self.partition}"


@dataclass(frozen=True)
class Record:
    """The finished figures of one partition. Tables are small, pictures are PNG."""

    name: str
    """One of `JOB_TYPES`."""
    partition: str
    config: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    """Figures in the order in which they came about: of trials, of hours."""
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    uses: Sequence[Reference] = ()
    makes: Mapping[str, Any] | None = None
    """A JSON document that tells later records what was made, such as a pinned reference."""


@dataclass(frozen=True)
class Tracked:
    """Where a record can be seen; all empty where nothing is tracked."""

    run: str = ""
    """The run's id, the same whenever the partition is run again."""
    url: str = ""
    folder: str = ""
    problem: str = ""
    """Why it, or a part of it, is not where it should be."""


class SearchEngine(Protocol):
    """An engine of `forecasting.tuning` that says how its search went."""

    @property
    def engine(self) -> Engine | None:
        """The engine; None for the one that comes with `tuning`."""

    @property
    def found(self) -> Mapping[str, str]:
        """What a person should know of the search when it is over: where it is, what failed."""


@dataclass(frozen=True)
class EmbeddedSearch:
    """A search without W&B."""

    engine: Engine | None = None
    found: Mapping[str, str] = field(default_factory=lambda: {"engine": "optuna"})


class Tracking(Protocol):
    """Keeps what assets tell, for people to compare. Nothing it meets with fails an asset."""

    def log(self, tell: Callable[[], Record]) -> Tracked:
        """Keep a record, which is made only where it is wanted."""

    def search(self, partition: str) -> SearchEngine:
        """Who chooses the configurations of the search of a partition."""

    def check(self) -> str:
        """Tell a person what was reached; raises CredentialError or StorageError if nothing was."""


class NoTracking:
    """Nothing is wanted."""

    def log(self, tell: Callable[[], Record]) -> Tracked:
        """Leave it."""
        return Tracked()

    def search(self, partition: str) -> SearchEngine:
        """The engine that comes with the package."""
        return EmbeddedSearch()

    def check(self) -> str:
        """There is nothing to be reached."""
        return "nothing is recorded"


def open_tracking(settings: Settings, source_id: str) -> Tracking:
    """The tracking that WANDB_MODE chooses.

    Raises CredentialError if it is `online` and one of its settings is missing. Nothing is
    connected to before its use.
    """
    if settings.wandb_mode == "disabled":
        return NoTracking()
    from energy_assets.tracking.wandb_tracking import WandbTracking

    return WandbTracking(settings, source_id)
