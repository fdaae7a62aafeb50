"""Several deployments register models in one project at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from energy_assets.stores.model_registry import ModelVersion
from energy_assets_tests.stores.hopsworks.clients import models
from energy_assets_tests.stores.hopsworks.processes import start
from energy_assets_tests.stores.hopsworks.server import Project
from energy_assets_tests.stores.samples import HOUR, T0

ROUNDS = 4

REGISTER = f"""
import json, os, pathlib, tempfile
from datetime import datetime, timedelta
from energy_assets.settings import read_settings
from energy_assets.stores.hopsworks.connection import HopsworksConnection
from energy_assets.stores.hopsworks.model_registry import HopsworksModelRegistry

registry = HopsworksModelRegistry(HopsworksConnection(read_settings()), "simulator-made-up")
registry.check()
files = pathlib.Path(tempfile.mkdtemp())
print("ready", flush=True)
for number in range({ROUNDS}):
    input()
    for name in ("model.txt", "weights.npy"):
        (files / name).write_text(f"{{name}} of process {{os.getpid()}} {{number}}" * 1000)
    hour = datetime(2023, 3, 1) + timedelta(hours=number)
    model = registry.register(files, hour, promoted=True, metrics={{}}, tags={{}})
    print(json.dumps([model.version, model.checksum, model.number]), flush=True)
"""


@pytest.mark.parametrize("race_seconds", [0.0, 0.02])
def test_none_fails_and_none_loses_its_files(
    hopsworks: Project, tmp_path: Path, race_seconds: float
) -> None:
    hopsworks.race_seconds = race_seconds
    processes = [start(REGISTER, hopsworks, tmp_path / str(number)) for number in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    registered: list[ModelVersion] = []
    for number in range(ROUNDS):
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        for process in processes:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            version, checksum, position = json.loads(line)
            hour = T0 + number * HOUR
            registered.append(ModelVersion(version, checksum, hour, True, number=position))
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert len({model.number for model in registered}) == len(registered) == 3 * ROUNDS
    registry = models(hopsworks, tmp_path)
    for model in registered:
        registry.download(model, tmp_path / model.version)
    last = {model.hour: model for model in sorted(registered, key=lambda model: model.number)}
    found = registry.promoted(T0 + ROUNDS * HOUR)
    assert [model.version for model in found] == [last[hour].version for hour in sorted(last)[::-1]]
