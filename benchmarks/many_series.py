"""The whole graph with many series: seconds and memory of loading a window, and of an hourly tick.

    python -m benchmarks.many_series --series 10000
    python -m benchmarks.many_series --series 10000 --weather heating

The window of 720 hours is loaded by the ingestion job. The tick is the hourly job of the hour after
it, in a process of its own, as a schedule starts it. The source makes artificial records, so that
it costs little beside the graph.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import tables
from energy_assets.automation.jobs import range_tags
from energy_assets.contract.completeness import ranges
from energy_assets.partitions import HOUR
from energy_assets.sources.profiles import GRID_AREA, DatasetProfile
from energy_assets.sources.weather.source import COLUMNS, HORIZON

ORIGIN = datetime(2023, 3, 13, 21)
WINDOW = 720
HOURS_AFTER = 2
"""Hourly ticks after the window; the last one is measured."""

WEATHER = {"none": None, "useless": 0.0, "heating": 0.03}
"""Whether there is weather, and by which share consumption falls with each degree."""

Row = dict[str, float]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class ArtificialSource:
    """Any number of series with a level, a shape of the day and of the week, and noise.

    `heating` is the share by which they fall with each degree of `ArtificialWeather`.
    """

    series: int
    heating: float = 0.0
    name: str = "artificial"
    profile: DatasetProfile = GRID_AREA

    def fetch(self, start: datetime, end: datetime) -> pd.DataFrame:
        """The records of the hours [start, end): see `Source.fetch`."""
        hours = pd.date_range(start, end, freq="h", inclusive="left")
        number = np.arange(self.series)
        level = np.exp(np.random.default_rng(0).uniform(5, 12, self.series))
        day = 1 - 0.3 * np.cos(2 * np.pi * (hours.hour.to_numpy() - 3) / 24)
        week = np.where(hours.dayofweek.to_numpy() < 5, 1.0, 0.85)
        week = week * np.exp(-self.heating * degrees(hours))
        parts = []
        for position, hour in enumerate(hours):
            noise = np.random.default_rng(int(hour.timestamp())).normal(1, 0.03, self.series)
            values = level * day[position] * week[position] * noise
            parts.append(
                {
                    "TimeUTC": np.full(self.series, f"{hour:%Y-%m-%dT%H:%M:%S}", dtype=object),
                    "PriceArea": np.where(number % 2, "DK2", "DK1").astype(object),
                    "GridArea": np.char.mod("G%06d", number).astype(object),
                    "ConsumptionkWh": np.char.mod("%.3f", values).astype(object),
                }
            )
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return pd.DataFrame(columns)

    def oldest_hour(self) -> datetime:
        """The first hour."""
        return datetime(2000, 1, 1)

    def newest_hour(self) -> datetime:
        """The last hour."""
        return datetime(2100, 1, 1)


@dataclass(frozen=True)
class ArtificialWeather:
    """Cold fronts that pass over both areas, and are forecast without errors."""

    name: str = "artificial"
    terms: str = ""
    areas: frozenset[str] = frozenset({"DK1", "DK2"})

    def fetch(self, hour: datetime) -> pd.DataFrame:
        """The weather known at an hour: see `WeatherSource.fetch`."""
        hours = pd.date_range(hour, periods=HORIZON + 1, freq="h")
        known = {"datetime_utc": hours, "temperature": degrees(hours), "issued_at": hour}
        rows = pd.concat([pd.DataFrame(known).assign(area=area) for area in sorted(self.areas)])
        return rows.reindex(columns=list(COLUMNS))

    def check(self) -> str:
        """What it has."""
        return "artificial weather"


def degrees(hours: pd.DatetimeIndex) -> Numbers:
    """The artificial temperature, which changes within days, but not from day to day alike."""
    hour = hours.to_numpy().astype("datetime64[h]").astype(np.int64)
    return 5 + sum(3 * np.sin(2 * np.pi * hour / period) for period in (61, 103, 177))


def main() -> int:
    """Print the tables; the exit status is 1 if a process fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--shards", type=int, default=10)
    parser.add_argument("--workers", default="", help="SHARD_WORKERS: where shards are worked on")
    parser.add_argument("--weather", choices=list(WEATHER), default="none")
    parser.add_argument("--one", choices=["load", "tick"], help=argparse.SUPPRESS)
    parser.add_argument("--hour", type=datetime.fromisoformat, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help="keep the stores in this folder, and use what it holds")
    tables.add_options(parser)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(_measure(options.one, options.series[0], options.hour, options.weather)))
        return 0
    for count in options.series:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(options.folder or temporary) / f"{count}-{options.weather}"
            hours = [ORIGIN + number * HOUR for number in range(1, HOURS_AFTER + 1)]
            rows = {}
            os.environ |= {
                "SERIES_SHARDS": str(options.shards),
                "SHARD_WORKERS": options.workers,
            }
            job = ["--series", str(count), "--weather", options.weather]
            if not folder.exists():
                rows["load the window"] = _run(folder, job, "load", ORIGIN)
            for number, hour in enumerate(hours, 1):
                rows[f"tick {number}"] = _run(folder, job, "tick", hour)
        frame = pd.DataFrame(rows).rename_axis("step")
        title = f"{count:,} series, weather: {options.weather}, seconds"
        tables.publish(f"many_series_{count}_{options.weather}", {title: frame}, options)
    return 0


def _run(folder: Path, job: list[str], what: str, hour: datetime) -> Row:
    """A job in a process of its own; raises SystemExit if it fails."""
    home = folder / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    environment = {
        **os.environ,
        "STORAGE_ROOT": str(folder / "storage"),
        "DAGSTER_HOME": str(folder / "dagster"),
        "PARTITIONS_START": "2023-01-01-00:00",
        "ENERGY_SOURCE": "file",
        "ENERGY_DATASET": GRID_AREA.dataset,
    }
    command = [sys.executable, "-m", "benchmarks.many_series", *job]
    command += ["--one", what, "--hour", hour.isoformat()]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{what} with {' '.join(job)} failed with status {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def _measure(what: str, count: int, hour: datetime, weather: str) -> Row:
    """Seconds of each step of a job, and the peak memory of this process in GB."""
    started = time.perf_counter()
    from energy_assets.definitions import build_defs, build_resources
    from energy_assets.partitions import HOURS_LOADED_AT_ONCE, SETTINGS

    resources = build_resources(SETTINGS)
    heating = WEATHER[weather]
    resources["source"] = ArtificialSource(count, heating or 0.0)
    if heating is not None:
        resources["weather_source"] = ArtificialWeather()
    defs = build_defs(resources)
    # The runs that `energy-assets run` and the schedule would start.
    hours = list(pd.date_range(hour - (WINDOW - 1) * HOUR, hour, freq="h").to_pydatetime())
    runs = [("hourly_job", hour, hour)]
    if what == "load":
        runs = [("ingestion_job", *span) for span in ranges(hours, HOURS_LOADED_AT_ONCE)]
    row: Row = {"runs": len(runs)}
    with dg.DagsterInstance.get() as instance:
        for job, first, last in runs:
            result = defs.resolve_job_def(job).execute_in_process(
                instance=instance, tags=range_tags(first, last)
            )
            for step in instance.get_run_step_stats(result.run_id):
                if step.start_time and step.end_time:
                    seconds = step.end_time - step.start_time
                    row[step.step_key] = row.get(step.step_key, 0) + seconds
    row["in all"] = time.perf_counter() - started
    row["memory (GB)"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return row


if __name__ == "__main__":
    sys.exit(main())
