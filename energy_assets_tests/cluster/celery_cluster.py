"""A cluster on loopback for tests: a real Redis, real workers, runs in processes of their own."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import dagster as dg

from energy_assets.settings import PROJECT_ROOT
from energy_assets_tests.cluster.installed import require

T = TypeVar("T")
LOST_AFTER = 4
"""Seconds of silence after which these workers count as lost."""


class CeleryCluster:
    """Redis and two workers; everything is below a folder."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        require(program="redis-server", modules=("dagster_celery", "redis"))
        self.folder = folder
        self.password = secrets.token_hex(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (folder / "home").mkdir()
        (folder / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        self.environment = {
            **os.environ,
            **settings,
            "DAGSTER_HOME": str(folder / "home"),
            "RUN_EXECUTOR": "celery",
            "CELERY_BROKER_URL": f"redis://:{self.password}@127.0.0.1:{port}/0",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        # The password goes through a file: arguments can be seen in the list of processes.
        (folder / "redis.conf").write_text(
            f"include {PROJECT_ROOT / 'deploy' / 'celery' / 'redis.conf'}\n"
            f"dir {folder}\nport {port}\nbind 127.0.0.1\nrequirepass {self.password}\n"
        )

    def start(self) -> None:
        """Start Redis and the workers, and wait until they are ready."""
        self._start("redis", "redis-server", str(self.folder / "redis.conf"))
        for name in ("first", "second"):
            self.start_worker(name)
        for name in ("first", "second"):
            self.wait_for(lambda name=name: "ready." in self.log(name))

    def start_worker(self, name: str) -> None:
        """Start a worker; it is called `name` in the events of a run."""
        app = "energy_assets_tests.cluster.quick_worker"
        self._start(
            *(name, sys.executable, "-m", "celery", "--app", app, "worker"),
            *("--concurrency", "1", "--hostname", f"{name}@here", "--loglevel", "INFO"),
        )

    def start_run(self, name: str, module: str, job: str, tags: dict[str, str]) -> None:
        """Start a run in a process of its own, as Dagster's launcher does."""
        script = "energy_assets_tests.cluster.run_job"
        pairs = [f"{key}={value}" for key, value in tags.items()]
        self._start(name, sys.executable, "-m", script, module, job, *pairs)

    def kill(self, name: str) -> None:
        """Kill a worker and what it has started, as a lost machine does."""
        os.killpg(self.processes[name].pid, signal.SIGKILL)
        self.processes[name].wait()

    def log(self, name: str) -> str:
        """What a process has printed."""
        return (self.folder / f"{name}.log").read_text()

    def wait_for(self, condition: Callable[[], T | None], within: float = 120) -> T:
        """The first true value of a condition."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            if value := condition():
                return value
            time.sleep(0.2)
        raise AssertionError("\n".join(f"{name}:\n{self.log(name)}" for name in self.processes))

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Dagster's instance."""
        with dg.DagsterInstance.from_config(str(self.folder / "home")) as instance:
            yield instance

    def workers_of(self, step: str) -> list[tuple[str, str]]:
        """The run and the worker of each attempt at a step, in the order in which they began."""
        attempts = []
        with self.instance() as instance:
            for run in instance.get_runs():
                for record in instance.all_logs(run.run_id, dg.DagsterEventType.ENGINE_EVENT):
                    event = record.get_dagster_event()
                    worker = event.engine_event_data.metadata.get("Celery worker")
                    if event.step_key == step and worker is not None:
                        name = str(worker.value).partition("@")[0]
                        attempts.append((record.timestamp, run.run_id, name))
        return [(run_id, name) for _, run_id, name in sorted(attempts)]

    def stop(self) -> None:
        """End all processes."""
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _start(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=PROJECT_ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
