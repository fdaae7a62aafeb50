"""The block in dagster.yaml that keeps the logs of runs in the bucket."""

from __future__ import annotations

import re
from pathlib import Path

import dagster as dg
import pytest

from energy_assets.settings import PROJECT_ROOT
from energy_assets_tests.stores.gcs.server import BUCKET, GcsServer


@dg.job
def prints_a_line() -> None:
    @dg.op
    def print_a_line() -> None:
        print("a line of a log")

    print_a_line()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A Dagster home with the project's dagster.yaml, its block `compute_logs` uncommented."""
    text = (PROJECT_ROOT / "dagster_home" / "dagster.yaml").read_text()
    plain, block = re.split(r"(?=^# compute_logs:)", text, flags=re.MULTILINE)
    block = re.sub(r"^# ", "", block, flags=re.MULTILINE)
    (tmp_path / "dagster.yaml").write_text(plain + block.replace("my-bucket", BUCKET))
    return tmp_path


def test_the_logs_of_a_run_go_to_the_bucket(
    gcs: GcsServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dg.DagsterInstance.get() as instance:
        result = prints_a_line.execute_in_process(instance=instance)
    logs = {name: content for name, content in gcs.objects.items() if result.run_id in name}
    assert all(name.startswith("logs/storage/") for name in logs)
    assert any(name.endswith(".out") and b"a line of a log" in log for name, log in logs.items())
