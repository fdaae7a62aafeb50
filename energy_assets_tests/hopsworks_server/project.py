"""The state of one project of the stand-in: a test has one for itself."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any


@dataclass
class Fault:
    """What goes wrong with requests whose method and path match, so many times."""

    method: str
    path: str
    """A regular expression that is searched for in the path."""
    times: int = 1
    status: int | None = None
    """Answered at once, and nothing is done."""
    code: int = 0
    """Hopsworks' own number of the error."""
    seconds: float = 0.0
    """Waited before anything else."""
    drop: bool = False
    """The connection is closed before the request has been read to its end."""
    then: Callable[[], None] | None = None
    """Called once the request has been seen."""


@dataclass
class Project:
    """What a project holds. Features and files lie below a folder, all else in these dicts."""

    id: int
    name: str
    folder: Path
    server: Any
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

    def __post_init__(self) -> None:
        self.path_of("Models").mkdir(parents=True)

    def settings(self) -> dict[str, Any]:
        """The settings by which this project's own code reaches it."""
        return {
            "feature_store": "hopsworks",
            "fs_host": "127.0.0.1",
            "fs_port": self.server.port,
            "fs_project_name": self.name,
            "fs_api_key": self.key,
            "fs_trust_store": self.server.authority,
        }

    def environment(self) -> dict[str, str]:
        """The same for another process."""
        return {name.upper(): str(value) for name, value in self.settings().items()}

    def fail(self, method: str, path: str, **fault: Any) -> Fault:
        """Let the next matching requests go wrong."""
        self.faults.append(Fault(method, path, **fault))
        return self.faults[-1]

    def fault_for(self, method: str, path: str) -> Fault | None:
        """The fault that a request meets, which is then counted."""
        import re

        with self.lock:
            for fault in self.faults:
                if fault.times and fault.method == method and re.search(fault.path, path):
                    fault.times -= 1
                    return fault
        return None

    def asked(self, method: str, path: str) -> int:
        """How many requests of that method have a path that ends so."""
        return sum(1 for seen in self.requests if seen[0] == method and seen[1].endswith(path))

    def path_of(self, remote: str) -> Path:
        """Where a file of the project's file system lies: `/Projects/<name>/Models` or `Models`."""
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
