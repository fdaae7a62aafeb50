"""The examples of the README and of `docs/`: requests are answered, and Python runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.servers import Server, service
from benchmarks.serving_store import SIMULATED, build
from energy_assets.contract.quarantine import store_quarantine
from energy_assets.schemas import QUARANTINE
from energy_assets.settings import PROJECT_ROOT, read_settings
from energy_assets.stores.opening import open_stores
from energy_assets.stores.paths import hour_path
from energy_assets_tests.docs import pages
from energy_assets_tests.stores.samples import versions


@dataclass(frozen=True)
class Deployment:
    """What the examples find: a folder with stores in `storage/`, and a service over them."""

    folder: Path
    environment: dict[str, str]
    server: Server


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A made-up store with what the pages' examples read, and a service over it."""
    folder = tmp_path_factory.mktemp("project")
    store = build(folder / "storage", SIMULATED)
    # The hour that docs/data.md names.
    origin = store.publications[0].origin
    content = store.objects.read(hour_path("predictions_parquet", origin, "parquet"))
    named = hour_path("predictions_parquet", datetime(2026, 11, 22, 3), "parquet")
    store.objects.write(named, content)
    hour = datetime(2026, 11, 20, 10)
    bad = pd.DataFrame([[hour, "negative value", "{}"]], columns=list(QUARANTINE.dtypes))
    store_quarantine(store.objects, bad, ["2026-11-20-10:00"], {"source": "simulator"})
    settings = read_settings().model_copy(update={"storage_root": folder / "storage"})
    features = open_stores(settings, "simulator-ConsumptionDE35Hour").feature_store
    features.upsert(versions(start=datetime(2026, 11, 1)))
    with service(store.environment) as server:
        yield Deployment(folder, store.environment, server)


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_every_request_is_answered(page: Path, deployment: Deployment) -> None:
    for request in pages.requests(page):
        if "area=XX" in request:
            with pytest.raises(SystemExit, match="answered 404"):
                deployment.server.get(request)
        else:
            assert deployment.server.get(request)


def test_there_are_requests_to_try() -> None:
    assert len(pages.requests(pages.DOCS / "api.md")) > 10


WITH_PYTHON = [
    page for page in pages.PAGES if any(c.language == "python" for c in pages.code(page))
]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.name)
def test_the_python_of_a_page_runs_from_top_to_bottom(page: Path, deployment: Deployment) -> None:
    blocks = [block.text for block in pages.code(page) if block.language == "python"]
    script = "\n".join(blocks).replace(":8001", f":{deployment.server.port}")
    environment = {**os.environ, **deployment.environment, "PYTHONPATH": str(PROJECT_ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=deployment.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
