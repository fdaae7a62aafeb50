"""What guards the service: API keys, a rate limit, headers, and the count of requests."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time
from collections.abc import Mapping
from http import HTTPStatus

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from energy_assets.serving.problems import problem
from energy_assets.settings import Settings

OPEN_PATHS = frozenset({"/health", "/ready", "/v1/health", "/v1/ready"})
"""What a load balancer asks, without a key and without a limit."""

PAGE = ("/", "/page/")
"""The page itself holds no data, so it needs no key."""

DEFAULT_LIMIT = "1200/minute"
"""For other machines, if SERVE_RATE_LIMIT is not set."""

_LONGEST_QUERY = 8_000

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
}


class Guard:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp, settings: Settings, registry: CollectorRegistry) -> None:
        self._app = app
        self._keys = settings.api_key_hashes
        self._limit: RateLimitItem = parse(settings.serve_rate_limit or DEFAULT_LIMIT)
        self._spares_this_machine = not settings.serve_rate_limit
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._requests = Counter(
            "energy_assets_requests_total",
            "Requests by route and status",
            ["route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "energy_assets_request_seconds",
            "Time to answer, by route",
            ["route"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500
        head = scope["method"] == "HEAD"
        if head:  # what GET answers, without its body
            scope = {**scope, "method": "GET"}

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            elif head:
                message = {**message, "body": b""}
            await send(message)

        refusal = self._refusal(scope)
        try:
            await (refusal or self._app)(scope, receive, send_with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._requests.labels(route, str(status)).inc()
            self._seconds.labels(route).observe(time.perf_counter() - started)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        """The response that refuses a request; None if it may pass."""
        path: str = scope["path"]
        if len(scope["query_string"]) > _LONGEST_QUERY:
            return problem(
                HTTPStatus.REQUEST_URI_TOO_LONG,
                f"the query may have {_LONGEST_QUERY} characters: ask for all series of an area, "
                "or ask several times",
            )
        if path in OPEN_PATHS:
            return None
        headers = Headers(scope=scope)
        client = scope["client"][0] if scope.get("client") else ""
        if self._keys and not (path == PAGE[0] or path.startswith(PAGE[1])):
            if (name := _holder(headers, self._keys)) is None:
                return problem(
                    HTTPStatus.UNAUTHORIZED,
                    "this service needs a key: send it as `Authorization: Bearer KEY`",
                    headers={"WWW-Authenticate": "Bearer"},
                )
            client = name
        elif self._spares_this_machine and _is_this_machine(client):
            return None
        if not self._limiter.hit(self._limit, client):
            reset, _ = self._limiter.get_window_stats(self._limit, client)
            wait = max(1, round(reset - time.time()))
            return problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"more than {self._limit.amount} requests in {self._limit.get_expiry()} seconds; "
                f"try again in {wait} seconds",
                headers={"Retry-After": str(wait)},
            )
        return None


def hashed(key: str) -> str:
    """A key as the settings hold it: SHA-256, hexadecimal. Keys are random and long."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()


def _holder(headers: Headers, keys: Mapping[str, str]) -> str | None:
    """The name that belongs to the request's key; None if it has none that is known."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    key = key.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
    sent = hashed(key)
    names = [name for name, known in keys.items() if hmac.compare_digest(sent, known)]
    return names[0] if names and key else None


def _is_this_machine(client: str) -> bool:
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:  # a socket of this machine, or a test client
        return True
