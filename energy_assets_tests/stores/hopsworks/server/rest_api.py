"""The REST API of the stand-in: finds the project, applies faults, and calls the route."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

from werkzeug.wrappers import Request, Response

from energy_assets_tests.stores.hopsworks.server import (
    feature_groups,
    feature_views,
    files,
    login,
    models,
)
from energy_assets_tests.stores.hopsworks.server.project import Cluster, Fault
from energy_assets_tests.stores.hopsworks.server.routes import ApiError

BASE = "/hopsworks-api/api"
ROUTES = [
    *login.ROUTES,
    *feature_groups.ROUTES,
    *feature_views.ROUTES,
    *files.ROUTES,
    *models.ROUTES,
]
FILE_HANDLERS = [handler for _, _, handler in files.ROUTES]


class RestApi:
    """The WSGI application."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        with Request(environ) as request:
            try:
                response = self._respond(request)
            except ApiError as error:
                body = {"errorCode": error.code, "errorMsg": str(error)}
                response = _json(body, error.status)
        return response(environ, start)

    def _respond(self, request: Request) -> Response:
        path = request.path.removeprefix(BASE)
        project = self.cluster.project_of_key(request.headers.get("Authorization", ""))
        if project is None:
            raise ApiError(401, 320001, "the API key is not valid")
        project.requests.append((request.method, path))
        fault = project.fault_for(request.method, path)
        if fault is not None:
            _apply(fault, request)
        request.get_data()  # closed before it is read, a connection would seem to be dropped
        for method, pattern, handler in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == request.method:
                # The file system is not locked: Hopsworks' own has races too.
                with nullcontext() if handler in FILE_HANDLERS else project.lock:
                    answer = handler(project, request, **match.groupdict())
                response = answer if isinstance(answer, Response) else _json(answer)
                return response if fault is None else _spoilt(response, fault)
        raise ApiError(404, 120000, f"no such resource: {request.method} {path}")


def _apply(fault: Fault, request: Request) -> None:
    if fault.then is not None:
        fault.then()
    time.sleep(fault.seconds)
    if fault.drop:
        request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionError("dropped on purpose")
    if fault.status is not None:
        raise ApiError(fault.status, fault.code, "this was asked for")


def _spoilt(response: Response, fault: Fault) -> Response:
    """The response as a fault lets it through."""
    body = response.get_data()
    if fault.cut:
        return Response(iter([body[:5]]), headers={"Content-Length": str(len(body))})
    if fault.trickle:
        parts = (time.sleep(fault.trickle) or body[at : at + 1] for at in range(len(body)))
        return Response(parts, headers={"Content-Length": str(len(body))})
    return response


def _json(body: Any, status: int = 200) -> Response:
    if body is None:
        return Response(status=204)
    return Response(json.dumps(body), status=status, content_type="application/json")
