"""Tracking is off by default, and needs all of its settings to go online."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from energy_assets.errors import CredentialError
from energy_assets.settings import read_settings
from energy_assets.tracking import open_tracking
from energy_assets_tests.tracking.samples import (
    ORIGIN,
    SOURCE_ID,
    a_world,
    tracking_settings,
)
from energy_assets_tests.tracking.wandb_operations import ENTITY, PROJECT
from energy_assets_tests.tracking.wandb_server import KEY


def test_tracking_is_disabled_by_default_and_does_not_import_the_client(tmp_path: Path) -> None:
    assert read_settings(_env_file=None).wandb_mode == "disabled"
    code = """
import sys
from pathlib import Path
from energy_assets.definitions import build_resources
from energy_assets.settings import read_settings
from energy_assets.tracking import Tracked
settings = read_settings(_env_file=None, storage_root=Path(sys.argv[1]))
tracking = build_resources(settings)["tracking"].resource_fn(None)
assert tracking.log(lambda: 1 / 0) == Tracked()
assert tracking.search("2023-03-13-21:00").notes == {"engine": "optuna"}
assert not [name for name in sys.modules if name.split(".")[0] == "wandb"]
"""
    process = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True)
    assert process.returncode == 0, process.stderr.decode()
    assert not (tmp_path / "wandb").exists()


@pytest.mark.parametrize("missing", ["wandb_api_key", "wandb_entity", "wandb_project"])
@pytest.mark.parametrize("value", [None, "<your-value>"])
def test_a_missing_setting_is_named_at_once(tmp_path: Path, missing: str, value: Any) -> None:
    credentials = {"wandb_api_key": KEY, "wandb_entity": ENTITY, "wandb_project": PROJECT}
    settings = tracking_settings(tmp_path, "online", **{**credentials, missing: value})
    with pytest.raises(CredentialError, match=missing.upper()):
        open_tracking(settings, SOURCE_ID)


def test_a_run_without_its_credentials_ends_before_any_work(tmp_path: Path) -> None:
    settings = tracking_settings(tmp_path, "online")
    world = a_world(tmp_path, dg.ResourceDefinition(lambda _: open_tracking(settings, SOURCE_ID)))
    result = world.run("hourly_job", ORIGIN, assets=["feature_view"], succeeds=False)
    failures = [str(event.event_specific_data) for event in result.all_events if event.is_failure]
    assert any("WANDB_ENTITY is not set" in failure for failure in failures), failures
    assert not result.get_step_success_events()
