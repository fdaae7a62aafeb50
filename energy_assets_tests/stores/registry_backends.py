"""Places for model registries, and how writing there goes wrong, for random sequences."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from energy_assets.stores.embedded.model_registry import FolderModelRegistry
from energy_assets.stores.hopsworks.connection import log_out
from energy_assets.stores.model_registry import ModelRegistry
from energy_assets_tests.stores.hopsworks.clients import models
from energy_assets_tests.stores.hopsworks.server import HopsworksServer
from energy_assets_tests.stores.samples import T0
from energy_assets_tests.stores.watched_files import Writes, watched

MORE_THAN_A_DAY = timedelta(hours=25)


@dataclass(frozen=True)
class Backend:
    """One empty place for model registries, and how writing there goes wrong."""

    open: Callable[[], ModelRegistry]
    """Another registry over the same versions, as another process would have it."""
    fault: Callable[[int], AbstractContextManager[object]]
    """While it lasts, writing fails at a point that the number chooses, or not at all."""
    let_a_day_pass: Callable[[], None]
    close: Callable[[], None]


class Killed(Writes):
    """Makes no write from the failing one on."""

    def fails(self, write: str) -> bool:
        super().fails(write)
        return self.failing is not None and len(self.made) > self.failing


def folder_backend() -> Backend:
    root = Path(tempfile.mkdtemp())

    def fault(where: int) -> AbstractContextManager[object]:
        """One write fails, as on a bad disk, or that one and all after it, as if killed."""
        kind = (Writes, Killed)[where % 2]
        return watched(kind(root, where // 2, OSError(5, "Input/output error")))

    def let_a_day_pass() -> None:
        for path in root.rglob("*"):
            time = path.stat().st_mtime - MORE_THAN_A_DAY.total_seconds()
            os.utime(path, (time, time))

    return Backend(
        open=lambda: FolderModelRegistry(root),
        fault=fault,
        let_a_day_pass=let_a_day_pass,
        close=lambda: shutil.rmtree(root),
    )


def hosted_backend(server: HopsworksServer) -> Backend:
    """A project in the stand-in. The last of these requests to register comes after its commit."""
    project = server.new_project()
    now = T0
    requests = [
        ("POST", "/claim-"),
        ("POST", "/upload/"),
        ("PUT", "/models/"),
        ("GET", r"/models/best_model_\d+$"),
        ("DELETE", "/models/"),
    ]

    @contextmanager
    def refused(where: int) -> Iterator[None]:
        fault = project.fail(*requests[where % len(requests)], status=400, code=270000)
        try:
            yield
        finally:
            fault.times = 0

    def let_a_day_pass() -> None:
        nonlocal now
        now += MORE_THAN_A_DAY

    return Backend(
        open=lambda: models(project, project.folder, now=lambda: now),
        fault=refused,
        let_a_day_pass=let_a_day_pass,
        close=log_out,
    )
