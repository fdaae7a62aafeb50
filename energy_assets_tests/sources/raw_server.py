"""A server on loopback that sends any bytes at any pace, also such as no HTTP library would."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


class RawServer:
    """Sends to each client the parts of an answer; the next part is made when one has been sent."""

    def __init__(self) -> None:
        self.answer: Callable[[], Iterable[bytes]] = tuple
        self.connections = 0
        self.sent = 0
        """Bytes sent so far, to all clients."""
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                outer.connections += 1
                self.request.settimeout(10)
                try:
                    while b"\r\n\r\n" not in self.request.recv(65_536):
                        pass
                    for part in outer.answer():
                        self.request.sendall(part)
                        outer.sent += len(part)
                except OSError:
                    pass  # the client is gone

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[RawServer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer; it says its length unless a header says how the body ends."""
    lines = [f"HTTP/1.1 {status}", *headers, "Connection: close"]
    if not any(line.lower().startswith("transfer-encoding") for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
