"""A fresh project starts with the partitions it needs, and keeps them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from energy_assets.commands.first_partition import choose_first_partition
from energy_assets.errors import SettingsError
from energy_assets.settings import Settings, read_settings, utc_now

LEGACY = datetime(2023, 1, 1)


def settings(root: Path, **values: Any) -> Settings:
    chosen = {"storage_root": root, "partitions_start": None, **values}
    return read_settings(_env_file=None, **chosen)


def test_the_first_command_chooses_an_hour_before_its_window_and_later_ones_keep_it(
    tmp_path: Path,
) -> None:
    fresh = settings(tmp_path / "storage", days_export=12)
    choose_first_partition(fresh)
    first = fresh.first_hour
    assert timedelta(days=14) <= utc_now() - first < timedelta(days=15)
    choose_first_partition(settings(tmp_path / "storage", days_export=3))
    choose_first_partition(fresh, utc_now())
    assert fresh.first_hour == first


def test_a_command_for_an_earlier_hour_moves_it_back(tmp_path: Path) -> None:
    fresh = settings(tmp_path)
    choose_first_partition(fresh)
    choose_first_partition(fresh, datetime(2024, 5, 20, 7))
    assert fresh.first_hour == datetime(2024, 4, 18)


def test_a_delay_of_the_source_counts(tmp_path: Path) -> None:
    delayed = settings(tmp_path, days_delay=100)
    choose_first_partition(delayed)
    assert utc_now() - delayed.first_hour >= timedelta(days=132)


def test_what_an_earlier_release_has_stored_keeps_its_partitions(tmp_path: Path) -> None:
    (tmp_path / "simulator-ConsumptionDE35Hour").mkdir()
    choose_first_partition(settings(tmp_path))
    assert settings(tmp_path).first_hour == LEGACY


@pytest.mark.parametrize(
    ("values", "first"),
    [
        ({"energy_source": "file"}, LEGACY),
        ({"partitions_start": "2025-06-01-00:00"}, datetime(2025, 6, 1)),
    ],
)
def test_a_file_or_a_setting_decides_itself(
    tmp_path: Path, values: dict[str, str], first: datetime
) -> None:
    chosen = settings(tmp_path, **values)
    choose_first_partition(chosen)
    assert chosen.first_hour == first
    assert not chosen.first_partition_file.exists()


def test_a_damaged_file_is_an_error_that_names_it_and_the_setting(tmp_path: Path) -> None:
    (tmp_path / "first_partition.txt").write_text("soon")
    with pytest.raises(SettingsError, match=r"first_partition.txt .*set PARTITIONS_START"):
        _ = settings(tmp_path).first_hour
