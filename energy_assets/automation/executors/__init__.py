"""Where the steps of a run are executed: what RUN_EXECUTOR chooses.

Belongs here: what a choice needs from the settings. Does not belong here: where runs themselves are
started, which `run_launcher` in dagster.yaml says.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import dagster as dg

from energy_assets.automation.executors.celery_config import celery_config
from energy_assets.errors import SettingsError
from energy_assets.settings import Settings


def run_executor(settings: Settings) -> dg.ExecutorDefinition:
    """The executor of all jobs.

    Raises SettingsError if it is not installed. A missing broker is an error when a run starts.
    """
    if settings.run_executor == "celery":
        executor: dg.ExecutorDefinition = _installed("dagster_celery", "celery").celery_executor
        return executor.configured(lambda _: celery_config(settings), config_schema={})
    if settings.run_executor == "kubernetes":
        # What its pods look like is said by the run launcher.
        pods: dg.ExecutorDefinition = _installed("dagster_k8s", "kubernetes").k8s_job_executor
        return pods
    if settings.run_executor == "multiprocess":
        return dg.multiprocess_executor
    # One process runs the whole job: a process per step would spend most of its time importing.
    return dg.in_process_executor


def _installed(module: str, name: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"RUN_EXECUTOR={name} needs {error.name}: install energy-assets[{name}]"
        ) from error
