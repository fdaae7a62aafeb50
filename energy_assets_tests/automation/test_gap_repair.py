"""Gap repair: recent gaps, and missing hours of the training window, are loaded."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from energy_assets.automation.sensors import gap_repair_sensor
from energy_assets.contract.rules import validate_records
from energy_assets.partitions import DAY, HOUR, hour_of, key_of, window_of
from energy_assets.schemas import first_versions
from energy_assets.settings import utc_now
from energy_assets.sources.simulator import Simulator
from energy_assets_tests.automation.ticks import ranges_of, tick_of
from energy_assets_tests.world import Only, World


@pytest.fixture
def world_without_the_last_day(world: World, newest: datetime) -> World:
    world.put_history(newest - timedelta(days=5), newest - timedelta(days=1))
    return world


def look_for_gaps(world: World, cursor: str | None = None) -> SensorExecutionData:
    return tick_of(gap_repair_sensor, world, cursor)


def test_recent_hours_that_are_missing_or_incomplete_are_requested_again(
    world: World, newest: datetime
) -> None:
    records = world.source.fetch(newest - timedelta(days=5), newest + HOUR)
    rows = validate_records(records, world.source.profile).rows
    complete = rows.groupby("datetime_utc").filter(lambda hour: len(hour) == 76)
    hours = complete["datetime_utc"]
    missing = hours.isin([newest - n * HOUR for n in (0, 10, 11, 12)])
    incomplete = (hours == newest - 20 * HOUR) & (complete["area"] == "DK1")
    world.stores.feature_store.upsert(first_versions(complete[~missing & ~incomplete]))

    # The simulated meters leave gaps of their own, so that a tick may leave some to the next.
    ranges, cursor = [], None
    while found := ranges_of(tick := look_for_gaps(world, cursor)):
        ranges += found
        cursor = tick.cursor
    for number in (10, 11, 12, 20):
        hour = key_of(newest - number * HOUR)
        assert any(first <= hour <= last for first, last in ranges)
    assert all(last < key_of(newest) for _, last in ranges)


def test_a_fresh_project_has_its_whole_training_window_loaded(
    world: World, newest: datetime
) -> None:
    start, _ = window_of(newest, 30)
    assert ranges_of(look_for_gaps(world)) == [(key_of(start), key_of(newest - HOUR))]


def test_hours_that_the_source_does_not_have_are_not_requested(
    tmp_path: Path, newest: datetime
) -> None:
    ended = World.build(tmp_path, Only(Simulator(), end=newest - 50 * DAY))
    assert ranges_of(look_for_gaps(ended)) == []


def test_a_gap_that_stays_open_is_requested_again_after_six_hours_and_not_before(
    world_without_the_last_day: World,
) -> None:
    world = world_without_the_last_day
    first = look_for_gaps(world)
    second = look_for_gaps(world, first.cursor)
    hours_ago = (utc_now() - timedelta(hours=7)).isoformat()
    requested_at = dict.fromkeys(json.loads(second.cursor or ""), hours_ago)
    later = look_for_gaps(world, json.dumps(requested_at))
    assert ranges_of(first)
    assert ranges_of(second) == []
    assert ranges_of(later) == ranges_of(first)


def test_the_run_that_the_sensor_requests_repairs_the_gap(
    world_without_the_last_day: World,
) -> None:
    world = world_without_the_last_day
    first, last = map(hour_of, ranges_of(look_for_gaps(world))[-1])
    world.run("repair_job", first, last)
    rows = world.stores.feature_store.read(first, last + HOUR)
    published = world.source.fetch(first, last + HOUR)
    assert len(rows) == len(published) > 76 * 12
