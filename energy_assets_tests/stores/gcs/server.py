"""Google Cloud Storage on loopback: a third party's emulator behind a thin layer of our own.

The emulator keeps the objects and speaks the API. It knows neither preconditions nor credentials,
and it never fails: those are here.
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
from energy_assets.stores.gcs.client import Patience
from energy_assets.stores.gcs.object_store import GcsObjectStore

BUCKET = "forecasts"
OWNER = "simulator-ConsumptionDE35Hour"

Fault = Callable[["_Handler"], None]
"""Is given a request, in place of its answer."""


class GcsServer:
    """The server's state. `faults` are given out first, one for each request that fits."""

    def __init__(self) -> None:
        self.storage = Storage(use_memory_fs=True)
        create_bucket(BUCKET, self.storage)
        self.lock = threading.Lock()
        self.requests: list[str] = []
        self.tokens: set[str] | None = None
        """The access tokens that are good; None: no token is asked for."""
        self._faults: list[tuple[str, Fault]] = []
        self.url = ""

    def fail(self, *faults: Fault, at: str = "/") -> None:
        """Meet the next requests whose method and path contain `at` with these faults, in turn."""
        self._faults += [(at, fault) for fault in faults]

    def fault_for(self, request: str) -> Fault | None:
        with self.lock:
            for number, (at, fault) in enumerate(self._faults):
                if at in request:
                    del self._faults[number]
                    return fault
        return None

    @property
    def objects(self) -> dict[str, bytes]:
        """Every visible object by its name."""
        with self.lock:
            names, _ = self.storage.get_file_list(BUCKET, None, None)
            return {found["name"]: self.storage.get_file(BUCKET, found["name"]) for found in names}


PATIENT = Patience(first_wait=0.05)
IMPATIENT = Patience(connect=0.3, answer=0.3, first_wait=0.05, retry=0.3)


def gcs_store(owner: str = OWNER, patience: Patience = PATIENT, **settings: Any) -> GcsObjectStore:
    """A store on the server that STORAGE_EMULATOR_HOST names, as another process would open it."""
    given = {"google_cloud_bucket_name": BUCKET, **settings}
    return GcsObjectStore(
        read_settings(_env_file=None, object_store="gcs", **given), owner, patience
    )


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
    """Another answer in place of the right one."""

    def fault(handler: _Handler) -> None:
        handler.read_body()
        handler.say(status, message)

    return fault


def breaks_off_in_the_request(handler: _Handler) -> None:
    """Half of the body arrives, then the connection is gone."""
    handler.rfile.read(int(handler.headers.get("Content-Length", 0)) // 2)
    handler.hang_up()


def loses_the_answer(handler: _Handler) -> None:
    """The request is served, and the connection is gone before its answer."""
    handler.made_answer()
    handler.hang_up()


def breaks_off_in_the_answer(handler: _Handler) -> None:
    """Half of the answer's body arrives, then the connection is gone."""
    head, end, body = handler.made_answer().partition(b"\r\n\r\n")
    handler.wfile.write(head + end + body[: len(body) // 2])
    handler.wfile.flush()
    handler.hang_up()


def after(seconds: float) -> Fault:
    """The right answer, late."""

    def fault(handler: _Handler) -> None:
        time.sleep(seconds)
        handler.answer()

    return fault


def no_answer(handler: _Handler) -> None:
    """The request is neither served nor answered, for longer than anybody waits here."""
    time.sleep(5)
    handler.hang_up()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has given up waiting is no error of the server."""


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
        self.wfile.write(self.made_answer())

    def made_answer(self) -> bytes:
        """Serve the request; its answer is not sent, lest a client that does not read stop all."""
        sending, self.wfile = self.wfile, io.BytesIO()
        self._serve_whole(self.read_body())
        made, self.wfile = self.wfile.getvalue(), sending
        return made

    def _serve_whole(self, body: bytes) -> None:
        if not self._has_token():
            self.say(401, "Invalid Credentials")
            return
        with self.state.lock:
            if self._precondition_holds(body):
                arriving, self.rfile = self.rfile, io.BytesIO(body)
                Router(self).handle(self.command)
                self.rfile = arriving
            else:
                self.say(412, "At least one of the pre-conditions you specified did not hold.")

    def _has_token(self) -> bool:
        tokens, given = self.state.tokens, self.headers.get("Authorization", "")
        return tokens is None or given.removeprefix("Bearer ") in tokens

    def _precondition_holds(self, body: bytes) -> bool:
        url = urlparse(self.path)
        wanted = parse_qs(url.query).get("ifGenerationMatch")
        if wanted is None or not url.path.startswith("/upload"):
            return True
        bucket = unquote(url.path.split("/b/")[1].split("/")[0])
        # The metadata is JSON of one line in the first part of the upload.
        name = json.loads(body[body.index(b"{") : body.index(b"}\r\n") + 1])["name"]
        present = self.state.storage.objects.get(bucket, {}).get(name, {"generation": "0"})
        return bool(present["generation"] == wanted[0])

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
        """Say nothing."""
