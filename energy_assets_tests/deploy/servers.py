"""A whole server on loopback for tests: the real processes, over a real PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import httpx

from deploy.local import Server
from deploy.postgres import Postgres
from energy_assets.partitions import HOUR
from energy_assets.settings import PROJECT_ROOT, utc_now
from energy_assets.sources.simulator import Simulator
from energy_assets.stores.embedded.object_store import LocalObjectStore
from energy_assets.stores.paths import stored_hours
from energy_assets_tests.postgres import free_ports
from energy_assets_tests.world import Only

T = TypeVar("T")
SERIES = {("DK1", "111"), ("DK1", "211"), ("DK2", "111"), ("DK2", "211")}
DAYS = 9
LOCATION = {"repositoryName": "__repository__", "repositoryLocationName": "energy_assets"}

_LAUNCH = """
mutation ($parameters: ExecutionParams!) {
  launchRun(executionParams: $parameters) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}"""
_BACKFILL = """
mutation ($parameters: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $parameters) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}"""


def settings_of_a_small_world(folder: Path) -> dict[str, str]:
    """Settings with which an hour takes seconds: a file of four simulated series."""
    now = utc_now().replace(minute=0, second=0, microsecond=0)
    start = now - timedelta(days=DAYS + 1)
    records = Only(Simulator(), SERIES).fetch(start, now + timedelta(days=1))
    records.to_parquet(folder / "records.parquet")
    return {
        "ENERGY_SOURCE": "file",
        "ENERGY_FILE": str(folder / "records.parquet"),
        "PARTITIONS_START": f"{start:%Y-%m-%d}-00:00",
        "DAYS_DELAY": "0",
        "DAYS_EXPORT": str(DAYS),
        "CATCH_UP_HOURS": "2",
        "TUNING_TRIALS": "1",
        "WANDB_MODE": "disabled",
    }


def forecast_hours(server: Server) -> set[datetime]:
    """The hours of the last days from which there is a forecast."""
    storage = server.folder / "storage" / "file-ConsumptionDE35Hour" / "objects"
    now = utc_now()
    start = now - timedelta(days=DAYS)
    return set(stored_hours(LocalObjectStore(storage), "predictions_parquet", start, now))


class LiveServer:
    """A server that runs, and what its users see of it."""

    def __init__(self, folder: Path, project: Path = PROJECT_ROOT) -> None:
        ports = free_ports(4)
        self.server = Server(folder, Postgres(folder, ports[0]), *ports[1:], project=project)
        self.url = f"http://127.0.0.1:{self.server.webserver_port}"
        self.api = f"http://127.0.0.1:{self.server.api_port}"
        self._log = (folder.parent / f"{folder.name}.log").open("w")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "deploy.local", str(folder), "--project", str(project)),
                *("--postgres-port", str(ports[0]), "--code-port", str(ports[1])),
                *("--webserver-port", str(ports[2]), "--api-port", str(ports[3])),
            ],
            cwd=PROJECT_ROOT,
            env=dict(os.environ),
            stdout=self._log,
            stderr=self._log,
        )
        self.wait_for(lambda: "Page and API" in self.log, 240)

    @property
    def log(self) -> str:
        """What it has printed."""
        return Path(self._log.name).read_text()

    def logs(self) -> str:
        """The ends of all logs, for the message of a failure."""
        folder = self.server.folder / "processes"
        parts = [f"{p.name}\n{p.read_text()[-3000:]}" for p in sorted(folder.glob("*.log"))]
        return "\n".join([self.log, *parts])

    def wait_for(self, condition: Callable[[], T | None], within: float = 240) -> T:
        """The first true value of a condition. Processes may be away while it is asked."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            try:
                if value := condition():
                    return value
            except (httpx.TransportError, httpx.HTTPStatusError):
                pass
            assert self.process.poll() is None, self.logs()
            time.sleep(0.3)
        raise AssertionError(f"not within {within} s:\n{self.logs()}")

    def kill(self, name: str) -> None:
        """Kill a process and all that it has started, as a container or a unit ends."""
        os.killpg(self.pid(name), signal.SIGKILL)

    def pid(self, name: str) -> int:
        """The id of a process."""
        return int((self.server.folder / "processes" / f"{name}.pid").read_text())

    def ask(self, query: str, **variables: Any) -> Any:
        """The answer of the webserver to a query or mutation."""
        answer = httpx.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=30
        )
        answer.raise_for_status()
        assert "errors" not in answer.json(), answer.json()
        return answer.json()["data"]

    def launch(self, job: str, hour: datetime) -> str:
        """Launch a job for an hour; the id of its run."""
        tags = [{"key": "dagster/partition", "value": f"{hour:%Y-%m-%d-%H:%M}"}]
        parameters = {
            "selector": {**LOCATION, "jobName": job},
            "mode": "default",
            "runConfigData": {},
            "executionMetadata": {"tags": tags},
        }

        def launched() -> str | None:
            answer = self.ask(_LAUNCH, parameters=parameters)["launchRun"]
            return answer["run"]["runId"] if "run" in answer else None

        return self.wait_for(launched)

    def backfill(self, job: str, first: datetime, hours: int) -> str:
        """Launch a backfill; its id."""
        keys = [f"{first + number * HOUR:%Y-%m-%d-%H:%M}" for number in range(hours)]
        parameters = {
            "selector": {
                "repositorySelector": LOCATION,
                "partitionSetName": f"{job}_partition_set",
            },
            "partitionNames": keys,
        }
        answer = self.ask(_BACKFILL, parameters=parameters)["launchPartitionBackfill"]
        assert "backfillId" in answer, answer
        return answer["backfillId"]

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Dagster's instance; PGSERVICEFILE has to name the server's."""
        with dg.DagsterInstance.from_config(str(self.server.folder / "dagster_home")) as instance:
            yield instance

    def stop(self) -> None:
        """End all processes."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(200)
        self._log.close()
