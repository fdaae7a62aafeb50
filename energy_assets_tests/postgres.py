"""A PostgreSQL server for tests, where it is installed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.postgres import MissingPostgresError, Postgres, find_binaries


def require_postgres() -> None:
    """Skip the test where PostgreSQL is not installed, but never with CI=true."""
    try:
        find_binaries()
    except MissingPostgresError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that other users may pass through: as root, PostgreSQL runs as another user."""
    with tempfile.TemporaryDirectory(prefix="energy-assets-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server with an empty database."""
    require_postgres()
    with open_folder() as folder:
        server = Postgres(folder, *free_ports(1))
        server.prepare()
        process = subprocess.Popen(server.command, cwd="/", stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + 30
            while not server.is_ready():
                assert time.monotonic() < until, "PostgreSQL does not answer"
                time.sleep(0.1)
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
