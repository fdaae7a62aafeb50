"""A code server that is asked hour after hour, as Dagster's daemon asks it: does it grow?

    python -m benchmarks.code_server

A real code server (`dagster api grpc`) evaluates the hourly schedule and the sensors 500 times. Its
memory and open files are those that Linux reports. Runs are processes of their own, so they leave
nothing in it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
from dagster._core.definitions.timestamp import TimestampWithTimezone
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget

from benchmarks import tables
from benchmarks.runs import environment_in
from energy_assets.settings import PROJECT_ROOT

SENSORS = ("forecast_sensor", "gap_repair_sensor", "dead_run_sensor")
SCHEDULE = "hourly_job_schedule"
MOST_GROWTH, MOST_FILES = 1.10, 5
"""Memory and open files may grow this much in the last four fifths of the hours."""


def main() -> int:
    """Print the table; the exit status is 1 if the code server grows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=int, default=500)
    tables.add_options(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= environment_in(Path(folder))
        subprocess.run([sys.executable, "-m", "energy_assets", "run"], check=True)
        samples = pd.DataFrame(_samples(options.hours)).set_index("after hours")
    tables.publish("code server", {f"A code server, {options.hours} hours": samples}, options)
    first, last = samples.iloc[0], samples.iloc[-1]
    grown = last["memory (MB)"] > MOST_GROWTH * first["memory (MB)"]
    return int(grown or last["open files"] > first["open files"] + MOST_FILES)


def _samples(hours: int) -> Iterator[dict[str, Any]]:
    """What the code server holds after each fifth of the hours."""
    target = ModuleTarget("energy_assets.definitions", None, str(PROJECT_ROOT), "energy_assets")
    with (
        dg.DagsterInstance.get() as instance,
        WorkspaceProcessContext(instance, target) as workspace,
    ):
        (location,) = workspace.create_request_context().code_locations
        (repository,) = location.get_repositories().values()
        server = _child("api grpc")
        cursors: dict[str, str | None] = dict.fromkeys(SENSORS)
        for number in range(1, hours + 1):
            now = time.time()
            for name in SENSORS:
                data = location.get_sensor_execution_data(
                    instance, repository.handle, name, now - 60, None, cursors[name], None, now
                )
                cursors[name] = data.cursor
            due = TimestampWithTimezone(now // 3600 * 3600 + 300, "UTC")
            location.get_schedule_execution_data(instance, repository.handle, SCHEDULE, due, None)
            if number % (hours // 5) == 0:
                yield {"after hours": number, **held_by(server)}


def _child(command: str) -> Path:
    """The folder in /proc of the child process that executes `command`."""
    for process in Path("/proc").glob("[0-9]*"):
        line = (process / "cmdline").read_text().replace("\0", " ")
        parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
        if command in line and parent == str(os.getpid()):
            return process
    raise SystemExit(f"no child process executes {command}")


def held_by(process: Path) -> dict[str, float]:
    """What a process holds; `process` is its folder in /proc."""
    status = (process / "status").read_text().splitlines()
    (memory,) = (line for line in status if line.startswith("VmRSS"))
    return {
        "memory (MB)": int(memory.split()[1]) / 1024,
        "open files": len(list((process / "fd").iterdir())),
    }


if __name__ == "__main__":
    sys.exit(main())
