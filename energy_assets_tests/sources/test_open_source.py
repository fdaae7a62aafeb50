"""ENERGY_SOURCE and its companions choose a source, and a wrong one is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from energy_assets.errors import SettingsError
from energy_assets.settings import Settings
from energy_assets.sources import open_source
from energy_assets.sources.profiles import CONSUMER_CATEGORY, DE35, GRID_AREA


def a_settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[call-arg,arg-type]  # pydantic's own


def test_open_source__nothing_set__simulates_de35() -> None:
    source = open_source(a_settings())
    assert (source.name, source.profile) == ("simulator", DE35)


def test_open_source__file__reads_de35(tmp_path: Path) -> None:
    path = tmp_path / "any.csv"
    path.write_text(";".join(DE35.columns))
    source = open_source(a_settings(energy_source="file", energy_file=path))
    assert (source.name, source.profile) == ("file", DE35)


def test_open_source__api__reads_the_live_data_set_by_default() -> None:
    source = open_source(a_settings(energy_source="energidataservice"))
    assert (source.name, source.profile) == ("energidataservice", CONSUMER_CATEGORY)


def test_open_source__api_and_dataset__reads_that_data_set() -> None:
    settings = a_settings(energy_source="energidataservice", energy_dataset=GRID_AREA.dataset)
    assert open_source(settings).profile == GRID_AREA


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"energy_source": "file"}, "ENERGY_FILE is not set"),
        ({"energy_source": "file", "energy_file": "/no/such.csv"}, "ENERGY_FILE /no/such.csv"),
        ({"energy_source": "file", "energy_file": "/"}, "ENERGY_FILE / is a folder"),
        (
            {"energy_source": "energidataservice", "energy_dataset": "Nonsense"},
            "ENERGY_DATASET: 'Nonsense' is not known; choose one of ConsumptionDE35Hour",
        ),
        ({"energy_dataset": "Nonsense"}, "ENERGY_DATASET: 'Nonsense'"),
        ({"energy_dataset": GRID_AREA.dataset}, "ENERGY_DATASET is ConsumptionGridAreaHour, but"),
        (
            {"energy_source": "energidataservice", "energy_api_url": "api.energidataservice.dk"},
            "ENERGY_API_URL 'api.energidataservice.dk' is no address",
        ),
    ],
)
def test_open_source__wrong_setting__is_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        open_source(a_settings(**values))


def test_import__leaves_heavy_libraries_alone() -> None:
    heavy = {"httpx", "tenacity", "pandera", "holidays", "sktime", "dagster"}
    program = (
        "import sys, energy_assets.contract.rules, energy_assets.sources.simulator;"
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    answer = subprocess.run(  # our own interpreter and program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
