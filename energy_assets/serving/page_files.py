"""The page's files, held in memory: no path from a request reaches the file system."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

FOLDER = Path(__file__).parent / "page"


@dataclass(frozen=True)
class PageFile:
    """A file as it is sent."""

    body: bytes
    compressed: bytes
    media_type: str
    etag: str


def page_router(folder: Path = FOLDER) -> APIRouter:
    """`/` and `/page/...`, from the files of a folder."""
    files = {
        path.relative_to(folder).as_posix(): _read(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def index(request: Request) -> Response:
        return _respond(request, files.get("index.html"))

    @router.get("/page/{name:path}")
    async def page_file(request: Request, name: str) -> Response:
        return _respond(request, files.get(name))

    return router


def _read(path: Path) -> PageFile:
    body = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if path.suffix == ".js":  # some systems know it under an older name
        media_type = "text/javascript"
    etag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    return PageFile(body, gzip.compress(body, mtime=0), media_type, etag)


def _respond(request: Request, file: PageFile | None) -> Response:
    if file is None:
        raise HTTPException(404, "the page has no such file")
    headers = {"ETag": file.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == file.etag:
        return Response(None, 304, headers)
    body = file.body
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = file.compressed
    return Response(body, 200, headers, file.media_type)
