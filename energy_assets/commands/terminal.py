"""Output that several commands share: the progress bar, and tables of errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from energy_assets.commands.deployment import Deployment
from energy_assets.forecasts.scoring import errors_by_horizon
from energy_assets.partitions import HORIZON, HOUR, WEEK
from energy_assets.schemas import MONITORING, SERIES_KEY, of_the_same_series
from energy_assets.stores.parquet import read_hours

console = Console(highlight=False, soft_wrap=True)


def progress_bar() -> Progress:
    """A bar with a spinner and the elapsed time; nothing if the output is not a terminal."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        # In a log file a bar that redraws itself is noise.
        disable=not console.is_terminal,
    )


@dataclass(frozen=True)
class Scored:
    """Scored forecasts, and the observations that the seasonal naives forecast them with."""

    rows: pd.DataFrame
    observations: pd.DataFrame

    @property
    def by_horizon(self) -> pd.DataFrame:
        """The table of `errors_by_horizon`."""
        return errors_by_horizon(self.rows, self.observations)


def scored_forecasts(deployment: Deployment, first: datetime, last: datetime) -> Scored:
    """The forecasts scored from `first` to `last`, both included.

    If the series are divided into shards, those of the first one: its series are enough for the
    figures of a command, and all of them may be too many for its memory.
    """
    store = deployment.feature_store
    observations = store.read(first - WEEK, last + HOUR, shard=0)
    hours = (first + number * HOUR for number in range((last - first) // HOUR + 1))
    filters = None
    if store.shards > 1:
        filters = [(name, "in", set(observations[name])) for name in SERIES_KEY]
    rows = read_hours(deployment.object_store, MONITORING.name, hours, filters)
    if filters and len(rows):
        rows = of_the_same_series(rows, observations)
    return Scored(rows, observations)


def print_errors(scored: Scored, title: str) -> pd.DataFrame:
    """Print the MAPE of scored forecasts by hours ahead, beside both seasonal naives.

    Returns the table of `errors_by_horizon`.
    """
    errors = scored.by_horizon
    table = Table(title=title, title_justify="left")
    for heading in ("hours ahead", "MAPE", "yesterday's", "last week's"):
        table.add_column(heading, justify="right")
    for start in range(1, HORIZON, 6):
        group = errors.loc[start : start + 5].mean()
        if group.notna().any():
            table.add_row(f"{start}-{start + 5}", *(f"{error:.4f}" for error in group))
    table.add_row("all", *(f"{error:.4f}" for error in errors.mean()), style="bold")
    console.print(table)
    console.print(
        f"         {len(scored.rows):,} forecasts scored; the 80 % interval held "
        f"{scored.rows['covered'].mean():.0%} of the observations"
    )
    return errors
