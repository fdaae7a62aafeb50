"""What Dagster's daemon does, in one process, at a simulated time, with runs that fail."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    import dagster as dg

    from energy_assets.commands.deployment import Deployment

SENSOR_MINUTES = (6, 21, 45)
"""The minutes of an hour at which the sensors look around. Schedules are evaluated at minute 5."""
MAINTENANCE_HOUR = 2
PROCESS = "process"
BREAKABLE = ("source", "feature_store", "model_registry", "object_store")
_DAGSTER_TIME = "dagster._time._mockable_get_current"


class Clock(datetime):
    """The simulated time, in place of `datetime` in the settings."""

    current = datetime(2023, 3, 13, 22)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        """The simulated time."""
        return cls.current.replace(tzinfo=timezone.utc).astimezone(tz)

    @classmethod
    def datetime_now(cls) -> datetime:
        """The simulated time as Dagster asks for it."""
        return cls.now(timezone.utc)

    @classmethod
    def timestamp_now(cls) -> float:
        """The simulated time in seconds since 1970."""
        return cls.now(timezone.utc).timestamp()


@contextmanager
def simulated_time() -> Iterator[None]:
    """The package and Dagster take the time from `Clock`."""
    from energy_assets import settings

    with (
        mock.patch.object(settings, "datetime", Clock),
        mock.patch(f"{_DAGSTER_TIME}_timestamp", Clock.timestamp_now),
        mock.patch(f"{_DAGSTER_TIME}_datetime", Clock.datetime_now),
    ):
        yield


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


@dataclass
class Daemon:
    """What Dagster's daemon does with the definitions, one simulated minute at a time."""

    deployment: Deployment
    instance: dg.DagsterInstance
    faults: Faults
    choice: random.Random
    share: float
    """Of the runs that are made to fail."""
    cursors: dict[str, str | None] = field(default_factory=dict)
    run_keys: set[tuple[str, str]] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    def hour(self, start: datetime) -> None:
        """Everything that is due in an hour."""
        self._date_runs(start)
        Clock.current = start + timedelta(minutes=5)
        self._schedule("hourly_job_schedule")
        for minute in SENSOR_MINUTES:
            if minute == SENSOR_MINUTES[1] and start.hour == MAINTENANCE_HOUR:
                Clock.current = start + timedelta(minutes=15)
                self._schedule("maintenance_job_schedule")
            Clock.current = start + timedelta(minutes=minute)
            for name in ("dead_run_sensor", "gap_repair_sensor", "forecast_sensor"):
                self._sense(name)

    def _date_runs(self, now: datetime) -> None:
        """Let the runs of the hour before have ended now: in their events the time is the real one.

        Otherwise none of them would ever be old enough to be removed.
        """
        from dagster._core.storage.runs.schema import RunsTable as Runs

        with self.instance.run_storage.connect() as connection:
            later = Runs.c.update_timestamp > now
            connection.execute(Runs.update().where(later).values(update_timestamp=now))

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
                self._run(str(sensor.job_name), request)
        self.cursors[name] = tick.cursor

    def _run(self, job_name: str, request: dg.RunRequest) -> None:
        """Execute a run to its end, unless it is one of those that fail."""
        from energy_assets.automation.dead_runs import alive

        self.counts["runs"] += 1
        if self.choice.random() < self.share:
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
