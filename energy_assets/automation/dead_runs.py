"""Runs whose process has died: each run holds a lock while it lives, and a free lock tells.

The kernel frees a lock when its process ends, however that ends: killed, out of memory, by a lost
machine. A process id would be given to another process in time. Dagster itself cannot tell: a run
that was killed together with the process that started it counts as started for ever, takes one of
the places of `max_concurrent_runs`, and is waited for.

Only runs of this machine can be judged: the locks are files below DAGSTER_HOME.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import dagster as dg

_STOPPED = "This run was stopped. Whatever it had finished is kept; start it again."
_DIED = "The process of this run has died. Whatever the run had finished is kept; start it again."


@contextmanager
def alive(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Hold the lock of a run, from before it is created until after it has ended."""
    descriptor = _lock(instance, run_id)
    try:
        yield
    finally:
        # An interrupt may have come where Dagster does not record it. The file goes last: if this
        # is interrupted too, the next command finds it.
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            instance.report_run_failed(run, _STOPPED)
        if descriptor is not None:
            (_folder(instance) / run_id).unlink(missing_ok=True)
            os.close(descriptor)


def fail_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark the unfinished runs whose process has died as failed; returns their ids."""
    failed = []
    for path in sorted(_folder(instance).glob("[!.]*")):
        try:
            descriptor = os.open(path, os.O_RDWR)
        except OSError:  # the run has just ended, or it is another user's
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Looked up after the lock was free: what the process did last is stored by now.
            run = instance.get_run_by_id(path.name)
            if run is not None and not run.is_finished:
                instance.report_run_failed(run, _DIED)
                failed.append(path.name)
            path.unlink(missing_ok=True)
        except OSError:  # it is alive, or another process looks at it as well
            continue
        finally:
            os.close(descriptor)
    return failed


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Marks runs whose process has died as failed, so that nothing waits for them",
)
def dead_run_sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Requests no runs itself: `run_retries` in dagster.yaml starts a dead run again."""
    failed = fail_dead_runs(context.instance)
    return dg.SkipReason(f"{len(failed)} runs have died since the last tick{_named(failed)}")


class _Lasting(dg.Executor):
    """An executor whose runs hold their locks until their process ends."""

    def __init__(self, executor: dg.Executor) -> None:
        self.executor = executor

    @property
    def retries(self) -> Any:
        """The wrapped executor's."""
        return self.executor.retries

    @property
    def step_dependency_config(self) -> Any:
        """The wrapped executor's."""
        return self.executor.step_dependency_config

    def __getattr__(self, name: str) -> Any:
        # Some executors ask the run's executor, which is this one, for more than that.
        return getattr(self.executor, name)

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        """Execute the plan. The run ends after this, so its lock is left to the process' end."""
        _lock(plan_context.instance, plan_context.run_id)
        yield from self.executor.execute(plan_context, execution_plan)


def lasting(executor: dg.ExecutorDefinition) -> dg.ExecutorDefinition:
    """The same executor, but each process that executes a run holds the lock of that run."""
    create = executor.executor_creation_fn
    if create is None:
        return executor
    return dg.ExecutorDefinition(
        name=executor.name,
        config_schema=cast(Any, executor.config_schema),
        requirements=executor.get_requirements,
        executor_creation_fn=lambda context: _Lasting(create(context)),
        description=executor.description,
    )


def _lock(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """Take the lock of a run; None where no files can be kept, as in a cluster's read-only home."""
    folder = _folder(instance)
    unfinished = folder / f".{run_id}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        unfinished.rename(folder / run_id)  # whoever sees the file finds it locked
    except OSError:
        return None
    return descriptor


def _folder(instance: dg.DagsterInstance) -> Path:
    return Path(instance.root_directory) / "running"


def _named(run_ids: list[str]) -> str:
    return f": {', '.join(run_ids)}" if run_ids else ""
