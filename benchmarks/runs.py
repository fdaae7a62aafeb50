"""Run times: one warm hourly job, and loading a month, each beside empty assets.

    python -m benchmarks.runs

Every command runs in its own process, as a scheduler would start it. Commands to compare take
turns, and their medians are compared. Most of a load is Dagster's bookkeeping for each partition,
so the bound is on the difference to two empty assets over the same hours. Uses the simulator and a
temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from benchmarks import tables
from energy_assets.partitions import HOUR, key_of, window_of

ORIGIN = datetime(2023, 3, 13, 21)
DAGSTER = Path(sys.executable).with_name("dagster")
HOURLY_BOUND, IMPORT_BOUND, LOAD_BOUND = 2.5, 1.5, 20.0


def main() -> int:
    """Print the table; the exit status is 1 if a bound is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--loads", type=int, default=3, help="how many times to load a month")
    tables.add_options(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environments = [environment_in(Path(folder) / str(k)) for k in range(options.loads)]
        loads = [_load(environment) for environment in environments]
        load, empty_load = (statistics.median(seconds) for seconds in zip(*loads, strict=True))
        environment = environments[0]
        run(environment, [*job("tuning_job"), "--tags", at(ORIGIN)])
        hourly = [*job("hourly_job"), "--tags", at(ORIGIN)]
        empty = job("empty_job", "benchmarks.empty_job")
        jobs = _in_turn(environment, [hourly, empty], options.repeat)
        imports = _in_turn(
            environment,
            [[sys.executable, "-c", f"import {name}"] for name in _IMPORTS],
            options.repeat,
        )
    figures = {
        "hourly_job_s": jobs[0],
        "empty_job_s": jobs[1],
        "hourly_to_empty": jobs[0] / jobs[1],
        "import_definitions_s": imports[0],
        "import_dagster_s": imports[1],
        "import_ratio": imports[0] / imports[1],
        "load_720_hours_s": load,
        "empty_load_s": empty_load,
        "load_own_share_s": load - empty_load,
    }
    bounds = {
        "hourly_to_empty": HOURLY_BOUND,
        "import_ratio": IMPORT_BOUND,
        "load_own_share_s": LOAD_BOUND,
    }
    frame = pd.DataFrame({"figure": figures, "bound": bounds}).reindex(list(figures))
    title = f"Medians of {options.repeat} processes, of {options.loads} loads"
    tables.publish("runs", {title: frame.rename_axis("what")}, options)
    return int(any(figures[name] > bound for name, bound in bounds.items()))


_IMPORTS = ("energy_assets.definitions", "dagster")


def environment_in(folder: Path) -> dict[str, str]:
    """The environment of a deployment in a folder, with the simulator."""
    home = folder / "dagster_home"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return {
        **os.environ,
        "ENERGY_SOURCE": "simulator",
        "STORAGE_ROOT": str(folder / "storage"),
        "DAGSTER_HOME": str(home),
        "TUNING_TRIALS": "1",
    }


def _load(environment: dict[str, str]) -> tuple[float, float]:
    """The seconds that a run takes to load a month, with our assets and with empty ones."""
    start, end = window_of(ORIGIN, 30)
    hours = {
        "dagster/asset_partition_range_start": key_of(start),
        "dagster/asset_partition_range_end": key_of(end - HOUR),
    }
    # The first run in a new folder also creates Dagster's databases.
    run(environment, [*job("ingestion_job"), "--tags", at(start - timedelta(days=1))])
    seconds = []
    for command in (job("ingestion_job"), job("empty_load", "benchmarks.empty_job")):
        run(environment, [*command, "--tags", json.dumps(hours)])
        seconds.append(_newest_run(environment))
    return seconds[0], seconds[1]


def _newest_run(environment: dict[str, str]) -> float:
    """The duration of the newest run in seconds, as Dagster recorded it."""
    report = (
        "import dagster as dg\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    (record,) = instance.get_run_records(limit=1)\n"
        "    print(record.end_time - record.start_time)"
    )
    process = subprocess.run(
        [sys.executable, "-c", report], env=environment, check=True, capture_output=True, text=True
    )
    return float(process.stdout)


def job(name: str, module: str = "energy_assets.definitions") -> list[str]:
    """The command that executes a job."""
    return [str(DAGSTER), "job", "execute", "-m", module, "-j", name]


def at(hour: datetime) -> str:
    """The tags of a run for an hour."""
    return json.dumps({"dagster/partition": key_of(hour)})


def run(environment: dict[str, str], command: Sequence[str]) -> float:
    """The seconds that a command takes; raises SystemExit with its log if it fails."""
    started = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-4000:]}")
    return time.monotonic() - started


def _in_turn(
    environment: dict[str, str], commands: Sequence[Sequence[str]], repeat: int
) -> list[float]:
    """The median seconds of each command; a first run of each does not count."""
    seconds: list[list[float]] = [[] for _ in commands]
    for number in range(repeat + 1):
        for command, timings in zip(commands, seconds, strict=True):
            elapsed = run(environment, command)
            if number:
                timings.append(elapsed)
    return [statistics.median(timings) for timings in seconds]


if __name__ == "__main__":
    sys.exit(main())
