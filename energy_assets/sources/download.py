"""One answer over HTTP, bounded as a whole in time and in size, however the server behaves.

Belongs here: what holds for any HTTP source. Retries, and what an answer means, belong in the
source.
"""

from __future__ import annotations

import json
import logging
import socket
import ssl
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import cache
from threading import Event, Timer
from typing import Any

import httpx

# It logs every address, and one may hold a key.
logging.getLogger("httpx").setLevel(logging.WARNING)

_MAX_REDIRECTS = 5

_LONGEST_WAIT = timedelta(days=366)
"""A server that asks for a longer wait than this does not mean it."""


@dataclass(frozen=True)
class Answer:
    """The answer of a server, with its whole body."""

    status: int
    headers: httpx.Headers
    content: bytes

    def message(self) -> str:
        """What the body says, shortened: `message` or `reason` of a JSON object, or the text."""
        text = self.content.decode("utf-8", "replace")
        with suppress(AttributeError, ValueError, RecursionError):
            said = json.loads(text)
            text = str(said.get("message", said.get("reason", text)))
        text = " ".join(text.encode("utf-8", "replace").decode().split())
        return text if len(text) <= 200 else f"{text[:200]}..."

    def retry_after(self, now: datetime) -> float | None:
        """Seconds to wait by the `Retry-After` header: seconds or a date (RFC 9110, 10.2.3).

        None if the header says neither, or names a time more than a year away.
        """
        header = self.headers.get("Retry-After", "").strip()
        try:
            if header.isdecimal():
                seconds = float(header)
            else:
                until = parsedate_to_datetime(header)
                if until.tzinfo is not None:
                    until = until.astimezone(timezone.utc).replace(tzinfo=None)
                seconds = max(0.0, (until - now).total_seconds())
        except (ValueError, OverflowError):
            return None
        return seconds if seconds <= _LONGEST_WAIT.total_seconds() else None


def download(
    url: str, params: Mapping[str, str], *, timeout: float, seconds: float, max_bytes: int
) -> Answer:
    """The answer to a GET request; redirects are followed.

    It is given up after `seconds` in all, after `timeout` seconds in which nothing came, or when
    its body, decompressed, exceeds `max_bytes`.

    Raises httpx.TransportError if the failure may be transient, any other httpx.RequestError if
    not, and httpx.InvalidURL if `url` is no address.
    """
    with (
        _deadline(seconds) as trace,
        httpx.Client(
            timeout=min(timeout, seconds),
            headers={"Accept-Encoding": "gzip"},
            verify=_certificates(),
        ) as client,
    ):
        try:
            request = client.build_request("GET", url, params=params, extensions={"trace": trace})
            for _ in range(_MAX_REDIRECTS + 1):
                with closing(client.send(request, stream=True)) as response:
                    if response.next_request is None:
                        content = _content(response, max_bytes)
                        return Answer(response.status_code, response.headers, content)
                    request = response.next_request
        except (UnicodeError, OverflowError) as error:  # by the host's name, and by the port
            raise httpx.InvalidURL(str(error)) from error
    raise httpx.TooManyRedirects(f"more than {_MAX_REDIRECTS} redirects", request=request)


@cache
def _certificates() -> ssl.SSLContext:
    """The known certificate authorities, which take a while to load."""
    return httpx.create_ssl_context()


@contextmanager
def _deadline(seconds: float) -> Iterator[Callable[[str, Mapping[str, Any]], None]]:
    """Cut all connections after `seconds`; yields the trace function that gets to know them.

    httpx's time-outs are for each read, so that a server which sends a byte now and then, of the
    headers or the body, would never exceed one.
    """
    connections: list[socket.socket] = []
    is_over = Event()

    def cut() -> None:
        is_over.set()
        for connection in connections:
            with suppress(OSError):  # closed meanwhile
                connection.shutdown(socket.SHUT_RDWR)

    def trace(event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            # A duplicate stays usable when TLS takes over the socket.
            connections.append(info["return_value"].get_extra_info("socket").dup())
            if is_over.is_set():
                cut()

    timer = Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    late = f"the answer was not complete after {seconds:.0f} s"
    try:
        yield trace
        # Where the end of the connection is the end of the body, a cut looks like a whole answer.
        if is_over.is_set():
            raise httpx.ReadTimeout(late)
    except httpx.TransportError as error:
        if is_over.is_set():
            raise httpx.ReadTimeout(late) from error
        raise
    finally:
        timer.cancel()
        for connection in connections:
            connection.close()


def _content(response: httpx.Response, max_bytes: int) -> bytes:
    """The decompressed body. httpx would decompress each part whole, whatever its size."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "deflate"):
        raise httpx.DecodingError(f"the answer is compressed in an unknown way, {encoding[:80]!r}")
    inflate = (
        None if encoding in ("", "identity") else zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    )
    content = bytearray()
    began = False
    for part in response.iter_raw():
        began = True
        try:
            content += inflate.decompress(part, max_bytes + 1 - len(content)) if inflate else part
        except zlib.error as error:
            raise httpx.DecodingError(f"the answer is not {encoding}: {error}") from error
        if len(content) > max_bytes:
            raise httpx.RequestError(f"the answer has more than {max_bytes:,} bytes")
    if inflate and began and not inflate.eof:
        raise httpx.DecodingError(f"the answer, in {encoding}, is truncated")
    return bytes(content)
