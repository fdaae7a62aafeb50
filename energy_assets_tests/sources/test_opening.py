"""The settings choose a source, and a wrong setting is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from energy_assets.errors import SettingsError
from energy_assets.settings import Settings, read_settings
from energy_assets.sources import open_source, source_id
from energy_assets.sources.opening import SOURCES
from energy_assets.sources.profiles import CONSUMER_CATEGORY, DE35, GRID_AREA


def a_settings(**values: object) -> Settings:
    return read_settings(_env_file=None, **values)


def test_the_simulator_of_de35_is_the_default() -> None:
    source = open_source(a_settings())
    assert (source.name, source.profile) == ("simulator", DE35)


def test_a_file_is_read_as_de35_by_default(tmp_path: Path) -> None:
    path = tmp_path / "any.csv"
    path.write_text(";".join(DE35.columns))
    source = open_source(a_settings(energy_source="file", energy_file=path))
    assert (source.name, source.profile) == ("file", DE35)


def test_the_api_serves_a_live_data_set_by_default() -> None:
    source = open_source(a_settings(energy_source="energidataservice"))
    assert (source.name, source.profile) == ("energidataservice", CONSUMER_CATEGORY)


def test_another_data_set_can_be_chosen() -> None:
    settings = a_settings(energy_source="energidataservice", energy_dataset=GRID_AREA.dataset)
    assert open_source(settings).profile == GRID_AREA
    assert source_id(settings) == "energidataservice-ConsumptionGridAreaHour"


def test_a_source_has_the_name_that_chooses_it(tmp_path: Path) -> None:
    path = tmp_path / "any.csv"
    path.write_text(";".join(DE35.columns))
    for name, registered in SOURCES.items():
        settings = a_settings(energy_source=name, energy_file=path)
        assert open_source(settings).name == name
        assert source_id(settings) == f"{name}-{registered.default_profile.dataset}"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"energy_source": "guess"}, "ENERGY_SOURCE is 'guess', .* one of simulator, file, energi"),
        ({"energy_source": "file"}, "ENERGY_FILE is not set"),
        ({"energy_source": "file", "energy_file": "/no/such.csv"}, "ENERGY_FILE /no/such.csv"),
        ({"energy_source": "file", "energy_file": "/"}, "ENERGY_FILE / is a folder"),
        (
            {"energy_source": "energidataservice", "energy_dataset": "Nonsense"},
            "ENERGY_DATASET is 'Nonsense', .*Choose one of ConsumptionDE35Hour",
        ),
        ({"energy_dataset": "Nonsense"}, "ENERGY_DATASET is 'Nonsense'"),
        (
            {"energy_dataset": GRID_AREA.dataset},
            "ENERGY_DATASET is ConsumptionGridAreaHour, but ENERGY_SOURCE=simulator only has",
        ),
        (
            {"energy_source": "energidataservice", "energy_api_url": "api.energidataservice.dk"},
            "ENERGY_API_URL 'api.energidataservice.dk' is not an address",
        ),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        open_source(a_settings(**values))


def test_importing_the_sources_imports_neither_sktime_nor_dagster() -> None:
    program = (
        "import sys, energy_assets.sources, energy_assets.contract.rules;"
        "print(sorted({'sktime', 'dagster'} & set(sys.modules)))"
    )
    answer = subprocess.run(  # our own interpreter and program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
