"""Servers in processes of their own on loopback, and wrk, which asks them."""

from __future__ import annotations

import http.client
import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.code_server import held_by

SCRIPT = Path(__file__).with_name("wrk.lua")
_CONNECTIONS = 32
"""A request that waits holds up no other one while there are free connections."""


@dataclass(frozen=True)
class Answers:
    """What wrk measured; times in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    slowest: float
    errors: int


@dataclass(frozen=True)
class Server:
    """A process that answers on a port of this machine."""

    process: subprocess.Popen[bytes]
    port: int

    def get(self, path: str, accept: str = "*/*", gzip: bool = False) -> bytes:
        """The body of an answer, as it was sent; raises SystemExit if it is an error."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            encoding = {"Accept-Encoding": "gzip"} if gzip else {}
            connection.request("GET", path, headers={"Accept": accept, **encoding})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise SystemExit(f"{path} answered {response.status}: {body[:500]!r}")
        return body

    @property
    def memory(self) -> float:
        """Its resident memory in MB."""
        return held_by(Path(f"/proc/{self.process.pid}"))["memory (MB)"]

    def ask(
        self, addresses: Sequence[str], seconds: int, rate: int = 0, connections: int = _CONNECTIONS
    ) -> Answers:
        """Ask for addresses at random: so many a second, or as many as it answers."""
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("\n".join(addresses))
            file.flush()
            command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
            command += ["-s", str(SCRIPT), f"http://127.0.0.1:{self.port}"]
            command += ["--", file.name, str(rate)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        answers = Answers(**json.loads(done.stdout.splitlines()[-1]))
        if not answers.requests:
            return replace(answers, p50=math.inf, p99=math.inf, slowest=math.inf)
        return answers


@contextmanager
def service(environment: Mapping[str, str]) -> Iterator[Server]:
    """`energy-assets serve` over a store, once it has a forecast to answer with."""
    port = _free_port()
    settings = {**environment, "SERVE_PORT": str(port), "SERVE_API_KEYS": "", "SERVE_HOST": ""}
    with _running(["-m", "energy_assets", "serve"], settings, port, "/ready") as server:
        yield server


@contextmanager
def bare_service() -> Iterator[Server]:
    """The route to compare with."""
    port = _free_port()
    with _running(["-m", "benchmarks.bare_service", str(port)], {}, port, "/bare?series=1") as one:
        yield one


@contextmanager
def _running(
    arguments: Sequence[str], environment: Mapping[str, str], port: int, path: str
) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, *arguments], env={**os.environ, **environment}, stdout=subprocess.DEVNULL
    )
    server = Server(process, port)
    try:
        for _ in range(1_200):
            try:
                server.get(path)
                break
            except (OSError, SystemExit):
                if process.poll() is not None:
                    raise SystemExit(f"{' '.join(arguments)} ended before it answered") from None
                time.sleep(0.05)
        else:
            raise SystemExit(f"{' '.join(arguments)} does not answer at {path}")
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
