"""The forms of an answer: a table and what is said about it, as JSON, CSV, Parquet or Arrow."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal

import numpy as np
import orjson
from cachetools import LRUCache
from fastapi import Request
from fastapi.responses import Response
from isal import igzip

from energy_assets.serving.problems import ProblemError

Format = Literal["json", "csv", "parquet", "arrow"]
Layout = Literal["rows", "columns"]

MEDIA_TYPES: Mapping[Format, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}
_WORTH_COMPRESSING = 1_000
_CACHED = 64_000_000
_LARGEST_CACHED = 16_000_000

Columns = Mapping[str, np.ndarray]
"""A table: arrays of one length by name. Times are `datetime64`; what may be None is object."""


@dataclass(frozen=True)
class Answer:
    """What a route answers, before it has a form."""

    columns: Columns
    meta: Mapping[str, Any]
    next: str | None = None
    """The address of the next page."""
    provenance: Columns = field(default_factory=dict)
    """Columns that say where each row comes from, for forms that have no room for `meta`."""


@dataclass(frozen=True)
class Encoded:
    """An answer as bytes."""

    body: bytes
    media_type: str
    etag: str
    headers: Mapping[str, str]


class AnswerCache:
    """Encoded answers to the questions asked last, for one snapshot at a time."""

    def __init__(self) -> None:
        self._answers: LRUCache[object, Encoded] = LRUCache(
            _CACHED, getsizeof=lambda encoded: len(encoded.body) + 1_000
        )
        self._of: object = None

    def get(self, of: object, key: object) -> Encoded | None:
        """The answer to a question, if it is about this snapshot."""
        return self._answers.get(key) if self._of is of else None

    def put(self, of: object, key: object, encoded: Encoded) -> None:
        """Keep an answer; those of another snapshot are forgotten."""
        if self._of is not of:
            self._answers.clear()
            self._of = of
        if len(encoded.body) <= _LARGEST_CACHED:
            self._answers[key] = encoded


def question(request: Request) -> tuple[str, ...]:
    """What tells one question from another: address, accepted forms and compression."""
    headers = request.headers
    return (
        request.url.path,
        request.url.query,
        headers.get("accept", ""),
        "gzip" if "gzip" in accepted(headers.get("accept-encoding", "")) else "",
    )


def chosen_format(request: Request, asked: Format | None) -> Format:
    """The form of the answer: `format`, failing that the one that Accept prefers.

    Raises ProblemError (406) if Accept has none of them.
    """
    if asked is not None:
        return asked
    for wanted in accepted(request.headers.get("accept", "*/*")):
        for name, media_type in MEDIA_TYPES.items():
            if wanted == media_type.partition(";")[0]:
                return name
        if wanted in ("*/*", "application/*", ""):
            return "json"
        if wanted == "text/*":
            return "csv"
    raise ProblemError(
        HTTPStatus.NOT_ACCEPTABLE,
        "the answer can be application/json, text/csv, application/vnd.apache.parquet or "
        "application/vnd.apache.arrow.stream: ask for one of them in Accept, or with format=",
    )


def accepted(header: str) -> list[str]:
    """What a header such as Accept asks for, the most wanted first; `q=0` excludes it."""
    wanted = []
    for item in header.lower().split(","):
        value, *parameters = (part.strip() for part in item.split(";"))
        weights = [part[2:] for part in parameters if part.startswith("q=")]
        try:
            weight = float(weights[0]) if weights else 1.0
        except ValueError:
            weight = 1.0
        if weight > 0:
            wanted.append((weight, value))
    return [value for _, value in sorted(wanted, key=lambda pair: -pair[0])]


def encode(answer: Answer, form: Format, layout: Layout, compress: bool, name: str) -> Encoded:
    """An answer as bytes; `name` is what a browser calls the file."""
    headers = {}
    if form != "json":
        headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
        for key in ("source", "origin", "made_at", "model_version", "quality"):
            if answer.meta.get(key) is not None:
                headers[f"X-{key.replace('_', '-').title()}"] = _text(answer.meta[key])
        if answer.next:
            headers["Link"] = f'<{answer.next}>; rel="next"'
    # Parquet is compressed already.
    compress = compress and form != "parquet"
    return _encoded(_ENCODERS[form](answer, layout), MEDIA_TYPES[form], compress, headers)


def encode_document(document: Any, compress: bool) -> Encoded:
    """Any JSON document as bytes."""
    body = orjson.dumps(document, default=_text, option=orjson.OPT_SERIALIZE_NUMPY)
    return _encoded(body, MEDIA_TYPES["json"], compress, {})


def _encoded(body: bytes, media_type: str, compress: bool, headers: Mapping[str, str]) -> Encoded:
    etag = hashlib.blake2b(body, digest_size=16).hexdigest()
    headers = {"Vary": "Accept, Accept-Encoding", **headers}
    if compress and len(body) > _WORTH_COMPRESSING:
        # The highest level, 3, takes four times as long and makes nothing smaller.
        body = igzip.compress(body, 2, mtime=0)
        headers["Content-Encoding"] = "gzip"
        etag += "-gzip"
    return Encoded(body, media_type, f'"{etag}"', headers)


def respond(request: Request, encoded: Encoded, max_age: int) -> Response:
    """The response with an answer, or 304 if the client has it already."""
    # With keys, an answer is for the one who asked.
    scope = "private" if request.app.state.service.settings.serve_api_keys else "public"
    headers = {
        "ETag": encoded.etag,
        "Cache-Control": f"{scope}, max-age={max_age}, must-revalidate",
        **encoded.headers,
    }
    wanted = request.headers.get("if-none-match")
    if wanted and _matches(wanted, encoded.etag):
        for name in ("Content-Encoding", "Content-Disposition"):
            headers.pop(name, None)
        return Response(None, HTTPStatus.NOT_MODIFIED, headers)
    return Response(encoded.body, HTTPStatus.OK, headers, encoded.media_type)


def iso(time: datetime | None) -> str | None:
    """A naive UTC time as text, such as `2026-11-25T06:00:00Z`."""
    return None if time is None else time.isoformat() + "Z"


def _matches(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags


def _json(answer: Answer, layout: Layout) -> bytes:
    columns = {name: _for_json(values) for name, values in answer.columns.items()}
    data: Any = columns
    if layout == "rows":
        # Column by column takes a third of the time that row by row does.
        data = [{} for _ in next(iter(columns.values()))]
        for name, values in columns.items():
            for row, value in zip(data, values, strict=True):
                row[name] = value
    document = {"meta": dict(answer.meta), "next": answer.next, "data": data}
    return orjson.dumps(document, default=_text)


def _for_json(values: np.ndarray) -> list[Any]:
    if values.dtype.kind == "M":
        values = _as_text(values)
    return values.tolist()  # NaN becomes null


def _csv(answer: Answer, _: Layout) -> bytes:
    import pyarrow.csv

    columns = {**answer.columns, **answer.provenance}
    texts = {
        name: _as_text(values) if values.dtype.kind == "M" else values
        for name, values in columns.items()
    }
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(_table(texts), buffer, pyarrow.csv.WriteOptions(quoting_style="needed"))
    return buffer.getvalue()


def _parquet(answer: Answer, _: Layout) -> bytes:
    import pyarrow.parquet

    buffer = io.BytesIO()
    table = _table({**answer.columns, **answer.provenance}, answer.meta)
    pyarrow.parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _arrow(answer: Answer, _: Layout) -> bytes:
    import pyarrow.ipc

    table = _table({**answer.columns, **answer.provenance}, answer.meta)
    buffer = io.BytesIO()
    with pyarrow.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


_ENCODERS: Mapping[Format, Callable[[Answer, Layout], bytes]] = {
    "json": _json,
    "csv": _csv,
    "parquet": _parquet,
    "arrow": _arrow,
}


def _table(columns: Columns, meta: Mapping[str, Any] | None = None) -> Any:
    import pyarrow as pa

    arrays = {}
    for name, values in columns.items():
        if values.dtype.kind == "M":  # times of day need no more than microseconds
            arrays[name] = pa.array(values.astype("datetime64[us]"), pa.timestamp("us", tz="UTC"))
        elif values.dtype.kind == "O":
            array = pa.array(values.tolist())
            arrays[name] = array.cast(pa.string()) if pa.types.is_null(array.type) else array
        else:
            arrays[name] = pa.array(values, from_pandas=True)  # NaN is missing
    table = pa.table(arrays)
    if meta is None:
        return table
    return table.replace_schema_metadata({key: _text(value) for key, value in meta.items()})


def _as_text(times: np.ndarray) -> np.ndarray:
    """Times as `2026-11-25T06:00:00Z`, with microseconds where there are any; None if missing."""
    different, places = np.unique(times.astype("datetime64[us]"), return_inverse=True)
    texts = [None if np.isnat(time) else iso(time.astype(datetime)) for time in different]
    return np.array(texts, dtype=object)[places.reshape(times.shape)]


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return str(iso(value))
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    return str(value)
