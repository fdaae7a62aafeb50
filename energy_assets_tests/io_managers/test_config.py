"""The IO manager of tuned configurations: stored as JSON, loaded as of an hour."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from energy_assets.errors import NotFoundError, StorageError
from energy_assets.forecasting.tuning.result import BestConfig, NotTuned
from energy_assets.forecasting.tuning.search_space import read_search_space
from energy_assets.io_managers.config import ConfigIOManager
from energy_assets.partitions import DAY, HOUR, hourly, key_of
from energy_assets.stores.embedded.object_store import LocalObjectStore

ORIGIN = datetime(2023, 3, 13, 21)


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path)


def store(objects: LocalObjectStore, hour: datetime, learning_rate: float) -> None:
    config = NotTuned(best_parameters={"learning_rate": learning_rate}, unsearched="for a test")
    context = dg.build_output_context(
        asset_key=dg.AssetKey("best_config"), partition_key=key_of(hour)
    )
    ConfigIOManager(objects).handle_output(context, {key_of(hour): config})


def load(
    objects: LocalObjectStore, first: datetime, last: datetime, require_tuning: bool = False
) -> dict[str, BestConfig]:
    context = dg.build_input_context(
        asset_key=dg.AssetKey("best_config"),
        asset_partition_key_range=dg.PartitionKeyRange(key_of(first), key_of(last)),
        asset_partitions_def=hourly,
    )
    return ConfigIOManager(objects, require_tuning).load_input(context)


def test_an_hour_has_the_newest_configuration_at_or_before_it(objects: LocalObjectStore) -> None:
    for hours, rate in ((-5, 0.11), (0, 0.12), (3, 0.13)):
        store(objects, ORIGIN + hours * HOUR, rate)
    for hour, rate, stored_for in (
        (ORIGIN - 5 * HOUR, 0.11, ORIGIN - 5 * HOUR),
        (ORIGIN + 2 * HOUR, 0.12, ORIGIN),
        (ORIGIN + 400 * DAY, 0.13, ORIGIN + 3 * HOUR),
    ):
        config = load(objects, hour, hour)[key_of(hour)]
        assert config.best_parameters == {"learning_rate": rate}
        assert config.hour == key_of(stored_for)


def test_every_hour_of_a_range_has_its_own_configuration(objects: LocalObjectStore) -> None:
    store(objects, ORIGIN, 0.12)
    store(objects, ORIGIN + HOUR, 0.13)
    configs = load(objects, ORIGIN, ORIGIN + 2 * HOUR)
    rates = {key: config.best_parameters["learning_rate"] for key, config in configs.items()}
    assert list(rates.values()) == [0.12, 0.13, 0.13]


def test_a_configuration_is_stored_as_readable_json_without_its_hour(
    objects: LocalObjectStore,
) -> None:
    store(objects, ORIGIN, 0.12)
    config = load(objects, ORIGIN, ORIGIN)
    context = dg.build_output_context(
        asset_key=dg.AssetKey("best_config"), partition_key=key_of(ORIGIN)
    )
    ConfigIOManager(objects).handle_output(context, config)
    content = objects.read("best_config/2023-03-13/21.json").decode()
    assert json.loads(content) == {
        "best_parameters": {"learning_rate": 0.12},
        "unsearched": "for a test",
    }
    assert content.startswith('{\n  "best_parameters"')


def test_before_the_first_configuration_an_hour_has_the_default_one(
    objects: LocalObjectStore,
) -> None:
    store(objects, ORIGIN, 0.12)
    config = load(objects, ORIGIN - HOUR, ORIGIN - HOUR)[key_of(ORIGIN - HOUR)]
    assert isinstance(config, NotTuned)
    assert config.best_parameters == read_search_space().default_configuration()
    assert "before 2023-03-13-20:00: run tuning_job" in config.unsearched


def test_if_tuning_is_required_the_error_names_the_job_to_run(objects: LocalObjectStore) -> None:
    store(objects, ORIGIN, 0.12)
    with pytest.raises(NotFoundError, match="before 2023-03-13-20:00: run tuning_job"):
        load(objects, ORIGIN - HOUR, ORIGIN - HOUR, require_tuning=True)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"forecast": 1}'])
def test_a_damaged_file_is_named(objects: LocalObjectStore, content: bytes) -> None:
    objects.write("best_config/2023-03-13/21.json", content)
    with pytest.raises(StorageError, match=r"cannot parse .*2023-03-13/21\.json"):
        load(objects, ORIGIN, ORIGIN)
