"""Kills: runs are killed at random moments, and the next command must go on from there.

    python -m benchmarks.faults

Two deployments of twelve simulated series do the same work hour by hour. In one of them, each run
is killed with SIGKILL at a random moment and then done again by the next command. At each kill,
every visible file must be readable; in the end, both must have stored the same. Processes are
forked from one that has imported everything, so that kills hit the work and not the imports.

Some runs are also killed under the daemon, which must free their places within two minutes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import stored, tables

ORIGIN = datetime(2023, 3, 13, 21)
HOUR = timedelta(hours=1)
WORK = {
    "ingestion": "ingestion_job",
    "publication": "hourly_job",
    "training": "hourly_job",
    "prediction": "prediction_job",
    "maintenance": "maintenance_job",
    "make run": "run",
}
"""What is killed, and the job or command it is. The first run of an hour publishes."""

GOES_ON_WITHIN = 30.0
_PRELOADED = (
    *("energy_assets.commands.cli", "energy_assets.commands.run", "energy_assets.definitions"),
    *("energy_assets.forecasts.gate", "energy_assets.forecasts.fallback", "deltalake"),
    *("energy_assets.forecasts.pictures", "benchmarks.stored", "lightgbm", "sktime"),
    *("pyarrow.dataset", "fsspec", "upath", "holidays.countries"),
)


@dataclass(frozen=True)
class Deployment:
    """A deployment in a folder, whose commands are processes."""

    folder: Path
    days: int

    @property
    def storage(self) -> Path:
        """Where the stores are."""
        return self.folder / "storage"

    @property
    def environment(self) -> dict[str, str]:
        """The settings of its processes."""
        return {
            "DAGSTER_HOME": str(self.folder / "dagster_home"),
            "STORAGE_ROOT": str(self.storage),
            "ENERGY_SOURCE": "file",
            "ENERGY_FILE": str(self.folder.parent / "records.parquet"),
            "DAYS_EXPORT": str(self.days),
            "TUNING_TRIALS": "1",
            "WANDB_MODE": "disabled",
        }

    def start(self, job: str, hour: datetime) -> BaseProcess:
        """A process that does a job, or the command `run`, for an hour."""
        context = multiprocessing.get_context("forkserver")
        arguments = (self.environment, str(self.folder / "log"), job, hour)
        process = context.Process(target=work, args=arguments)
        process.start()
        return process

    def finish(self, job: str, hour: datetime, within: float = 600.0) -> float:
        """Do it to its end; returns the seconds it took. Raises SystemExit if it fails."""
        started = time.monotonic()
        self.ended_well(self.start(job, hour), job, within)
        return time.monotonic() - started

    def ended_well(self, process: BaseProcess, job: str, within: float = 600.0) -> None:
        """Wait for a process; raises SystemExit with its log unless it ends well in time."""
        process.join(within)
        if process.exitcode != 0:
            process.kill()
            raise SystemExit(
                f"{job} did not end well within {within} s ({process.exitcode}):\n"
                + (self.folder / "log").read_text()[-4000:]
            )


def work(environment: Mapping[str, str], log: str, job: str, hour: datetime) -> None:
    """Do a job, or the command `run`, for an hour; what a process of `Deployment.start` does."""
    os.environ.update(environment)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    from energy_assets.commands import cli
    from energy_assets.commands.deployment import Deployment
    from energy_assets.commands.execution import execute
    from energy_assets.commands.steps import Step
    from energy_assets.settings import read_settings

    if job == "history":
        return _load_history(Deployment.of(read_settings()), hour)
    if job == "run":
        sys.exit(cli.main(["run", "--origin", f"{hour:%Y-%m-%d-%H:%M}"]))
    execute(Deployment.of(read_settings()), [Step(job, hour, hour, job)])
    return None


def _load_history(deployment: Any, hour: datetime) -> None:
    """The rows before an hour and a configuration, without Dagster, which takes a minute."""
    from energy_assets.contract.rules import validate_records
    from energy_assets.forecasting.tuning.result import NotTuned
    from energy_assets.schemas import first_versions

    source, objects = deployment.source, deployment.object_store
    records = source.fetch(source.oldest_hour(), hour)
    rows = validate_records(records, source.profile).rows
    deployment.feature_store.upsert(first_versions(rows))
    config = NotTuned(best_parameters={}, unsearched="chosen by the benchmark")
    objects.write(f"best_config/{hour - HOUR:%Y-%m-%d/%H}.json", config.model_dump_json().encode())


@dataclass
class Result:
    """What happened to the kills of one kind."""

    kills: int = 0
    too_late: int = 0
    """The run had ended by the moment chosen for its kill."""
    unreadable: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """Of the next command, for each kill."""


def main() -> int:
    """Print the table; the exit status is 1 if anything was lost, half-written or stuck."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--daemon", type=int, default=10, help="how many more under the daemon")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311
    parser.add_argument("--days", type=int, default=15, help="length of the training window")
    tables.add_options(parser)
    options = parser.parse_args()
    print(f"seed {options.seed}", file=sys.stderr)
    # In memory if possible: a kill is not a power failure, so no disk has to be waited for.
    memory = next(filter(os.path.isdir, ["/dev/shm"]), None)  # noqa: S108
    with tempfile.TemporaryDirectory(prefix="faults-", dir=memory) as folder:
        undisturbed, killed = _two_deployments(Path(folder), options.days)
        choice = random.Random(options.seed)  # noqa: S311
        results = _kill(undisturbed, killed, options.kills, choice)
        left = stored.differences(
            stored.contents(undisturbed.storage), stored.contents(killed.storage)
        )
        unfinished = _unfinished(killed)
        freed = (
            _under_the_daemon(killed, options.daemon, choice) if options.daemon else pd.DataFrame()
        )
    titles = {f"Kills, seed {options.seed}": _table(results)}
    if len(freed):
        titles["Killed with a daemon running"] = freed
    tables.publish("faults", titles, options)
    problems = [
        *left,
        *unfinished,
        *(problem for r in results.values() for problem in r.unreadable),
    ]
    for problem in problems:
        print(f"not as it should be: {problem}", file=sys.stderr)
    slow = any(max(result.seconds, default=0) > GOES_ON_WITHIN for result in results.values())
    late = len(freed) > 0 and freed["slowest_s"].max() > 120
    return int(bool(problems) or slow or late)


def _two_deployments(folder: Path, days: int) -> tuple[Deployment, Deployment]:
    """Two deployments with the same history and the same forecast from the hour before ORIGIN."""
    os.environ.update(Deployment(folder / "undisturbed", days).environment)
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(_PRELOADED))
    from energy_assets.settings import PROJECT_ROOT
    from energy_assets.sources.simulator import Simulator
    from energy_assets_tests.world import SERIES, Only

    source = Only(Simulator(), SERIES)
    records = source.fetch(ORIGIN - timedelta(days=days + 2), ORIGIN + timedelta(days=30))
    records.to_parquet(folder / "records.parquet")
    first = Deployment(folder / "undisturbed", days)
    home = first.folder / "dagster_home"
    home.mkdir(parents=True)
    shutil.copy(PROJECT_ROOT / "dagster_home" / "dagster.yaml", home)
    first.finish("history", ORIGIN)
    first.finish("hourly_job", ORIGIN)
    shutil.copytree(first.folder, folder / "killed")
    return first, Deployment(folder / "killed", days)


def _kill(
    undisturbed: Deployment, killed: Deployment, kills: int, choice: random.Random
) -> dict[str, Result]:
    results = {name: Result() for name in WORK}
    hour = ORIGIN
    while sum(result.kills for result in results.values()) < kills:
        hour += HOUR
        print(
            f"{hour}: {sum(r.kills for r in results.values())} kills", file=sys.stderr, flush=True
        )
        for name, job in WORK.items():
            beside = undisturbed.start(job, hour)
            process = killed.start(job, hour)
            if name == "publication":
                _wait_for_change(process, killed.storage)
                time.sleep(choice.uniform(0, 0.03))
            else:
                process.join(choice.uniform(0, (results[name].seconds or [2.0])[-1]))
            process.kill()
            process.join()
            result = results[name]
            result.kills += process.exitcode == -9
            result.too_late += process.exitcode != -9
            result.unreadable += stored.unreadable(killed.storage)
            result.seconds.append(killed.finish(job, hour, 2 * GOES_ON_WITHIN))
            undisturbed.ended_well(beside, job)
    return results


def _wait_for_change(process: BaseProcess, storage: Path) -> None:
    """Wait until an object is written or replaced beside those of the assets' hours."""

    def newest() -> dict[str, int]:
        return {
            str(path): path.stat().st_mtime_ns
            for pattern in ("[!.]*", "published/*/*/*")
            for path in storage.glob(f"*/objects/{pattern}")
            if path.is_file() or pattern != "[!.]*"
        }

    before = newest()
    while process.is_alive() and newest() == before:
        time.sleep(0.001)


def _unfinished(deployment: Deployment) -> list[str]:
    """The runs that still count as going on when nothing runs any more."""
    import dagster as dg

    from energy_assets.automation.dead_runs import fail_dead_runs

    with dg.DagsterInstance.from_config(deployment.environment["DAGSTER_HOME"]) as instance:
        fail_dead_runs(instance)
        return [
            f"run {run.run_id} of {run.job_name} is {run.status.value}"
            for run in instance.get_runs()
            if not run.is_finished
        ]


def _under_the_daemon(deployment: Deployment, kills: int, choice: random.Random) -> pd.DataFrame:
    from benchmarks.daemon import kill_under_a_daemon

    return kill_under_a_daemon(deployment.environment, ORIGIN, kills, choice, deployment.start)


def _table(results: Mapping[str, Result]) -> pd.DataFrame:
    columns: dict[str, Callable[[Result], float]] = {
        "kills": lambda result: result.kills,
        "ended before": lambda result: result.too_late,
        "unreadable files": lambda result: len(result.unreadable),
        "went on": lambda result: sum(s <= GOES_ON_WITHIN for s in result.seconds),
        "median next command (s)": lambda result: float(pd.Series(result.seconds).median()),
        "slowest next command (s)": lambda result: max(result.seconds, default=0.0),
    }
    rows = {
        name: {title: of(result) for title, of in columns.items()}
        for name, result in results.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("what was killed")


if __name__ == "__main__":
    sys.exit(main())
