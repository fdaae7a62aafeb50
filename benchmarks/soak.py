"""A soak: 500 hours, one after the other, in one process, while runs fail.

    python -m benchmarks.soak

In each hour the schedules and sensors are evaluated with real cursors, stores and a real Dagster
instance, and the runs they request are executed. Only the time is simulated. One run in twenty
fails: the source or a store stops answering in the middle, or the process dies. The simulated
source is late and incomplete now and then; in addition it is away for six hours, and later nothing
runs for eight.

The exit status is 1 if an hour has no forecast, or if memory or open files keep growing.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import statistics
import sys
import tempfile
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pandas as pd

from benchmarks import tables

if TYPE_CHECKING:
    import dagster as dg

    from energy_assets.commands.deployment import Deployment

START = datetime(2023, 3, 13, 22)
HOUR = timedelta(hours=1)
DAYS = 20
"""The training window; with half of it no model beats the naive forecast."""
SERIES = [(area, code) for area in ("DK1", "DK2") for code in ("111", "121", "211", "320", "445")]
SENSOR_MINUTES = (6, 21, 45)
"""The minutes of an hour at which the sensors look around. Schedules are evaluated at minute 5."""
MAINTENANCE_HOUR = 2
SHARE = 0.05
"""Share of the runs that are made to fail."""
SOURCE_AWAY, STANDSTILL = 6, 8
"""Hours without a source, after a third; hours in which nothing runs, after three fifths."""
PROCESS = "process"
_DAGSTER_TIME = "dagster._time._mockable_get_current"
BREAKABLE = ("source", "feature_store", "model_registry", "object_store")
MOST_GROWTH, MOST_FILES = 1.10, 5
"""Memory and open files may grow this much in the last two fifths of the hours."""


class Clock(datetime):
    """The simulated time, in place of `datetime` in the settings."""

    time = START

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        """The simulated time."""
        return cls.time.replace(tzinfo=timezone.utc).astimezone(tz)

    @classmethod
    def datetime_now(cls) -> datetime:
        """The simulated time as Dagster asks for it."""
        return cls.now(timezone.utc)

    @classmethod
    def timestamp_now(cls) -> float:
        """The simulated time in seconds since 1970."""
        return cls.now(timezone.utc).timestamp()


@dataclass
class Faults:
    """What does not answer, and after how many more calls."""

    broken: str | None = None
    calls_before: int = 0
    source_away: bool = False

    def on_call(self, name: str) -> None:
        """Raise if `name` does not answer."""
        from energy_assets.errors import SourceError, StorageError

        if name == "source" and self.source_away:
            raise SourceError("the source is away")
        if name == self.broken:
            self.calls_before -= 1
            if self.calls_before < 0:
                error = SourceError if name == "source" else StorageError
                raise error(f"{name} does not answer in this run")


@dataclass(frozen=True)
class Breakable:
    """A resource whose methods raise while it is broken."""

    resource: Any
    name_of_resource: str
    faults: Faults

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self.resource, attribute)
        if not callable(value):
            return value

        def call(*arguments: Any, **named: Any) -> Any:
            self.faults.on_call(self.name_of_resource)
            return value(*arguments, **named)

        return call


@dataclass(frozen=True)
class FewSeries:
    """The records of `SERIES` alone."""

    source: Any

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self.source, attribute)

    def fetch(self, start: datetime, end: datetime) -> pd.DataFrame:
        """The records of the hours [start, end)."""
        records = self.source.fetch(start, end)
        profile = self.source.profile
        names = records[[profile.area_column, profile.consumer_type_column]]
        return records[pd.MultiIndex.from_frame(names).isin(SERIES)]


@dataclass
class Daemon:
    """What Dagster's daemon does with the definitions, one simulated minute at a time."""

    deployment: Deployment
    instance: dg.DagsterInstance
    faults: Faults
    choice: random.Random
    cursors: dict[str, str | None] = field(default_factory=dict)
    run_keys: set[tuple[str, str]] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    def hour(self, start: datetime) -> None:
        """Everything that is due in an hour."""
        Clock.time = start + timedelta(minutes=5)
        self._schedule("hourly_job_schedule")
        for minute in SENSOR_MINUTES:
            if minute == SENSOR_MINUTES[1] and start.hour == MAINTENANCE_HOUR:
                Clock.time = start + timedelta(minutes=15)
                self._schedule("maintenance_job_schedule")
            Clock.time = start + timedelta(minutes=minute)
            for name in ("dead_run_sensor", "gap_repair_sensor", "forecast_sensor"):
                self._sense(name)

    def _schedule(self, name: str) -> None:
        import dagster as dg

        schedule = self.deployment.defs.resolve_schedule_def(name)
        now = Clock.now(timezone.utc)
        with dg.build_schedule_context(self.instance, scheduled_execution_time=now) as context:
            requests = schedule.evaluate_tick(context).run_requests or []
        for request in requests:
            self._run(schedule.job_name, request)

    def _sense(self, name: str) -> None:
        import dagster as dg

        from energy_assets.errors import EnergyAssetsError

        sensor = self.deployment.defs.resolve_sensor_def(name)
        wanted = sensor.required_resource_keys
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursors.get(name),
            definitions=self.deployment.defs,
            resources={n: r for n, r in self.deployment.resources.items() if n in wanted},
        ) as context:
            try:
                tick = sensor.evaluate_tick(context)
            except (EnergyAssetsError, dg.DagsterError):  # the cursor stays as it was
                self.counts["ticks of sensors that failed"] += 1
                return
        for request in tick.run_requests or []:
            if request.run_key is None or (name, request.run_key) not in self.run_keys:
                self.run_keys.add((name, request.run_key or ""))
                self._run(sensor.job_name, request)
        self.cursors[name] = tick.cursor

    def _run(self, job_name: str, request: dg.RunRequest) -> None:
        """Execute a run to its end, unless it is one of those that fail."""
        from energy_assets.automation.dead_runs import alive

        self.counts["runs"] += 1
        if self.choice.random() < SHARE:
            self.faults.broken = self.choice.choice([*BREAKABLE, PROCESS])
            self.faults.calls_before = self.choice.randrange(5)
            self.counts[f"runs without their {self.faults.broken}"] += 1
        job = self.deployment.defs.resolve_job_def(job_name)
        tags = dict(request.tags)
        if request.partition_key:
            tags["dagster/partition"] = request.partition_key
        if self.faults.broken == PROCESS:
            self._die(job, tags)
        else:
            run_id = str(uuid.uuid4())
            with alive(self.instance, run_id):
                result = job.execute_in_process(
                    run_id=run_id,
                    instance=self.instance,
                    partition_key=request.partition_key,
                    tags=dict(request.tags),
                    run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                    raise_on_error=False,
                )
            self.counts["runs that failed"] += not result.success
        self.faults.broken = None

    def _die(self, job: dg.JobDefinition, tags: dict[str, str]) -> None:
        """What a run leaves behind whose process is killed at its start."""
        import dagster as dg

        run = self.instance.create_run_for_job(job, tags=tags)
        start = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job_name=job.name)
        self.instance.report_dagster_event(start, run.run_id)
        lock = Path(self.instance.root_directory) / "running" / run.run_id
        lock.parent.mkdir(exist_ok=True)
        lock.touch()
        self.counts["runs that failed"] += 1


def main() -> int:
    """Print the tables; the exit status is 1 if a forecast is missing or the process grows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    tables.add_options(parser)
    options = parser.parse_args()
    # In memory if possible: there is no disk to be waited for.
    memory = next(filter(os.path.isdir, ["/dev/shm"]), None)  # noqa: S108
    with tempfile.TemporaryDirectory(prefix="soak-", dir=memory) as folder:
        return _soak(Path(folder), options)


def _soak(folder: Path, options: argparse.Namespace) -> int:
    home = folder / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    os.environ |= {
        "DAGSTER_HOME": str(home),
        "STORAGE_ROOT": str(folder / "storage"),
        "PARTITIONS_START": f"{START:%Y-%m-%d-%H:%M}",
        "DAYS_DELAY": "0",
    }
    import dagster as dg

    from energy_assets import settings

    logging.disable(logging.WARNING)
    hours = [START + number * HOUR for number in range(options.hours)]
    first_away, first_off = options.hours // 3, options.hours * 3 // 5
    faults, choice = Faults(), random.Random(options.seed)  # noqa: S311
    samples: list[dict[str, Any]] = []
    seconds: list[float] = []
    with (
        mock.patch.object(settings, "datetime", Clock),
        mock.patch(f"{_DAGSTER_TIME}_timestamp", Clock.timestamp_now),
        mock.patch(f"{_DAGSTER_TIME}_datetime", Clock.datetime_now),
        dg.DagsterInstance.from_config(str(home)) as instance,
    ):
        deployment = _deployment(folder, faults)
        daemon = Daemon(deployment, instance, faults, choice)
        for number, hour in enumerate(hours):
            started = time.monotonic()
            faults.source_away = 0 <= number - first_away < min(SOURCE_AWAY, options.hours // 5)
            if not 0 <= number - first_off < min(STANDSTILL, options.hours // 5):
                daemon.hour(hour + HOUR)
            seconds.append(time.monotonic() - started)
            if number + 1 in _sampled(options.hours):
                samples.append(_sample(number + 1, folder, seconds))
                print(samples[-1], file=sys.stderr, flush=True)
        forecasts = _forecasts(deployment, hours)
    growth = pd.DataFrame(samples).set_index("after hours")
    made = int(forecasts["made"].sum())
    qualities = forecasts["quality"].value_counts()
    late = forecasts.loc[forecasts["late"] > 0, "late"]
    figures = {
        "hours": options.hours,
        "hours with a forecast": made,
        **{f"first issued with quality {name}": n for name, n in qualities.items()},
        "late forecasts": len(late),
        "longest lateness (h)": float(late.max()),
        **dict(sorted(daemon.counts.items())),
    }
    table = pd.DataFrame({"figure": pd.Series(figures, dtype=object)}).rename_axis("what")
    titles = {f"A soak of {options.hours} hours, seed {options.seed}": table, "Growth": growth}
    tables.publish("soak", titles, options)
    middle, end = growth.iloc[-3], growth.iloc[-1]
    grown = (
        end["memory (MB)"] > MOST_GROWTH * middle["memory (MB)"]
        or end["open files"] > middle["open files"] + MOST_FILES
    )
    return int(made < options.hours or bool(grown))


def _sampled(hours: int) -> set[int]:
    """After each fifth of the hours."""
    return {hours * fifths // 5 for fifths in range(1, 6)}


def _deployment(folder: Path, faults: Faults) -> Deployment:
    """Few series, a configuration that is quick to train, and the rows before the first hour."""
    from energy_assets.commands.deployment import Deployment
    from energy_assets.contract.rules import validate_records
    from energy_assets.definitions import build_resources
    from energy_assets.forecasting.tuning.result import NotTuned
    from energy_assets.schemas import first_versions
    from energy_assets.settings import read_settings
    from energy_assets.sources.simulator import Simulator

    settings = read_settings(
        _env_file=None,
        storage_root=folder / "storage",
        energy_source="simulator",
        days_export=DAYS,
        runs_kept_days=7,
        models_kept_days=8,
        wandb_mode="disabled",
    )
    resources = {**build_resources(settings), "source": FewSeries(Simulator())}
    # Files have their times from the real clock, by which everything here is new.
    resources["feature_store"].retention_hours = 0
    resources["model_registry"].retention_hours = 0
    source = resources["source"]
    records = source.fetch(START - (DAYS + 2) * 24 * HOUR, START)
    rows = validate_records(records, source.profile).rows
    resources["feature_store"].upsert(first_versions(rows))
    config = NotTuned(best_parameters={"n_estimators": 20}, unsearched="chosen by the benchmark")
    path = f"best_config/{START - HOUR:%Y-%m-%d/%H}.json"
    resources["object_store"].write(path, config.model_dump_json().encode())
    broken = {name: Breakable(resources[name], name, faults) for name in BREAKABLE}
    return Deployment.of(settings, **broken)


def _forecasts(deployment: Deployment, hours: list[datetime]) -> pd.DataFrame:
    """For each hour: whether it has a forecast, the first one's quality, and its hours too late."""
    from energy_assets.errors import NotFoundError
    from energy_assets.forecasts.versions import first_issued, read_versions
    from energy_assets.partitions import due

    grace = timedelta(minutes=deployment.settings.forecast_grace_minutes)
    rows = []
    for hour in hours:
        try:
            issued = first_issued(read_versions(deployment.object_store, hour)).iloc[0]
        except NotFoundError:
            rows.append({"made": False, "quality": "none", "late": 0.0})
            continue
        waited = issued["made_at"] - due(hour, 0)
        late = waited / HOUR if waited > grace else 0.0
        rows.append({"made": True, "quality": issued["quality"], "late": late})
    return pd.DataFrame(rows)


def _sample(number: int, folder: Path, seconds: list[float]) -> dict[str, Any]:
    """What there is after some hours. The seconds are the median of the last fifty hours."""
    storage = next(path for path in (folder / "storage").iterdir() if path.is_dir())
    status = Path("/proc/self/status").read_text().splitlines()
    (memory,) = (line for line in status if line.startswith("VmRSS"))
    places = {
        "feature store": storage / "feature_store",
        "objects": storage / "objects",
        "models": storage / "models",
        "Dagster": folder / "dagster_home",
    }
    return {
        "after hours": number,
        "seconds an hour": statistics.median(seconds[-50:]),
        "memory (MB)": int(memory.split()[1]) / 1024,
        "open files": len(os.listdir("/proc/self/fd")),
        **{f"{name} (MB)": _megabytes(place) for name, place in places.items()},
    }


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    sys.exit(main())
