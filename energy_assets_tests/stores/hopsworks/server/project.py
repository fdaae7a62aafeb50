"""The state of the stand-in: a cluster, and a project in it for each test."""

from __future__ import annotations

import hashlib
import hmac
import re
import shutil
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import trustme

from energy_assets_tests.stores.hopsworks.server.routes import ApiError

_SECRET = b"known to the cluster alone"


def sign(payload: str) -> str:
    """The signature without which the Query Service does not run a query."""
    return hmac.new(_SECRET, payload.encode(), hashlib.sha256).hexdigest()


@dataclass
class Fault:
    """What goes wrong with the next requests whose method and path match."""

    method: str
    path: str
    """A regular expression, searched for in the path."""
    times: int = 1
    """How many requests it affects."""
    status: int | None = None
    """The server answers with this status and does nothing."""
    code: int = 0
    """Hopsworks' own number for the error."""
    seconds: float = 0.0
    """The server waits this long first."""
    trickle: float = 0.0
    """The server sends its answer byte by byte, this many seconds apart."""
    cut: bool = False
    """The server closes the connection in the middle of its answer."""
    drop: bool = False
    """The server closes the connection before it has read the whole request."""
    then: Callable[[], None] | None = None
    """Called when the request arrives."""


@dataclass
class Cluster:
    """What the two servers of the stand-in share."""

    folder: Path
    ca: trustme.CA
    port: int = 0
    query_port: int = 0
    projects: dict[str, Project] = field(default_factory=dict)

    @property
    def authority(self) -> Path:
        """PEM file of the certificate authority."""
        return self.folder / "authority.pem"

    def project_of_key(self, header: str) -> Project | None:
        """The project whose key an Authorization header holds."""
        keys = {f"ApiKey {project.key}": project for project in self.projects.values()}
        return keys.get(header)


@dataclass
class Project:
    """What a project holds. Features and files are below a folder, the rest is in these dicts."""

    id: int
    name: str
    folder: Path
    cluster: Cluster
    key: str = field(default_factory=lambda: f"key-{uuid.uuid4().hex}")
    feature_groups: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    feature_views: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    training_datasets: dict[int, dict[str, Any]] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    tag_schemas: list[str] = field(default_factory=list)
    commits: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every request, in order."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    race_seconds: float = 0.0
    """The time between looking whether a folder exists and creating it."""
    listed: int = 0
    """How many model versions all listings have returned so far."""
    status_of_missing: int = 400
    """For a missing project or path. Hopsworks answers 400; some of its versions may answer 404."""

    def __post_init__(self) -> None:
        self.path_of("Models").mkdir(parents=True)

    def settings(self) -> dict[str, Any]:
        """The settings with which the code under test reaches this project."""
        return {
            "feature_store": "hopsworks",
            "fs_host": "127.0.0.1",
            "fs_port": self.cluster.port,
            "fs_project_name": self.name,
            "fs_api_key": self.key,
            "fs_trust_store": self.cluster.authority,
        }

    def missing(self, code: int, message: str) -> ApiError:
        """The refusal for a project or a path that does not exist."""
        return ApiError(self.status_of_missing, code, message)

    def environment(self) -> dict[str, str]:
        """The same for another process."""
        return {name.upper(): str(value) for name, value in self.settings().items()}

    def fail(self, method: str, path: str, **fault: Any) -> Fault:
        """Make the next matching requests go wrong."""
        self.faults.append(Fault(method, path, **fault))
        return self.faults[-1]

    def fault_for(self, method: str, path: str) -> Fault | None:
        """The fault that a request meets; it then affects one request less."""
        with self.lock:
            for fault in self.faults:
                if fault.times and fault.method == method and re.search(fault.path, path):
                    fault.times -= 1
                    return fault
        return None

    def count(self, method: str, path: str) -> int:
        """How many requests had this method and a path with this ending."""
        return sum(1 for verb, url in self.requests if verb == method and url.endswith(path))

    def path_of(self, remote: str) -> Path:
        """The local path of `/Projects/<name>/Models` or `Models` in the project's file system."""
        parts = PurePosixPath("/", remote).parts[1:]
        if parts[:2] == ("Projects", self.name):
            parts = parts[2:]
        return self.folder.joinpath("files", *parts)

    def location(self, name: str, version: int) -> str:
        """The folder of a feature group's Delta table."""
        return str(self.folder / "features" / f"{name}_{version}")

    def training_folder(self, view: str, version: int) -> str:
        """The remote folder of a training dataset's files."""
        return f"/Projects/{self.name}/{self.name}_Training_Datasets/{view}_{version}"

    def remove(self, remote: str) -> None:
        """Delete a file or a folder."""
        path = self.path_of(remote)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
