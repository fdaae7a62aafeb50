"""One server without containers: `python -m deploy.local FOLDER`, until it is interrupted.

It runs the processes of compose.yaml with the same settings, and starts one that has ended again.
What is written is below FOLDER: `storage` (the data), `dagster_home`, `postgres`, `secrets`, and a
log and the process id of each process in `processes`. Everything listens on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from deploy.postgres import MissingPostgresError, Postgres

DEPLOY = Path(__file__).parent
COMMANDS = {
    "code": "dagster api grpc -m energy_assets.definitions --location-name energy_assets",
    "webserver": "dagster-webserver -w deploy/workspace.yaml",
    "daemon": "dagster-daemon run -w deploy/workspace.yaml",
    "api": "python -m energy_assets serve",
}
"""Without the addresses, these are the commands of the containers and units as well."""

INITIALISE = ("python -m energy_assets init", "dagster instance migrate")
"""What is done before they start."""

STARTS_WITHIN = 180.0
"""Seconds that a process may take until it answers."""

STOPS_WITHIN = 130.0
"""Seconds after which a process is killed. A code server waits for its runs before it ends."""

_PAUSE = 1.0


@dataclass
class Process:
    """A process that is started again when it ends."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    folder: Path
    is_ready: Callable[[], bool]
    project: Path
    running: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it, with its log and its process id in the folder."""
        # Of the release that is current now, to the end of the process.
        project = self.project.resolve()
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.running = subprocess.Popen(
                self.command,
                env={**self.environment, "PYTHONPATH": str(project)},
                cwd=project,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # an interrupt at the terminal is for this program alone
            )
        (self.folder / f"{self.name}.pid").write_text(str(self.running.pid))

    def has_ended(self) -> bool:
        """Whether it was started and runs no more."""
        return self.running is not None and self.running.poll() is not None

    def stop(self, how: signal.Signals) -> None:
        """Ask it to end, wait, and kill it and what it has started if it does not."""
        if self.running is None:
            return
        self.running.send_signal(how)
        try:
            self.running.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(self.running.pid, signal.SIGKILL)
            self.running.wait()


@dataclass(frozen=True)
class Server:
    """The processes of one server, with their data below a folder."""

    folder: Path
    postgres: Postgres
    code_port: int
    webserver_port: int
    api_port: int
    project: Path = DEPLOY.parent
    """Where the code is; a link, if a new release may take its place."""

    @property
    def environment(self) -> dict[str, str]:
        """The settings of all processes, but PostgreSQL's."""
        return {
            **os.environ,
            "DAGSTER_HOME": str(self.folder / "dagster_home"),
            "STORAGE_ROOT": str(self.folder / "storage"),
            "PGSERVICEFILE": str(self.postgres.service_file),
            "CODE_SERVER_HOST": "127.0.0.1",
            "CODE_SERVER_PORT": str(self.code_port),
            "SERVE_HOST": "127.0.0.1",
            "SERVE_PORT": str(self.api_port),
            "PYTHONPATH": str(self.project.resolve()),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        }

    def prepare(self) -> None:
        """Make the folders, and Dagster's settings from the two files they consist of."""
        for name in ("dagster_home", "storage", "processes"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        parts = (self.project / "dagster_home" / "dagster.yaml", DEPLOY / "postgres.yaml")
        settings = "".join(part.read_text() for part in parts)
        (self.folder / "dagster_home" / "dagster.yaml").write_text(settings)
        self.postgres.prepare()

    def processes(self) -> list[Process]:
        """The processes in the order in which they are started."""
        arguments = {
            "code": ["-h", "127.0.0.1", "-p", str(self.code_port)],
            "webserver": ["-h", "127.0.0.1", "-p", str(self.webserver_port)],
            "daemon": [],
            "api": [],
        }
        ready: dict[str, Callable[[], bool]] = {
            "code": lambda: listens(self.code_port),
            "webserver": lambda: answers(f"http://127.0.0.1:{self.webserver_port}/server_info"),
            "daemon": lambda: True,
            "api": lambda: answers(f"http://127.0.0.1:{self.api_port}/health"),
        }
        folder = self.folder / "processes"
        database = Process(
            *("postgres", self.postgres.command, dict(os.environ), folder),
            *(self.postgres.is_ready, Path("/")),
        )
        others = [
            Process(
                *(name, [*command.split(), *arguments[name]], self.environment, folder),
                *(ready[name], self.project),
            )
            for name, command in COMMANDS.items()
        ]
        return [database, *others]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the project on this server, such as `status`."""
        return subprocess.run(
            [sys.executable, "-m", "energy_assets", *arguments],
            env=self.environment,
            cwd=self.project,
            capture_output=True,
            text=True,
            check=False,
        )


def listens(port: int) -> bool:
    """Whether a port of this machine is open; a code server opens its own when it is ready."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
    except OSError:
        return False


def answers(url: str) -> bool:
    """Whether a URL is answered."""
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.TransportError:
        return False


def run(server: Server, stopped: threading.Event) -> None:
    """Run the processes until `stopped` is set; a process that has ended is started again.

    Raises SystemExit if one does not start.
    """
    server.prepare()
    processes = server.processes()
    try:
        database, *others = processes
        database.start()
        _wait_for(database, stopped)
        if not stopped.is_set():
            _initialise(server)
            code, *others = others
            code.start()
            _wait_for(code, stopped)
            for process in others:
                process.start()
            for process in others:
                _wait_for(process, stopped)
        print(f"Dagster: http://127.0.0.1:{server.webserver_port}", flush=True)
        print(f"Page and API: http://127.0.0.1:{server.api_port}", flush=True)
        while not stopped.wait(_PAUSE):
            for process in filter(Process.has_ended, processes):
                print(f"{process.name} has ended, and is started again", flush=True)
                process.start()
    finally:
        for process in reversed(processes):
            # To PostgreSQL, SIGINT is to end now, and SIGTERM to wait for whoever is connected.
            process.stop(signal.SIGINT if process.name == "postgres" else signal.SIGTERM)


def _wait_for(process: Process, stopped: threading.Event) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while not process.is_ready():
        if process.has_ended() or time.monotonic() > until:
            raise SystemExit(
                f"{process.name} does not start: see {process.folder / process.name}.log"
            )
        if stopped.wait(0.3):
            return


def _initialise(server: Server) -> None:
    """Choose the first partition of a fresh project, and make or upgrade Dagster's tables."""
    for command in INITIALISE:
        done = subprocess.run(
            command.split(),
            env=server.environment,
            cwd=server.project,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"{command} failed:\n{done.stderr.strip()}")


def main() -> None:
    """Read the options, and run the server until an interrupt or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--project", type=Path, default=DEPLOY.parent, help="where the code is")
    for name, port in {"postgres": 5433, "code": 4000, "webserver": 3000, "api": 8001}.items():
        parser.add_argument(f"--{name}-port", type=int, default=port)
    options = parser.parse_args()
    folder = options.folder.absolute()
    if shutil.which("setpriv") is None and os.geteuid() == 0:
        raise SystemExit("setpriv is missing, with which root starts PostgreSQL as another user")
    stopped = threading.Event()
    for interrupt in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interrupt, lambda *_: stopped.set())
    server = Server(
        *(folder, Postgres(folder, options.postgres_port)),
        *(options.code_port, options.webserver_port, options.api_port),
        options.project.absolute(),
    )
    try:
        run(server, stopped)
    except MissingPostgresError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
