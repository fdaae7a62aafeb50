"""Runs: one warm hourly job, and loading a month, beside seven empty assets and single hours.

    python -m benchmarks.runs

Every command is a process of its own, as a scheduler would start it; what is compared is run in
turn, and the ratio is that of the medians. Uses the simulator and a folder that is thrown away.
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

from rich.console import Console
from rich.table import Table

from energy_assets.partitions import HOUR, key_of, window_of

ORIGIN = datetime(2023, 3, 13, 21)
DAGSTER = Path(sys.executable).with_name("dagster")
HOURLY_BOUND, IMPORT_BOUND, LOAD_BOUND = 2.5, 1.5, 20.0


def main() -> int:
    """Print the table; the exit status is 1 where a bound does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args()
    console = Console(stderr=options.json)
    with tempfile.TemporaryDirectory() as folder:
        environment = _environment(Path(folder))
        load = _load(environment)
        _run(environment, [*_job("tuning_job"), "--tags", _at(ORIGIN)])
        hourly = [*_job("hourly_job"), "--tags", _at(ORIGIN)]
        empty = [str(DAGSTER), "job", "execute", "-m", "benchmarks.empty_job", "-j", "empty_job"]
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
    }
    table = Table(title=f"medians of {options.repeat} processes, seconds", title_justify="left")
    for heading in ("what", "figure", "bound"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    bounds = {
        "hourly_to_empty": HOURLY_BOUND,
        "import_ratio": IMPORT_BOUND,
        "load_720_hours_s": LOAD_BOUND,
    }
    for name, figure in figures.items():
        bound = f"{bounds[name]:g}" if name in bounds else ""
        table.add_row(name, f"{figure:.2f}", bound)
    console.print(table)
    if options.json:
        print(json.dumps(figures))
    return int(any(figures[name] > bound for name, bound in bounds.items()))


_IMPORTS = ("energy_assets.definitions", "dagster")


def _environment(folder: Path) -> dict[str, str]:
    home = folder / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return {
        **os.environ,
        "ENERGY_SOURCE": "simulator",
        "STORAGE_ROOT": str(folder / "storage"),
        "DAGSTER_HOME": str(home),
        "TUNING_TRIALS": "1",
    }


def _load(environment: dict[str, str]) -> float:
    """Load a month in one run; the seconds between that run's start and its end."""
    start, end = window_of(ORIGIN)
    hours = {
        "dagster/asset_partition_range_start": key_of(start),
        "dagster/asset_partition_range_end": key_of(end - HOUR),
    }
    # The first run in a new folder also creates Dagster's databases.
    _run(environment, [*_job("ingestion_job"), "--tags", _at(start - timedelta(days=1))])
    _run(environment, [*_job("ingestion_job"), "--tags", json.dumps(hours)])
    report = (
        "import dagster as dg\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    (record,) = instance.get_run_records(limit=1)\n"
        "    print(record.end_time - record.start_time)"
    )
    found = subprocess.run(
        [sys.executable, "-c", report], env=environment, check=True, capture_output=True, text=True
    )
    return float(found.stdout)


def _job(name: str) -> list[str]:
    return [str(DAGSTER), "job", "execute", "-m", "energy_assets.definitions", "-j", name]


def _at(hour: datetime) -> str:
    return json.dumps({"dagster/partition": key_of(hour)})


def _run(environment: dict[str, str], command: Sequence[str]) -> float:
    started = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-4000:]}")
    return time.monotonic() - started


def _in_turn(
    environment: dict[str, str], commands: Sequence[Sequence[str]], repeat: int
) -> list[float]:
    """The median seconds of each command, after one run of each that is not counted."""
    seconds: list[list[float]] = [[] for _ in commands]
    for number in range(repeat + 1):
        for command, found in zip(commands, seconds, strict=True):
            took = _run(environment, command)
            if number:
                found.append(took)
    return [statistics.median(found) for found in seconds]


if __name__ == "__main__":
    sys.exit(main())
