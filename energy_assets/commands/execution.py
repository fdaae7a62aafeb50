"""Running the steps of a command in this process, with progress in the terminal."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import dagster as dg
from rich.progress import Progress, TaskID

from energy_assets import errors
from energy_assets.automation.dead_runs import alive, fail_dead_runs
from energy_assets.automation.jobs import range_tags
from energy_assets.commands.deployment import Deployment
from energy_assets.commands.event_log import few_syncs, kept_engines
from energy_assets.commands.steps import Step
from energy_assets.commands.terminal import progress_bar
from energy_assets.errors import EnergyAssetsError
from energy_assets.partitions import key_of
from energy_assets.settings import typed

_SEARCH_LOGGER = "energy_assets.forecasting.tuning"


class RunFailedError(EnergyAssetsError):
    """A run of a job failed."""


def execute(deployment: Deployment, steps: Iterable[Step], hours: int | None = None) -> int:
    """Execute the runs in turn; print a line for each, and for each trial of a search.

    With `hours`, the number of partitions of all steps, the bar shows the overall progress; without
    it, the progress of each step. Returns the number of runs.

    Raises RunFailedError with the message of the first failure.
    """
    count = 0
    with dg.DagsterInstance.get() as instance, progress_bar() as progress:
        if fail_dead_runs(instance):
            progress.console.print("  an earlier run was killed; what it had stored is used")
        task = progress.add_task("", total=hours)
        with _showing_trials(progress, task):
            for step in steps:
                progress.update(task, description=f"{step.purpose}: {step.hours} hours")
                if hours is None:
                    progress.reset(task)
                started = time.monotonic()
                # For each run, because each has a database of its own that is kept open.
                with few_syncs(), kept_engines():
                    _run(deployment.defs, step, instance)
                progress.advance(task, step.hours if hours else 0)
                span = f"{step.hours} hours" if step.hours > 1 else key_of(step.first)
                seconds = time.monotonic() - started
                count += 1
                progress.console.print(f"  {step.purpose} ({span}): {seconds:.1f} s")
    return count


def _run(defs: dg.Definitions, step: Step, instance: dg.DagsterInstance) -> None:
    run_id = str(uuid.uuid4())
    with alive(instance, run_id):
        result = defs.resolve_job_def(step.job).execute_in_process(
            run_id=run_id,
            instance=instance,
            asset_selection=[dg.AssetKey(name) for name in step.assets] or None,
            tags=range_tags(step.first, step.last),
            run_config={
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                "ops": {asset: {"config": dict(config)} for asset, config in step.config.items()},
            },
            raise_on_error=False,
        )
    if not result.success:
        raise RunFailedError(_reason(result))


class _TrialHandler(logging.Handler):
    """Prints each trial that the search logs, and advances the bar."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        super().__init__(logging.INFO)
        self.progress = progress
        self.task = task

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record that carries a trial."""
        trial, total = getattr(record, "trial", None), getattr(record, "total", None)
        if trial is not None:
            self.progress.update(
                self.task, total=total, completed=trial.number, description="trials"
            )
            self.progress.console.print(f"    {record.getMessage()} ({trial.seconds:.1f} s)")


@contextmanager
def _showing_trials(progress: Progress, task: TaskID) -> Iterator[None]:
    logger, handler = logging.getLogger(_SEARCH_LOGGER), _TrialHandler(progress, task)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


def _reason(result: dg.ExecuteInProcessResult) -> str:
    """The first failure of a run; the message alone if the error is ours."""
    for evaluation in result.get_asset_check_evaluations():
        if evaluation.blocking and not evaluation.passed:
            return f"{evaluation.asset_key.to_user_string()}: {evaluation.description}"
    failures = (event.step_failure_data for event in result.all_events if event.is_step_failure)
    error = next((failure.error for failure in failures if failure.error is not None), None)
    if error is None:
        return f"the run failed; its log is in the Dagster UI ({typed('dev')})"
    # Dagster wraps errors in its own. The cause of one of our errors would not help a reader.
    while error.cls_name is not None and error.cls_name.startswith("Dagster") and error.cause:
        error = error.cause
    if error.cls_name == "DagsterExecutionInterruptedError":
        raise KeyboardInterrupt
    return error.message.strip().removeprefix(f"{errors.__name__}.")
