"""`check-settings`: what can be reached, and no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from energy_assets.check_settings import check_settings
from energy_assets.settings import read_settings


def test_with_nothing_set_every_backend_is_reached(tmp_path: Path) -> None:
    outcomes = list(check_settings(read_settings(_env_file=None, storage_root=tmp_path)))
    assert all(outcome.reached for outcome in outcomes)
    assert [outcome.backend for outcome in outcomes][:4] == [
        "source",
        "features",
        "models",
        "objects",
    ]


def test_a_backend_that_cannot_be_used_is_told_apart_from_those_that_can(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    settings = read_settings(_env_file=None, storage_root=blocked)
    reached = {outcome.backend: outcome for outcome in check_settings(settings)}
    assert reached["source"].reached
    assert not reached["objects"].reached
    assert "STORAGE_ROOT" in reached["objects"].said


@pytest.mark.parametrize(
    ("chosen", "missing"),
    [
        ({"feature_store": "hopsworks"}, {"fs_project_name": None, "fs_api_key": "<your-key>"}),
        ({"object_store": "gcs"}, {"google_cloud_bucket_name": None}),
        ({"object_store": "gcs"}, {"google_cloud_bucket_name": "<your-bucket>"}),
    ],
)
def test_missing_and_placeholder_credentials_are_named(
    chosen: dict[str, str], missing: dict[str, str | None], tmp_path: Path
) -> None:
    settings = read_settings(_env_file=None, storage_root=tmp_path, **chosen, **missing)
    failed = [outcome for outcome in check_settings(settings) if not outcome.reached]
    assert failed
    for outcome in failed:
        assert any(name.upper() in outcome.said for name in missing)
        assert ".env" in outcome.said
