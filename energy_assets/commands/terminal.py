"""Output that several commands share: the progress bar, and tables of errors."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from energy_assets.commands.deployment import Deployment
from energy_assets.forecasts.scoring import errors_by_horizon
from energy_assets.partitions import HORIZON, HOUR, WEEK
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


def scored_forecasts(deployment: Deployment, first: datetime, last: datetime) -> pd.DataFrame:
    """The rows of monitoring_metrics from `first` to `last`, both included; empty if none."""
    hours = (first + number * HOUR for number in range((last - first) // HOUR + 1))
    return read_hours(deployment.object_store, "monitoring_metrics", hours)


def print_errors(deployment: Deployment, scored: pd.DataFrame, title: str) -> pd.DataFrame:
    """Print the MAPE of scored forecasts by hours ahead, beside both seasonal naives.

    Returns the table of `errors_by_horizon`.
    """
    first, last = scored["datetime_utc"].min(), scored["datetime_utc"].max()
    observations = deployment.feature_store.read(first - WEEK, last + HOUR)
    errors = errors_by_horizon(scored, observations)
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
        f"         {len(scored):,} forecasts scored; the 80 % interval held "
        f"{scored['covered'].mean():.0%} of the observations"
    )
    return errors
