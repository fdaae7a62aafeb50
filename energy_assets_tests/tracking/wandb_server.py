"""A Weights & Biases server on loopback. It keeps what the real client sends, for tests to read.

It implements as much of the protocol as the client needs: GraphQL, the stream of a run's figures,
and file uploads.
"""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from energy_assets_tests.tracking.wandb_operations import WandbOperations

KEY = "k3y" + 40 * "7"


class WandbServer(WandbOperations):
    """The server; `url` is its WANDB_BASE_URL."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # the client hangs up when it is done
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> WandbServer:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def _reply(self, status: int, document: object) -> None:
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                credentials = self.headers.get("Authorization", "").removeprefix("Basic ")
                _, _, key = base64.b64decode(credentials).decode().partition(":")
                server.keys.add(key)
                if key != KEY:
                    return self._reply(401, {"errors": [{"message": "invalid API key"}]})
                if self.path == "/graphql":
                    return self._reply(*server.graphql(json.loads(body)))
                return self._reply(200, server._stream(self.path, json.loads(body)))

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.files[self.path.removeprefix("/put/")] = body
                self._reply(200, {})

        return Handler

    def _stream(self, path: str, sent: dict[str, Any]) -> dict[str, Any]:
        run = self.runs[path.split("/")[-2]]
        files = sent.get("files") or {}
        for line in (files.get("wandb-history.jsonl") or {}).get("content", []):
            run.history.append(json.loads(line))
        for line in (files.get("wandb-summary.json") or {}).get("content", []):
            run.summary = json.loads(line)
        if sent.get("complete"):
            run.exit_code = sent.get("exitcode")
        return {}
