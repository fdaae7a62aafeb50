"""Google Cloud Storage on loopback: a third party's emulator, with faults added.

The emulator stores the objects and speaks the API. It has no preconditions and no credentials, and
it never fails; this module adds all three.
"""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from gcp_storage_emulator.handlers.buckets import create_bucket
from gcp_storage_emulator.server import RequestHandler, Router
from gcp_storage_emulator.storage import Storage

from energy_assets.settings import read_settings
from energy_assets.stores.gcs.client import RetryPolicy
from energy_assets.stores.gcs.object_store import GcsObjectStore

BUCKET = "forecasts"
SOURCE_ID = "simulator-ConsumptionDE35Hour"

LARGE = bytes(range(256)) * 33_000
"""More than the client sends in one request."""

Fault = Callable[["_Handler"], None]
"""Called with a request instead of answering it."""


class GcsServer:
    """The server's state."""

    def __init__(self) -> None:
        self.storage = Storage(use_memory_fs=True)
        create_bucket(BUCKET, self.storage)
        self.lock = threading.Lock()
        self.requests: list[str] = []
        self.tokens: set[str] | None = None
        """The valid access tokens; None if the server asks for none."""
        self._faults: list[tuple[str, Fault]] = []
        self.url = ""

    def fail(self, *faults: Fault, at: str = "/") -> None:
        """Use these faults up, in turn, on the next requests whose method and path contain `at`."""
        self._faults += [(at, fault) for fault in faults]

    @property
    def faults_left(self) -> int:
        """How many faults no request has met yet."""
        return len(self._faults)

    def fault_for(self, request: str) -> Fault | None:
        with self.lock:
            for number, (at, fault) in enumerate(self._faults):
                if at in request:
                    del self._faults[number]
                    return fault
        return None

    @property
    def objects(self) -> dict[str, bytes]:
        """Every visible object, by name."""
        with self.lock:
            items, _ = self.storage.get_file_list(BUCKET, None, None)
            return {item["name"]: self.storage.get_file(BUCKET, item["name"]) for item in items}


PATIENT = RetryPolicy(first_delay=0.05)
IMPATIENT = RetryPolicy(connect_timeout=0.3, read_timeout=0.3, first_delay=0.05, deadline=0.3)


def gcs_store(
    source_id: str = SOURCE_ID, policy: RetryPolicy = PATIENT, **settings: Any
) -> GcsObjectStore:
    """A new store on the server that STORAGE_EMULATOR_HOST names."""
    values = {"object_store": "gcs", "google_cloud_bucket_name": BUCKET, **settings}
    return GcsObjectStore(read_settings(_env_file=None, **values), source_id, policy)


@contextmanager
def gcs_server() -> Iterator[GcsServer]:
    """A running server with the empty bucket BUCKET."""
    state = GcsServer()
    httpd = _Server(("127.0.0.1", 0), partial(_Handler, state))
    state.url = f"http://127.0.0.1:{httpd.server_port}"
    serving = threading.Thread(target=partial(httpd.serve_forever, poll_interval=0.01))
    serving.start()
    try:
        yield state
    finally:
        httpd.shutdown()
        serving.join()
        httpd.server_close()


def answers(status: int, message: str = "an error of the server") -> Fault:
    """An error instead of the right response."""

    def fault(handler: _Handler) -> None:
        handler.read_body()
        handler.say(status, message)

    return fault


def breaks_off_in_the_request(handler: _Handler) -> None:
    """The connection breaks after half of the request's body."""
    handler.rfile.read(int(handler.headers.get("Content-Length", 0)) // 2)
    handler.hang_up()


def loses_the_answer(handler: _Handler) -> None:
    """The server does what it was asked for, and the connection breaks before the response."""
    handler.response()
    handler.hang_up()


def breaks_off_in_the_answer(handler: _Handler) -> None:
    """The connection breaks after half of the response's body."""
    head, end, body = handler.response().partition(b"\r\n\r\n")
    handler.wfile.write(head + end + body[: len(body) // 2])
    handler.wfile.flush()
    handler.hang_up()


def after(seconds: float) -> Fault:
    """The right response, late."""

    def fault(handler: _Handler) -> None:
        time.sleep(seconds)
        handler.answer()

    return fault


def no_answer(handler: _Handler) -> None:
    """No response, for longer than any client in these tests waits."""
    time.sleep(5)
    handler.hang_up()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that have stopped waiting."""


class _Handler(RequestHandler):
    timeout = 10
    rfile: Any
    wfile: Any

    def __init__(self, state: GcsServer, *args: Any) -> None:
        self.state = state
        super().__init__(state.storage, *args)

    def parse_request(self) -> bool:
        parsed = super().parse_request()
        if parsed:
            for method in ("GET", "POST", "PUT", "DELETE"):
                setattr(self, f"do_{method}", self._serve)
        return parsed

    def _serve(self) -> None:
        request = f"{self.command} {self.path}"
        self.state.requests.append(request)
        fault = self.state.fault_for(request)
        if fault:
            fault(self)
        else:
            self.answer()

    def answer(self) -> None:
        self.wfile.write(self.response())

    def response(self) -> bytes:
        """The response, not yet sent: a client that does not read must not hold the lock."""
        socket_file, self.wfile = self.wfile, io.BytesIO()
        self._serve_whole(self.read_body())
        response, self.wfile = self.wfile.getvalue(), socket_file
        return response

    def _serve_whole(self, body: bytes) -> None:
        if not self._has_token():
            self.say(401, "Invalid Credentials")
            return
        with self.state.lock:
            if self._precondition_holds(body):
                socket_file, self.rfile = self.rfile, io.BytesIO(body)
                Router(self).handle(self.command)
                self.rfile = socket_file
            else:
                self.say(412, "At least one of the pre-conditions you specified did not hold.")

    def _has_token(self) -> bool:
        tokens, header = self.state.tokens, self.headers.get("Authorization", "")
        return tokens is None or header.removeprefix("Bearer ") in tokens

    def _precondition_holds(self, body: bytes) -> bool:
        url = urlparse(self.path)
        required = parse_qs(url.query).get("ifGenerationMatch")
        if required is None or not url.path.startswith("/upload"):
            return True
        bucket = unquote(url.path.split("/b/")[1].split("/")[0])
        # The first part of the upload is the metadata, JSON on one line.
        name = json.loads(body[body.index(b"{") : body.index(b"}\r\n") + 1])["name"]
        current = self.state.storage.objects.get(bucket, {}).get(name, {"generation": "0"})
        return bool(current["generation"] == required[0])

    def read_body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def say(self, status: int, message: str) -> None:
        body = json.dumps({"error": {"code": status, "message": message}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *args: object) -> None:
        """Log nothing."""
