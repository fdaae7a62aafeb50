"""From a question to a response: the answer is made once for each published forecast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool

from energy_assets.serving.answers import (
    MEDIA_TYPES,
    Answer,
    Encoded,
    chosen_format,
    encode,
    encode_document,
    question,
    respond,
)
from energy_assets.serving.data.snapshot import Snapshot
from energy_assets.serving.problems import MEDIA_TYPE, ProblemDetails
from energy_assets.serving.routes.queries import Query
from energy_assets.serving.service import Service


class Meta(BaseModel):
    """Where an answer comes from. Times are UTC."""

    model_config = ConfigDict(extra="allow")

    source: str
    simulated: bool
    dataset: str
    unit: str
    timezone: str
    origin: str | None
    made_at: str | None
    published_at: str | None
    model_version: str | None
    quality: str | None
    next_expected: str | None


class TableAnswer(BaseModel):
    """A table as rows, or with `layout=columns` as lists by column."""

    meta: Meta
    next: str | None
    data: list[dict[str, Any]] | dict[str, list[Any]]


class DocumentAnswer(BaseModel):
    """A document."""

    meta: Meta
    data: dict[str, Any]


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": ProblemDetails.model_json_schema()}},
    }


PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: _problem("A key is needed"),
    404: _problem("There is no such series or forecast"),
    406: _problem("None of the forms in Accept can be given"),
    413: _problem("The answer would be too large"),
    414: _problem("The query is too long"),
    422: _problem("A parameter cannot be used"),
    429: _problem("Too many requests"),
    503: _problem("Nothing has been published yet, or the store cannot be read"),
}
TABLE: dict[int | str, dict[str, Any]] = {
    **PROBLEMS,
    200: {
        "description": "The table",
        "content": {
            media_type.partition(";")[0]: {}
            for name, media_type in MEDIA_TYPES.items()
            if name != "json"
        },
    },
    304: {"description": "The client has this answer already"},
}
DOCUMENT: dict[int | str, dict[str, Any]] = {
    **{status: text for status, text in PROBLEMS.items() if status not in (406, 413)},
    304: {"description": "The client has this answer already"},
}


async def table(
    request: Request, query: Query, name: str, make: Callable[[Service, Snapshot], Answer]
) -> Response:
    """The response with the table that `make` gives for the published forecast."""
    service: Service = request.app.state.service
    form = chosen_format(request, query.format)

    def encoded(snapshot: Snapshot, compress: bool) -> Encoded:
        return encode(make(service, snapshot), form, query.layout, compress, name)

    return await _answered(request, service, encoded)


async def document(
    request: Request,
    make: Callable[[Service, Snapshot], dict[str, Any]],
    max_age: int | None = None,
) -> Response:
    """The response with a JSON document; with `max_age`, it is made anew for each request."""
    service: Service = request.app.state.service

    def encoded(snapshot: Snapshot, compress: bool) -> Encoded:
        return encode_document(make(service, snapshot), compress)

    return await _answered(request, service, encoded, max_age)


async def _answered(
    request: Request,
    service: Service,
    encoded: Callable[[Snapshot, bool], Encoded],
    max_age: int | None = None,
) -> Response:
    snapshot = service.snapshot
    key = question(request)
    answer = service.answers.get(snapshot, key) if max_age is None else None
    if answer is None:
        answer = await run_in_threadpool(encoded, snapshot, bool(key[-1]))
        if max_age is None:
            service.answers.put(snapshot, key, answer)
    return respond(request, answer, service.max_age(snapshot) if max_age is None else max_age)


def next_address(request: Request, query: Any, more: bool) -> str | None:
    """The address of the next page, if there is one."""
    if not more:
        return None
    url = request.url.include_query_params(offset=query.offset + query.limit)
    return f"{url.path}?{url.query}"
