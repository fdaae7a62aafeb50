"""Fixtures shared by all tests. Real data is read in place, never copied into the project."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from energy_assets.partitions import hourly
from energy_assets.stores.embedded.object_store import LocalObjectStore
from energy_assets.stores.hopsworks.connection import log_out
from energy_assets.stores.object_store import ObjectStore
from energy_assets_tests.stores.gcs.google_account import (  # noqa: F401 - fixtures
    http_server,
    key_file,
    private_key,
    rsa_key,
    tokens,
)
from energy_assets_tests.stores.gcs.server import GcsServer, gcs_server, gcs_store

if TYPE_CHECKING:
    from energy_assets_tests.stores.hopsworks.server import HopsworksServer, Project

if hourly.start.replace(tzinfo=None) > datetime(2023, 1, 1):
    raise pytest.UsageError(
        "the tests replay hours of 2023: run `make test`, or set PARTITIONS_START=2023-01-01-00:00"
    )

DE35_FILE = "ConsumptionDE35Hour_2023-02-01_2023-03-16.csv"


@pytest.fixture(scope="session")
def de35_csv() -> Path:
    """The real copy of ConsumptionDE35Hour: 76 series, 2023-01-31 23:00 to 2023-03-16 22:00 UTC.

    24 hours, 2023-02-27 23:00 to 2023-02-28 22:00, are missing for every series.
    """
    folder = os.environ.get("ENERGY_ASSETS_TEST_DATA")
    if not folder or not (path := Path(folder) / DE35_FILE).is_file():
        pytest.skip(f"no {DE35_FILE}: set ENERGY_ASSETS_TEST_DATA to the folder that holds it")
    return path


@pytest.fixture(scope="session")
def de35_panel(de35_csv: Path) -> pd.DataFrame:
    """The real copy as an hourly panel: index (area, consumer_type, datetime_utc), one column."""
    published = pd.read_csv(
        de35_csv, sep=";", dtype={"ConsumerType_DE35": str}, parse_dates=["HourUTC"]
    )
    renamed = published.rename(
        columns={
            "PriceArea": "area",
            "ConsumerType_DE35": "consumer_type",
            "HourUTC": "datetime_utc",
            "TotalCon": "energy_consumption",
        }
    )
    panel = renamed.set_index(["area", "consumer_type", "datetime_utc"])[["energy_consumption"]]
    return panel.astype(float).sort_index()


@pytest.fixture
def gcs(monkeypatch: pytest.MonkeyPatch) -> Iterator[GcsServer]:
    """Google Cloud Storage on loopback, where the client finds it."""
    with gcs_server() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        yield server


@pytest.fixture(params=["embedded", "gcs"])
def object_store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """Each of the object stores, empty."""
    if request.param == "embedded":
        return LocalObjectStore(tmp_path / "objects")
    request.getfixturevalue("gcs")
    return gcs_store()


@pytest.fixture(scope="session")
def hopsworks_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HopsworksServer]:
    """The stand-in for a Hopsworks cluster, one for all tests of a process."""
    from energy_assets_tests.stores.hopsworks.server import HopsworksServer

    server = HopsworksServer(tmp_path_factory.mktemp("hopsworks"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from hopsworks_common import util
    with pytest.MonkeyPatch.context() as patch:
        # The client's progress animation would hold up each query by half a second.
        patch.setattr(util, "_loading_animation", lambda *_: None)
        yield server
    server.close()


@pytest.fixture
def hopsworks(hopsworks_server: HopsworksServer) -> Iterator[Project]:
    """An empty project of the stand-in, for this test alone."""
    yield hopsworks_server.new_project()
    log_out()
