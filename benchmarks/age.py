"""The hourly job of a deployment that has run for a year, beside one that has run for a month.

    python -m benchmarks.age

Both load their rows through the ingestion job, and run three hours. For each hour before, they get
what an hour leaves behind: the model, the forecast, the scores and the published files of one of
these hours, linked. Then their hourly jobs take turns, each in its own process.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import pandas as pd

from benchmarks import tables
from benchmarks.runs import at, environment_in, job, run
from energy_assets.partitions import DAY, HOUR, key_of

ORIGIN = datetime(2023, 3, 7, 1)
DAYS = {"a month": 31, "a year": 366}
BOUND = 1.15
_LEFT_BEHIND = (
    "models/best_model/versions/{0:%Y-%m-%dT%H}-*",
    "objects/predictions_parquet/{0:%Y-%m-%d/%H}.parquet",
    "objects/monitoring_metrics/{0:%Y-%m-%d/%H}.parquet",
    "objects/feature_view/{0:%Y-%m-%d/%H}.json",
    "objects/published/{0:%Y-%m-%d/%H}",
)
"""Files and folders of an hour, below a deployment's folder."""


def main() -> int:
    """Print the table; the exit status is 1 if the bound is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=7)
    tables.add_options(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        deployments = {
            name: _deployment(Path(folder) / name.replace(" ", "-"), days)
            for name, days in DAYS.items()
        }
        seconds: dict[str, list[float]] = {name: [] for name in DAYS}
        for number in range(options.repeat):
            command = [*job("hourly_job"), "--tags", at(ORIGIN + (3 + number) * HOUR)]
            for name in sorted(DAYS, reverse=bool(number % 2)):
                seconds[name].append(run(deployments[name], command))
    table = pd.DataFrame(
        {"median_s": {name: statistics.median(taken) for name, taken in seconds.items()}}
    ).rename_axis("history")
    table["ratio"] = table["median_s"] / table.loc["a month", "median_s"]
    tables.publish("age", {f"Medians of {options.repeat} hourly jobs": table}, options)
    return int(table.loc["a year", "ratio"] > BOUND)


def _deployment(folder: Path, days: int) -> dict[str, str]:
    """The environment of a deployment that has run for some days before ORIGIN + 3 hours."""
    environment = environment_in(folder) | {"PARTITIONS_START": "2022-01-01-00:00"}
    start = ORIGIN - days * DAY
    hours = {
        "dagster/asset_partition_range_start": key_of(start),
        "dagster/asset_partition_range_end": key_of(ORIGIN + DAY),
    }
    run(environment, [*job("ingestion_job"), "--tags", json.dumps(hours)])
    for number in range(3):
        run(environment, [*job("hourly_job"), "--tags", at(ORIGIN + number * HOUR)])
    (stored,) = (folder / "storage").iterdir()
    sample = ORIGIN + HOUR
    for number in range((sample - start) // HOUR - 1):
        _leave_behind(stored, sample, start + number * HOUR)
    return environment


def _leave_behind(stored: Path, sample: datetime, hour: datetime) -> None:
    """Give an hour links to what the hour `sample` has left behind."""
    for pattern in _LEFT_BEHIND:
        for path in stored.glob(pattern.format(sample)):
            name = pattern.format(hour).replace("*", path.name[14:])
            files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
            for file in files:
                target = stored / name / file.relative_to(path) if path.is_dir() else stored / name
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.exists():
                    os.link(file, target)
    record = f"models/best_model/hours/{sample:%Y-%m-%dT%H}.json"
    content = (stored / record).read_text()
    of_hour = content.replace(f"{sample:%Y-%m-%dT%H}", f"{hour:%Y-%m-%dT%H}")
    (stored / f"models/best_model/hours/{hour:%Y-%m-%dT%H}.json").write_text(of_hour)


if __name__ == "__main__":
    sys.exit(main())
