"""A replay sees what the live run saw, whatever came late or was corrected since."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from energy_assets.partitions import DAY, HOUR, due, window_of
from energy_assets.settings import utc_now
from energy_assets.sources.simulator import Simulator
from energy_assets_tests.world import ORIGIN, SERIES, Changed, Only, World

DAYS = 20


def known_at(world: World, hour: datetime) -> pd.DataFrame:
    """The training window of an hour as it was known when the hour was due."""
    settings = world.stores.settings
    window = window_of(hour, settings.days_export)
    return world.stores.feature_store.read(*window, known_by=due(hour, settings.days_delay))


def tripled(records: pd.DataFrame) -> pd.DataFrame:
    return records.assign(TotalCon=records["TotalCon"].astype(float).mul(3).astype(str))


def test_forecasts_replayed_equal_those_issued_with_late_hours_and_corrections(
    tmp_path: Path,
) -> None:
    # With this delay, the first three hours were due before now, and the others are due after.
    delay = (utc_now() - ORIGIN).days
    now = utc_now().replace(minute=0, second=0, microsecond=0) - timedelta(days=delay)
    hours = [now + number * HOUR for number in range(-3, 3)]
    source = Only(Simulator(now=lambda: now + 9 * DAY), SERIES)
    world = World.build(tmp_path, source, {"days_delay": delay, "days_export": DAYS})
    start, _ = window_of(hours[0], DAYS)
    world.put_config(start, n_estimators=20)
    world.put_history(start, hours[0])
    world.put_weather(start, hours[0])

    world.run("hourly_job", hours[0])
    world.run("prediction_job", hours[1])  # the source is away
    world.run("hourly_job", hours[2])
    world.run("ingestion_job", hours[1])  # its records come late
    first, last = hours[0] - 5 * HOUR, hours[0] - 3 * HOUR
    world.with_source(Changed(source, tripled, first, last + HOUR)).run(
        "ingestion_job", first, last
    )
    for hour in hours[3:]:
        world.run("hourly_job", hour)

    store = world.stores.feature_store
    corrected = store.read(first, last + HOUR)
    # The fourth hour may be due while this test runs.
    for hour, knows in zip(hours[:3] + hours[4:], (False,) * 3 + (True,) * 2, strict=True):
        rows = known_at(world, hour)
        assert (pd.Timestamp(hours[1]) in set(rows["datetime_utc"])) is knows
        same_hours = rows[rows["datetime_utc"].between(first, last)].reset_index(drop=True)
        assert same_hours.equals(corrected) is knows

    issued = {hour: world.frame("predictions_parquet", hour) for hour in hours}
    for hour in (hours[0], hours[2], *hours[3:]):
        world.run("hourly_job", hour)
    world.run("prediction_job", hours[0], hours[-1])
    for hour in hours:
        # A forecast that differed in any digit would be stored as another version.
        pd.testing.assert_frame_equal(world.frame("predictions_parquet", hour), issued[hour])
