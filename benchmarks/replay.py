"""A replay beside the same calls without Dagster and stores: what keeping everything costs.

    python -m benchmarks.replay

Both train, forecast and score every hour of a week for all series of the simulator, day by day in
turn. The replay is what `make backfill` does: its runs pin the training datasets, register the
models, and store, publish, draw and check the forecasts, in files in a temporary folder.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from benchmarks import tables

if TYPE_CHECKING:
    from energy_assets.commands.deployment import Deployment
    from energy_assets.commands.steps import Step

FIRST = datetime(2023, 3, 6, 22)
BOUND = 1.3


def main() -> int:
    """Print the table; the exit status is 1 if the bound is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=int, default=168)
    tables.add_options(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds = _replay(Path(folder), options.hours)
    table = pd.DataFrame({"seconds": seconds}).rename_axis("what")
    table["seconds an hour"] = table["seconds"] / options.hours
    table["ratio"] = table["seconds"] / seconds["plain calls"]
    tables.publish("replay", {f"{options.hours} hours": table}, options)
    return int(table.loc["replay", "ratio"] > BOUND)


def _replay(folder: Path, hours: int) -> Mapping[str, float]:
    home = folder / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    os.environ |= {"DAGSTER_HOME": str(home), "PARTITIONS_START": "2023-01-01-00:00"}
    from energy_assets.commands.deployment import Deployment
    from energy_assets.commands.execution import execute
    from energy_assets.commands.steps import steps_to_replay
    from energy_assets.partitions import HOUR
    from energy_assets.settings import read_settings

    logging.disable(logging.WARNING)
    deployment = Deployment.of(
        read_settings(
            _env_file=None,
            storage_root=folder / "storage",
            energy_source="simulator",
            tuning_trials=1,
            wandb_mode="disabled",
        )
    )
    last = FIRST + (hours - 1) * HOUR
    earlier, steps = [], []
    for step in steps_to_replay(deployment, FIRST, last):
        (steps if step.job == "hourly_job" else earlier).append(step)
    execute(deployment, earlier)
    plain = _plain_calls(deployment, FIRST, last)
    seconds = {"plain calls": 0.0, "replay": 0.0}
    for number, step in enumerate(steps):
        for name in sorted(seconds, reverse=bool(number % 2)):
            started = time.monotonic()
            if name == "replay":
                execute(deployment, [step])
            else:
                plain(step)
            seconds[name] += time.monotonic() - started
    return seconds


def _plain_calls(deployment: Deployment, first: datetime, last: datetime) -> Callable[[Step], None]:
    """What trains, forecasts and scores the hours of a step, with everything in memory."""
    from energy_assets.forecasts.gate import train
    from energy_assets.partitions import HORIZON, HOUR, window_of
    from energy_assets.schemas import QUANTILES, TARGET, as_panel

    profile, days = deployment.source.profile, deployment.settings.days_export
    start, _ = window_of(first, days)
    rows = deployment.feature_store.read(start, last + HOUR)
    forecasts: list[pd.DataFrame] = []

    def hour_of(hour: datetime) -> None:
        start, end = window_of(hour, days)
        panel = as_panel(rows[rows["datetime_utc"].between(start, end, inclusive="left")])
        # The search of one trial has chosen the default configuration.
        trained = train(panel, {}, profile.country, profile.timezone)
        actual = panel.xs(pd.Timestamp(hour), level=-1, drop_level=False)[TARGET].rename("actual")
        for forecast in forecasts[-HORIZON:]:
            scored = forecast.join(actual, how="inner")
            ((scored["forecast"] - scored["actual"]) / scored["actual"]).abs()
        if trained.forecaster is not None:
            forecasts.append(trained.forecaster.predict(HORIZON, QUANTILES))

    def plain_calls(step: Step) -> None:
        for number in range(step.hours):
            hour_of(step.first + number * HOUR)

    return plain_calls


if __name__ == "__main__":
    sys.exit(main())
