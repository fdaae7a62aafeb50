"""One server, with its real processes: work goes on whatever is killed, upgraded or moved."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import dagster as dg
import httpx
import pytest

from benchmarks.faults import Deployment
from deploy.local import Server
from deploy.postgres import find_binaries
from energy_assets.automation.dead_runs import fail_dead_runs
from energy_assets.partitions import HOUR, key_of
from energy_assets.settings import PROJECT_ROOT, utc_now
from energy_assets_tests.deploy.servers import (
    DAYS,
    LiveServer,
    forecast_hours,
    settings_of_a_small_world,
)
from energy_assets_tests.postgres import free_ports, open_folder, require_postgres, running_postgres

ROUNDS = int(os.environ.get("ENERGY_ASSETS_TEST_KILLS", "1"))
"""How often each process is killed. A round takes about two minutes."""

PROCESSES = ("webserver", "api", "daemon", "code", "postgres")
_ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
_DESCRIPTIONS = """{
  repositoriesOrError {
    ... on RepositoryConnection { nodes { jobs { description } } }
  }
}"""


@pytest.fixture(scope="module")
def live() -> Iterator[LiveServer]:
    """A server with the rows of its training window, and a forecast of the newest hour."""
    require_postgres()
    with open_folder() as folder, pytest.MonkeyPatch.context() as patch:
        for name, value in settings_of_a_small_world(folder).items():
            patch.setenv(name, value)
        (folder / "server").mkdir()
        Deployment(folder / "server", DAYS).finish("history", hour_before(0))
        (folder / "current").symlink_to(release(folder / "first"))
        server = LiveServer(folder / "server", project=folder / "current")
        patch.setenv("PGSERVICEFILE", str(server.server.postgres.service_file))
        try:
            run_id = server.launch("hourly_job", hour_before(1))
            with server.instance() as instance:
                server.wait_for(lambda: has_succeeded(instance, run_id))
            yield server
        finally:
            server.stop()


def release(folder: Path) -> Path:
    """A copy of what a release consists of."""
    for name in ("energy_assets", "deploy", "dagster_home"):
        leave = shutil.ignore_patterns("__pycache__", "storage", "history", "running", "secrets")
        shutil.copytree(PROJECT_ROOT / name, folder / name, ignore=leave)
    return folder


def hour_before(hours: int) -> datetime:
    """A recent full hour. The same one for all tests, although an hour may end while they run."""
    return first_hour() - hours * HOUR


@functools.cache
def first_hour() -> datetime:
    """The full hour before the first test asked."""
    return utc_now().replace(minute=0, second=0, microsecond=0)


def is_started(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and run.status.value in {"STARTED", *_ENDED}


def errors_of(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """What the events of a run say of failures."""
    events = [entry.dagster_event for entry in instance.all_logs(run_id)]
    return [
        f"{event.event_type_value} {event.message}\n{event.event_specific_data}"
        for event in events
        if event and event.is_failure
    ]


def has_ended(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and run.is_finished


def has_succeeded(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a run, or one that was started in its place, has succeeded."""
    runs = instance.get_runs(dg.RunsFilter(tags={"dagster/root_run_id": run_id}))
    first = instance.get_run_by_id(run_id)
    return any(run.status.value == "SUCCESS" for run in [*runs, *([first] if first else [])])


@pytest.mark.parametrize("name", PROCESSES * ROUNDS)
def test_a_run_is_done_although_a_process_is_killed_in_the_middle_of_it(
    live: LiveServer, name: str
) -> None:
    hour = hour_before(30 + PROCESSES.index(name))
    assert hour not in forecast_hours(live.server) or ROUNDS > 1
    run_id = live.launch("prediction_job", hour)
    with live.instance() as instance:
        live.wait_for(lambda: is_started(instance, run_id))
    old = live.pid(name)
    live.kill(name)
    live.wait_for(lambda: live.pid(name) != old)
    with live.instance() as instance:
        if name == "postgres":
            # The step fails, and Dagster retries only runs whose process has died. It is not stuck.
            live.wait_for(lambda: has_ended(instance, run_id))
            run_id = live.launch("prediction_job", hour)
        live.wait_for(lambda: has_succeeded(instance, run_id))
    assert hour in forecast_hours(live.server)
    live.wait_for(lambda: httpx.get(f"{live.api}/ready").status_code == 200)
    live.wait_for(lambda: live.ask("{ version }"))


def test_a_backfill_ends_although_the_daemon_is_killed_in_the_middle_of_it(
    live: LiveServer,
) -> None:
    first = hour_before(40)
    backfill_id = live.backfill("prediction_job", first, 3)
    with live.instance() as instance:
        live.wait_for(lambda: instance.get_runs(dg.RunsFilter.for_backfill(backfill_id)))
        live.kill("daemon")

        def has_completed() -> bool:
            backfill = instance.get_backfill(backfill_id)
            return backfill is not None and backfill.status.value.startswith("COMPLETED")

        live.wait_for(has_completed)
        # A run that the daemon was launching fails after `start_timeout_seconds`, and is retried.
        # Dagster counts the first of the two, so it may say that the backfill has failed.
        hours = {first, first + HOUR, first + 2 * HOUR}
        runs = instance.get_runs(dg.RunsFilter.for_backfill(backfill_id))
        live.wait_for(lambda: hours <= forecast_hours(live.server))
        assert len(runs) <= 2, [errors_of(instance, run.run_id) for run in runs]


def test_a_run_goes_on_to_its_end_while_a_new_release_takes_over(live: LiveServer) -> None:
    folder = live.server.project.parent
    second = release(folder / "second")
    jobs = second / "energy_assets" / "automation" / "jobs.py"
    jobs.write_text(jobs.read_text().replace("Process an hour", "The next release processes one"))
    run_id = live.launch("hourly_job", hour_before(3))
    with live.instance() as instance:
        live.wait_for(lambda: is_started(instance, run_id))
        (folder / "next").symlink_to(second)
        (folder / "next").rename(live.server.project)
        os.kill(live.pid("code"), signal.SIGTERM)
        live.wait_for(lambda: has_succeeded(instance, run_id))
        (run,) = instance.get_runs(dg.RunsFilter(run_ids=[run_id]))
        assert run.status is dg.DagsterRunStatus.SUCCESS  # itself, not a later one
    live.wait_for(lambda: "The next release" in str(live.ask(_DESCRIPTIONS)))


def test_a_backup_taken_at_work_goes_on_on_another_machine(live: LiveServer) -> None:
    run_id = live.launch("hourly_job", hour_before(4))
    with live.instance() as instance:
        live.wait_for(lambda: is_started(instance, run_id))
    known = forecast_hours(live.server)
    backup = live.server.folder.parent / "backup"
    script("backup.sh", live.server, backup)

    with running_postgres() as postgres, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGSERVICEFILE", str(postgres.service_file))
        other = Server(postgres.folder, postgres, *free_ports(3))
        other.prepare()
        script("restore.sh", other, backup)
        assert known <= forecast_hours(other)
        with dg.DagsterInstance.from_config(str(other.folder / "dagster_home")) as instance:
            assert instance.get_materialized_partitions(dg.AssetKey("predictions_parquet"))
            assert run_id in fail_dead_runs(instance)
            assert not [run for run in instance.get_runs() if run.status.value == "STARTED"]
        hour = hour_before(5)
        assert hour not in known
        done = other.command("run", "--origin", key_of(hour))
        assert done.returncode == 0, done.stderr
        assert hour in forecast_hours(other)


def script(name: str, server: Server, folder: Path) -> None:
    """Run a script of deploy/ on a server without containers."""
    path = f"{find_binaries()}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(PROJECT_ROOT / "deploy" / name), str(folder)],
        env={**server.environment, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
