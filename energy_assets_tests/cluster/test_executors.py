"""What RUN_EXECUTOR chooses, and what it says when something is missing."""

from __future__ import annotations

import sys

import dagster as dg
import pytest

from energy_assets.automation.executors import run_executor
from energy_assets.definitions import build_defs, build_resources
from energy_assets.errors import CredentialError, SettingsError
from energy_assets.settings import read_settings
from energy_assets_tests.cluster.installed import require

MODULES = {"celery": "dagster_celery", "kubernetes": "dagster_k8s"}


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        *(("in_process", "in_process"), ("multiprocess", "multiprocess")),
        *(("celery", "celery"), ("kubernetes", "k8s")),
    ],
)
def test_each_choice_is_the_executor_of_all_jobs(choice: str, name: str) -> None:
    require(modules=(MODULES[choice],) if choice in MODULES else ())
    settings = read_settings(_env_file=None, run_executor=choice)
    repository = build_defs(build_resources(settings)).get_repository_def()
    assert {job.executor_def.name for job in repository.get_all_jobs()} == {name}


@pytest.mark.parametrize("choice", MODULES)
def test_an_executor_that_is_not_installed_names_the_extra(
    choice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, MODULES[choice], None)
    with pytest.raises(SettingsError, match=rf"install energy-assets\[{choice}\]"):
        run_executor(read_settings(_env_file=None, run_executor=choice))


def test_without_a_broker_a_run_says_which_setting_is_missing() -> None:
    require(modules=("dagster_celery",))
    executor = run_executor(read_settings(_env_file=None, run_executor="celery"))

    @dg.job(executor_def=executor)
    def empty_job() -> None:
        pass

    with pytest.raises(dg.DagsterConfigMappingFunctionError) as caught:
        dg.validate_run_config(empty_job)
    error = caught.value.__cause__
    assert isinstance(error, CredentialError)
    assert "CELERY_BROKER_URL is not set" in str(error)
