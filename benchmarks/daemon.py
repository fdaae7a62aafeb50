"""Runs killed while a daemon is running: how long until Dagster knows and their place is free."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from multiprocessing.process import BaseProcess
from pathlib import Path

import dagster as dg
import pandas as pd

from energy_assets.settings import PROJECT_ROOT

_LOCATION = "benchmarks.daemon_location"
_JOB = "hourly_job"
_LONGEST = 300.0
_COMMAND, _EVERYTHING = "a command's run", "a run and its daemon"
_KINDS = ("a run of the daemon", _COMMAND, _EVERYTHING)


def kill_under_a_daemon(
    environment: Mapping[str, str],
    hour: datetime,
    kills: int,
    choice: random.Random,
    start: Callable[[str, datetime], BaseProcess],
) -> pd.DataFrame:
    """The seconds from a kill to the end of the run, by what was killed; one row for each kind."""
    seconds: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        while sum(map(len, seconds.values())) < kills:
            kind = min(_KINDS, key=lambda kind: len(seconds[kind]))
            with _daemon(environment) as daemon:
                run_id, pid = (
                    _by_command(instance, hour, start)
                    if kind == _COMMAND
                    else _by_daemon(instance, hour, environment)
                )
                time.sleep(choice.uniform(0, 1))
                if not _killed(pid):
                    continue
                killed = time.monotonic()
                if kind == _EVERYTHING:
                    os.killpg(daemon.pid, signal.SIGKILL)
                    daemon.wait()
                    with _daemon(environment):
                        ended = _ended(instance, run_id)
                else:
                    ended = _ended(instance, run_id)
            if ended is not None:
                seconds[kind].append(ended - killed)
    rows = {
        kind: {"kills": len(took), "median_s": pd.Series(took).median(), "slowest_s": max(took)}
        for kind, took in seconds.items()
        if took
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("what was killed")


@contextmanager
def _daemon(environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    log = Path(environment["DAGSTER_HOME"]) / "daemon.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-m", _LOCATION],
            cwd=PROJECT_ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _by_daemon(
    instance: dg.DagsterInstance, hour: datetime, environment: Mapping[str, str]
) -> tuple[str, int]:
    """The id and process of a run that the daemon has started."""
    known = {run.run_id for run in instance.get_runs()}
    tags = json.dumps({"dagster/partition": f"{hour:%Y-%m-%d-%H:%M}", "dagster/max_retries": "0"})
    dagster = str(Path(sys.executable).with_name("dagster"))
    subprocess.run(
        [dagster, "job", "launch", "-m", _LOCATION, "-j", _JOB, "--tags", tags],
        cwd=PROJECT_ROOT,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )
    return _started(instance, known)


def _by_command(
    instance: dg.DagsterInstance, hour: datetime, start: Callable[[str, datetime], BaseProcess]
) -> tuple[str, int]:
    known = {run.run_id for run in instance.get_runs()}
    process = start(_JOB, hour)
    run_id, _ = _started(instance, known)
    return run_id, process.pid or 0


def _started(instance: dg.DagsterInstance, known: set[str]) -> tuple[str, int]:
    """The id of the first new run, and the process that executes its steps."""
    until = time.monotonic() + _LONGEST
    while time.monotonic() < until:
        for run in instance.get_runs():
            if run.run_id in known:
                continue
            for event in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
                if match := re.search(r"Executing steps in process \(pid: (\d+)\)", event.message):
                    return run.run_id, int(match[1])
        time.sleep(0.05)
    raise SystemExit(f"no run was started within {_LONGEST} s")


def _killed(pid: int) -> bool:
    """Kill a process; False if it had ended before."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _ended(instance: dg.DagsterInstance, run_id: str) -> float | None:
    """The time at which a run counts as failed; after the longest wait, infinity.

    None if its work was done before it was killed.
    """
    until = time.monotonic() + _LONGEST
    while time.monotonic() < until:
        run = instance.get_run_by_id(run_id)
        if run is not None and run.status is dg.DagsterRunStatus.FAILURE:
            return time.monotonic()
        if run is not None and run.status is dg.DagsterRunStatus.SUCCESS:
            return None
        time.sleep(0.1)
    return float("inf")
