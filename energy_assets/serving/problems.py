"""Errors as problem details (RFC 9457): what was wrong with a request, in a form for programs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from energy_assets.errors import StorageError

MEDIA_TYPE = "application/problem+json"

_log = logging.getLogger(__name__)


class ParameterProblem(BaseModel):
    """What is wrong with one parameter of the request."""

    parameter: str
    detail: str


class ProblemDetails(BaseModel):
    """An error: RFC 9457, Problem Details for HTTP APIs."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="What is wrong, and what to do")
    errors: list[ParameterProblem] | None = None


class ProblemError(Exception):
    """An answer that is an error."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        parameter: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.parameter = parameter
        self.headers = dict(headers or {})


def unusable(parameter: str, detail: str) -> ProblemError:
    """The error for a parameter whose value cannot be used."""
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, parameter=parameter)


def not_found(parameter: str, detail: str) -> ProblemError:
    """The error for something that does not exist."""
    return ProblemError(HTTPStatus.NOT_FOUND, detail, parameter=parameter)


def unavailable(detail: str, retry_after: int) -> ProblemError:
    """The error for what cannot be answered now; `retry_after` is in seconds."""
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": str(retry_after)}
    )


def problem(
    status: int,
    detail: str,
    errors: Sequence[ParameterProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response for an error."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        content["errors"] = [error.model_dump() for error in errors]
    return Response(
        orjson.dumps(content), status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE
    )


def add_handlers(app: FastAPI) -> None:
    """Answer every error of the app with problem details."""

    @app.exception_handler(ProblemError)
    async def _(_: Request, error: ProblemError) -> Response:
        errors = []
        if error.parameter:
            errors = [ParameterProblem(parameter=error.parameter, detail=error.detail)]
        return problem(error.status, error.detail, errors, error.headers)

    @app.exception_handler(RequestValidationError)
    async def _(_: Request, error: RequestValidationError) -> Response:
        errors = [
            ParameterProblem(
                parameter=str(fault["loc"][1] if len(fault["loc"]) > 1 else fault["loc"][0]),
                # A message never repeats the value, which may be anything.
                detail=_without_surrogates(fault["msg"]),
            )
            for fault in error.errors()
        ]
        named = "; ".join(f"{error.parameter}: {error.detail}" for error in errors)
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the request is wrong: {named}", errors)

    @app.exception_handler(HTTPException)
    async def _(_: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), headers=error.headers)

    @app.exception_handler(Exception)
    async def _(_: Request, __: Exception) -> Response:
        # The server logs it.
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "this is a fault of the service")

    @app.exception_handler(StorageError)
    async def _(request: Request, error: StorageError) -> Response:
        # Its message names files or hosts, which concern the operator alone.
        _log.warning("%s: %s", request.url.path, error)
        return problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "the store behind this service cannot be read now; its log says why",
            headers={"Retry-After": "30"},
        )


def _without_surrogates(text: str) -> str:
    return text.encode(errors="replace").decode()
