"""Deployments with published forecasts for the page, and a browser that looks at it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
from playwright.sync_api import Browser, Page, sync_playwright

from energy_assets.forecasts.course_files import course_tables
from energy_assets.forecasts.publishing import publish
from energy_assets.partitions import HOUR
from energy_assets.schemas import CONSUMPTION_VERSIONS, PREDICTIONS, QUANTILES, first_versions
from energy_assets.serving.app import create_app
from energy_assets.serving.service import Service
from energy_assets.settings import Settings, read_settings
from energy_assets.sources.profiles import DE35
from energy_assets.sources.simulator import Simulator
from energy_assets.stores.embedded.object_store import LocalObjectStore
from energy_assets.stores.parquet import encode
from energy_assets.stores.paths import hour_path
from energy_assets_tests.serving.loopback import serving
from energy_assets_tests.world import SERIES, Only, World

VIEWS = {
    "forecast": "/?view=forecast&limit=150000&compare=4h&naives=1",
    "series": "/?view=forecast&area=DK1&consumer_type=111",
    "accuracy": "/?view=accuracy",
    "status": "/?view=status",
}
"""Addresses that show all there is."""

READY = "#main:not([aria-busy]) > *"
"""There once the page shows what its address asks for."""

BACK = (5, 1)
"""How many hours before the newest one the forecasts of a `Run` are."""


@dataclass(frozen=True)
class Run:
    """A simulated deployment that has forecast two hours of today."""

    world: World
    newest: datetime
    """The newest hour, which has not been forecast yet."""
    late: Path
    """The storage folder as it was when only the first of the two was forecast."""

    @classmethod
    def of(cls, root: Path, late: Path) -> Run:
        """Run it in an empty folder."""
        newest = Simulator().newest_hour()
        world = world_over(root)
        world.put_history(newest - timedelta(days=30), newest - BACK[0] * HOUR)
        world.put_config(newest - timedelta(days=1), n_estimators=20, num_leaves=7)
        world.run("hourly_job", newest - BACK[0] * HOUR)
        shutil.copytree(root, late)
        world.run("hourly_job", newest - BACK[1] * HOUR)
        return cls(world, newest, late)


def world_over(root: Path) -> World:
    """A simulated deployment of twelve series in a folder, empty or not."""
    return World.build(root, Only(Simulator(), SERIES))


def settings_over(root: Path) -> Settings:
    """Settings of a service over a storage folder."""
    return read_settings(_env_file=None, storage_root=root, energy_source="simulator")


def publish_many(root: Path, count: int) -> datetime:
    """Publish a forecast of many series in an empty storage folder; returns its origin."""
    origin = Simulator().newest_hour()
    objects = LocalObjectStore(root / "simulator-ConsumptionDE35Hour" / "objects")
    areas = np.where(np.arange(count) % 2 == 0, "DK1", "DK2")
    codes = np.array([str(100 + number // 2) for number in range(count)])

    def rows(first: datetime, hours: int) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "area": np.repeat(areas, hours),
                "consumer_type": np.repeat(codes, hours),
                "datetime_utc": np.tile(pd.date_range(first, periods=hours, freq="h"), count),
                "energy_consumption": np.tile(1_000 + 100 * np.sin(np.arange(hours)), count),
            }
        )

    observed = first_versions(rows(origin - 23 * HOUR, 24))[list(CONSUMPTION_VERSIONS.dtypes)]
    version = rows(origin + HOUR, 24)
    point = version["energy_consumption"]
    version = version.assign(
        **{name: point * (0.9 + probability / 5) for probability, name in QUANTILES.items()},
        horizon=np.tile(np.arange(1, 25), count),
        origin=origin,
        model_version="m",
        quality="model",
        weather_effect=np.nan,
        made_at=origin + HOUR,
    )[list(PREDICTIONS.dtypes)].astype(PREDICTIONS.dtypes)
    path = hour_path("predictions_parquet", origin, "parquet")
    objects.write(path, encode(version, {}))
    observed = observed.astype(CONSUMPTION_VERSIONS.dtypes)
    publish(objects, version, course_tables(objects, version, observed, DE35), "simulator")
    return origin


@contextmanager
def page_server(settings: Settings) -> Iterator[str]:
    """The address of the service over what the settings choose."""
    with serving(create_app(Service.of(settings))) as address:
        yield address


def chromium() -> str | None:
    """The browser's program; None if there is none."""
    return os.environ.get("ENERGY_ASSETS_CHROMIUM") or shutil.which("chromium")


@contextmanager
def browsing() -> Iterator[Browser]:
    """A headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Somebody with a tab of their own, who notes what goes wrong in it."""

    page: Page
    troubles: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(15_000)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on(
            "console",
            lambda message: (
                message.type in ("error", "warning") and self.troubles.append(message.text)
            ),
        )
        self.page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))

    def visit(self, address: str) -> Page:
        """Open an address and wait until it is shown."""
        self.page.goto(address)
        self.page.wait_for_selector(READY)
        return self.page

    def look_again(self) -> None:
        """Make the page look for a newer forecast, as a tab does that comes to the front."""
        self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    def leave(self) -> None:
        """Leave the page, before its server ends."""
        self.page.goto("about:blank")

    @property
    def address(self) -> dict[str, list[str]]:
        """What the address keeps."""
        return parse_qs(urlsplit(self.page.url).query)
