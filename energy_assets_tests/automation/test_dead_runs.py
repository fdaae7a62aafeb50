"""Dead runs: one whose process was killed is marked as failed, and a living one is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from energy_assets.automation.dead_runs import alive, dead_run_sensor, fail_dead_runs
from energy_assets.settings import PROJECT_ROOT


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


@contextmanager
def sleeping(instance: dg.DagsterInstance, how: str) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of a run's step."""
    process = subprocess.Popen(
        [sys.executable, "-m", "energy_assets_tests.automation.sleeping_job", how],
        cwd=PROJECT_ROOT,
        env={**os.environ, "DAGSTER_HOME": instance.root_directory},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asleep\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("how", ["command", "executor"])
def test_a_run_counts_as_failed_once_its_process_was_killed_but_not_before(
    instance: dg.DagsterInstance, how: str
) -> None:
    with sleeping(instance, how) as process:
        assert fail_dead_runs(instance) == []
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.STARTED
        process.kill()
        process.wait()
        with dg.build_sensor_context(instance=instance) as context:
            reason = dead_run_sensor(context)
        assert run.run_id in str(reason)
    (run,) = instance.get_runs()
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert fail_dead_runs(instance) == []


def test_a_run_that_has_ended_leaves_nothing_to_look_at(instance: dg.DagsterInstance) -> None:
    with alive(instance, "a-run"):
        assert [path.name for path in (Path(instance.root_directory) / "running").iterdir()]
    assert not list((Path(instance.root_directory) / "running").iterdir())


def test_a_process_that_ends_after_its_run_leaves_the_outcome_alone(
    instance: dg.DagsterInstance,
) -> None:
    @dg.job
    def empty_job() -> None:
        pass

    result = empty_job.execute_in_process(instance=instance)
    (Path(instance.root_directory) / "running").mkdir()
    (Path(instance.root_directory) / "running" / result.run_id).touch()  # no process has locked it
    assert fail_dead_runs(instance) == []
    (run,) = instance.get_runs()
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert not list((Path(instance.root_directory) / "running").iterdir())


def test_a_home_without_room_for_locks_does_not_stop_a_run(instance: dg.DagsterInstance) -> None:
    (Path(instance.root_directory) / "running").touch()  # no folder can be made there
    with alive(instance, "a-run"):
        assert fail_dead_runs(instance) == []
