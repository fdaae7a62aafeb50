"""A run written offline: complete, private, and without traces in the process."""

from __future__ import annotations

import json
import logging
import os
import sys
from functools import partial
from pathlib import Path

import pytest

from energy_assets_tests.tracking.samples import (
    PARTITION,
    SOURCE_ID,
    a_record,
    offline,
    png,
    written,
)


def test_a_record_is_written_offline_and_reads_back_whole(tmp_path: Path, home: Path) -> None:
    tracked = offline(tmp_path).log(a_record)
    assert Path(tracked.folder).parent == tmp_path / "wandb"
    run = written(tracked)
    assert (run.id, run.name) == (f"{SOURCE_ID}-model-2023-03-13-21-00", f"model {PARTITION}")
    assert run.id == tracked.run
    assert (run.group, run.job_type, run.exit_code) == (PARTITION, "training", 0)
    assert run.config["learning_rate"] == 0.1
    assert (run.config["source"], run.config["partition"]) == ("simulator", PARTITION)
    assert run.config["inputs"] == [f"{SOURCE_ID}-feature_view:2023-03-13-21-00"]
    assert [row["score"] for row in run.history if "score" in row] == [0.06, 0.05]
    assert (run.summary["mape"], run.summary["missing"]) == (0.05, None)
    assert run.summary["mape_seasonal_naive_24"] == 0.09
    files = Path(tracked.folder) / "files"
    table = json.loads((files / run.summary["by_series.path"]).read_text())
    assert (table["columns"], table["data"]) == (["area", "mape"], [["DK1", 0.05]])
    assert (files / run.summary["forecast.path"]).read_bytes() == png()
    artifact = run.artifacts[f"{SOURCE_ID}-model"]
    assert artifact["type"] == "model"
    assert sorted(artifact["aliases"]) == ["2023-03-13-21-00", "latest"]
    assert artifact["metadata"] == {"partition": PARTITION, "source": "simulator"}
    assert artifact["files"] == {"model.json": {"learning_rate": 0.1}}
    assert not list(home.iterdir())


def test_a_partition_run_again_has_the_same_run(tmp_path: Path) -> None:
    tracking = offline(tmp_path)
    first, again = (tracking.log(partial(a_record, makes=None)) for _ in range(2))
    assert first.run == again.run
    assert first.folder != again.folder
    assert written(first).id == written(again).id


def test_a_run_leaves_the_process_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The user's own W&B settings have no influence, and are restored at the end."""
    variables = {"WANDB_MODE": "online", "WANDB_API_KEY": "mine", "WANDB_RUN_ID": "my-run"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    root_logger, hooks = logging.getLogger(), (sys.exit, sys.excepthook)
    logged = (root_logger.level, list(root_logger.handlers))

    tracked = offline(tmp_path).log(a_record)

    assert written(tracked).id == f"{SOURCE_ID}-model-2023-03-13-21-00"
    assert {name: value for name, value in os.environ.items() if "WANDB" in name} == variables
    assert (sys.exit, sys.excepthook) == hooks
    assert (root_logger.level, root_logger.handlers) == logged
    assert "".join(capfd.readouterr()) == ""
    commands = [path.read_text() for path in Path("/proc").glob(f"{os.getpid()}/task/*/children")]
    children = [child for listed in commands for child in listed.split()]
    names = [Path(f"/proc/{child}/comm").read_text() for child in children]
    assert not [name for name in names if "wandb" in name]


def test_code_host_and_machine_stay_private(tmp_path: Path) -> None:
    tracked = offline(tmp_path).log(a_record)
    assert written(tracked).host == ""
    names = {path.name for path in Path(tracked.folder).rglob("*") if path.is_file()}
    assert not names & {"wandb-metadata.json", "requirements.txt", "output.log", "diff.patch"}
    (file,) = Path(tracked.folder).glob("*.wandb")
    for secret in (sys.executable, str(Path.cwd())):
        assert secret.encode() not in file.read_bytes()
