"""Settings: from the environment, typed, and clear about what is wrong."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from dotenv import dotenv_values

from energy_assets.errors import SettingsError
from energy_assets.settings import PROJECT_ROOT, Settings, read_settings
from energy_assets_tests.stores.embedded.permissions import without_root


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_env_default_lists_every_variable_with_the_default_of_the_code() -> None:
    listed = dotenv_values(PROJECT_ROOT / ".env.default")
    assert set(listed) == {name.upper() for name in Settings.model_fields}
    values = {name.lower(): value for name, value in listed.items() if value}
    assert read_settings(_env_file=None, **values) == read_settings(_env_file=None)


def test_the_environment_goes_before_env_and_an_empty_value_counts_as_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = tmp_path / ".env"
    env.write_text("DAYS_DELAY=3\nDAYS_EXPORT=20\nENERGY_DATASET=\n")
    monkeypatch.setenv("DAYS_EXPORT", "10")
    monkeypatch.setenv("ENERGY_SOURCE", "")
    settings = read_settings(_env_file=env)
    assert (settings.days_delay, settings.days_export) == (3, 10)
    assert (settings.energy_source, settings.energy_dataset) == ("simulator", None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DAYS_DELAY", "-1"),
        ("DAYS_EXPORT", "many"),
        ("DAYS_EXPORT", "1000000"),
        ("PARTITIONS_START", "2023-01-01"),
        ("PARTITIONS_START", "2023-01-01-00:30"),
        ("PARTITIONS_START", "9999-12-31-23:00"),
        ("PARTITIONS_START", "0001-01-01-00:00"),
        ("PARTITIONS_START", "2999-01-01-00:00"),
        ("TUNING_SECONDS", "nan"),
        ("TUNING_SECONDS", "inf"),
        ("TUNING_TRIALS", "9" * 5000),
        ("STORAGE_ROOT", "a\0b"),
        ("ENERGY_FILE", "a\0b"),
        ("ENERGY_DATASET", "\udcff"),
        ("FS_API_KEY", "\udcff"),
        ("FEATURE_STORE", "elsewhere"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_the_variable_and_not_the_value(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "\0" in value:  # which a variable cannot hold, but .env can
        values = {name.lower(): value}
    else:
        monkeypatch.setenv(name, value)
        values = {}
    with pytest.raises(SettingsError, match=name) as raised:
        read_settings(_env_file=None, **values)
    assert f"'{value}'" not in str(raised.value)


def test_an_env_file_that_is_not_text_is_an_error(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="UTF-8"):
        read_settings(_env_file=env)


def test_an_env_file_that_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("DAYS_DELAY=3")
    env.chmod(0)
    with without_root(), pytest.raises(SettingsError, match=r"\.env cannot be read \(Permission"):
        read_settings(_env_file=env)


@pytest.mark.parametrize("start", ["1970-01-01-00:00", "2005-01-01-00:00"])
def test_partitions_may_start_at_any_hour_that_has_passed(start: str) -> None:
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    for key in (start, f"{now:%Y-%m-%d-%H:00}"):
        assert read_settings(_env_file=None, partitions_start=key).first_hour <= now


def test_a_relative_storage_root_is_below_the_project() -> None:
    assert read_settings(_env_file=None).storage_root == PROJECT_ROOT / "storage"
