"""The project's file system."""

from __future__ import annotations

import time
from typing import Any

from werkzeug.wrappers import Request, Response

from energy_assets_tests.stores.hopsworks.server.project import Project
from energy_assets_tests.stores.hopsworks.server.routes import ApiError, P, Route


def get_file(project: Project, request: Request, path: str) -> Any:
    local = project.path_of(path)
    if not local.exists():
        raise project.missing(110018, f"{path} does not exist")
    if request.args.get("action") == "listing":
        inodes = [_inode(project, path, child.name) for child in sorted(local.iterdir())]
        start = request.args.get("offset", 0, type=int)
        page = inodes[start : start + request.args.get("limit", 1000, type=int)]
        return {"count": len(inodes), "items": page}
    return _inode(project, path)


def make_folder(project: Project, request: Request, path: str) -> Any:
    """Like HopsFS: of two requests at the same time, both may find that it does not exist yet."""
    if project.path_of(path).exists():
        raise ApiError(400, 110047, "A sub-directory with the same name already exists.")
    time.sleep(project.race_seconds)
    project.path_of(path).mkdir(parents=True, exist_ok=True)
    return _inode(project, path)


def delete_file(project: Project, request: Request, path: str) -> Any:
    project.remove(path)


def upload(project: Project, request: Request, path: str) -> Any:
    target = project.path_of(path) / request.form["flowFilename"]
    first = request.form["flowChunkNumber"] == "1"
    with target.open("wb" if first else "ab") as file:
        file.write(request.files["file"].read())


def download(project: Project, request: Request, path: str) -> Response:
    if not project.path_of(path).is_file():
        raise project.missing(110018, f"{path} does not exist")
    return Response(project.path_of(path).read_bytes())


def _inode(project: Project, *path: str) -> dict[str, Any]:
    remote = "/".join(path)
    if not remote.lstrip("/").startswith("Projects/"):
        remote = f"/Projects/{project.name}/{remote}"
    local = project.path_of(remote)
    attributes = {
        "name": local.name,
        "path": "/" + remote.lstrip("/"),
        "dir": local.is_dir(),
        "size": local.stat().st_size,
    }
    return {"attributes": attributes}


ROUTES: list[Route] = [
    ("GET", f"{P}/dataset/download/with_auth/(?P<path>.+)", download),
    ("POST", f"{P}/dataset/upload/(?P<path>.+)", upload),
    ("GET", f"{P}/dataset/(?P<path>.+)", get_file),
    ("POST", f"{P}/dataset/(?P<path>.+)", make_folder),
    ("DELETE", f"{P}/dataset/(?P<path>.+)", delete_file),
]
