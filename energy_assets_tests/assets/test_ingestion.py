"""raw_consumption and feature_group: what goes in, what is held back, what stays the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from energy_assets.partitions import HOUR, key_of
from energy_assets.stores.parquet import read_metadata
from energy_assets_tests.assets.conftest import ORIGIN, SERIES
from energy_assets_tests.world import Only, World

H = datetime(2023, 3, 1, 10)


@dataclass(frozen=True)
class Spoilt:
    """A source whose records of some hours are replaced by `spoil`."""

    source: Any
    spoil: Any
    hours: tuple[datetime, ...] = (H,)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def fetch(self, start: datetime, end: datetime) -> pd.DataFrame:
        records = self.source.fetch(start, end)
        hit = self.source.profile.hours(records).isin([pd.Timestamp(hour) for hour in self.hours])
        return pd.concat([records[~hit], self.spoil(records[hit].copy())], ignore_index=True)


def checks_of(result: Any) -> dict[str, Any]:
    return {found.check_name: found for found in result.get_asset_check_evaluations()}


def test_an_hour_is_kept_as_published_and_cleaned_into_one_row_a_series(new_world: World) -> None:
    new_world.run("ingestion_job", H)
    raw = new_world.frame("raw_consumption", H)
    published = new_world.source.fetch(H, H + HOUR).reset_index(drop=True)
    pd.testing.assert_frame_equal(raw, published)
    rows = new_world.stores.feature_store.read(H, H + HOUR)
    assert set(zip(rows["area"], rows["consumer_type"], strict=True)) == SERIES
    assert rows["energy_consumption"].gt(0).all()


def test_a_partition_shows_its_own_row_count_also_when_it_shares_its_run(new_world: World) -> None:
    new_world.run("ingestion_job", H, H + 5 * HOUR)
    for asset in ("raw_consumption", "feature_group"):
        found = new_world.metadata(asset, H + HOUR)
        assert found["dagster/partition_row_count"] == len(SERIES)
    assert new_world.metadata("raw_consumption", H)["source"] == "simulator"


def test_bad_records_go_to_quarantine_with_the_reason_and_good_ones_go_on(
    new_world: World, simulated: Only
) -> None:
    def spoil(records: pd.DataFrame) -> pd.DataFrame:
        records["TotalCon"] = ["-5", *records["TotalCon"].iloc[1:]]
        return records

    result = new_world.with_source(Spoilt(simulated, spoil)).run("ingestion_job", H)
    quarantine = new_world.frame("quarantine", H)
    rows = new_world.stores.feature_store.read(H, H + HOUR)
    assert quarantine["reason"].tolist() == ["negative value"]
    assert '"-5"' in quarantine["record"].iloc[0]
    assert len(rows) == len(SERIES) - 1
    assert checks_of(result)["contract"].passed

    new_world.run("ingestion_job", H)
    assert len(new_world.frame("quarantine", H)) == 0
    assert len(new_world.stores.feature_store.read(H, H + HOUR)) == len(SERIES)


def test_a_quarantine_file_says_its_source_and_hour(new_world: World, simulated: Only) -> None:
    spoilt = new_world.with_source(Spoilt(simulated, lambda records: pd.concat([records] * 2)))
    spoilt.run("ingestion_job", H, H + HOUR)
    for _ in range(2):  # with bad records, and empty once the hour is good
        data = new_world.stores.object_store.read("quarantine/2023-03-01/10.parquet")
        assert read_metadata(data) == {"source": "simulator", "partition": key_of(H)}
        new_world.run("ingestion_job", H)


def test_an_hour_that_is_mostly_bad_stops_before_the_feature_group(
    new_world: World, simulated: Only
) -> None:
    new_world.run("ingestion_job", H)
    before = new_world.stores.feature_store.read(H - HOUR, H + 9 * HOUR)
    spoilt = new_world.with_source(Spoilt(simulated, lambda records: records.assign(TotalCon="x")))
    result = spoilt.run("ingestion_job", H, H + 2 * HOUR, succeeds=False)

    contract = checks_of(result)["contract"]
    assert not contract.passed
    assert "2023-03-01 10:00" in contract.description
    assert len(new_world.frame("raw_consumption", H)) == len(SERIES)
    after = new_world.stores.feature_store.read(H - HOUR, H + 9 * HOUR)
    pd.testing.assert_frame_equal(after, before)


def test_a_feature_group_made_alone_of_bad_records_refuses_too(
    new_world: World, simulated: Only
) -> None:
    spoilt = new_world.with_source(Spoilt(simulated, lambda records: records.assign(TotalCon="x")))
    spoilt.run("ingestion_job", H, succeeds=False)
    result = spoilt.run("ingestion_job", H, assets=["feature_group"], succeeds=False)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    message = failure.step_failure_data.error.cause.message
    assert "2023-03-01 10:00" in message
    assert "not a number" in message


def test_an_hour_without_half_of_its_records_goes_on_with_a_warning(
    new_world: World, simulated: Only
) -> None:
    new_world.run("ingestion_job", H - 24 * HOUR, H - HOUR)
    spoilt = new_world.with_source(Spoilt(simulated, lambda records: records.head(2)))
    found = checks_of(spoilt.run("ingestion_job", H))
    complete = found["complete"]
    for check in (complete, found["contract"]):
        assert check.metadata["first hour of the run"].value == key_of(H)
        assert check.metadata["last hour of the run"].value == key_of(H)
    assert not complete.passed
    assert complete.severity.value == "WARN"
    assert len(new_world.stores.feature_store.read(H, H + HOUR)) == 2


def test_an_hour_for_which_nothing_was_published_is_an_empty_partition(
    new_world: World, simulated: Only
) -> None:
    new_world.run("ingestion_job", H - 24 * HOUR, H - HOUR)
    spoilt = new_world.with_source(Spoilt(simulated, lambda records: records.head(0)))
    result = spoilt.run("ingestion_job", H)
    assert len(new_world.frame("raw_consumption", H)) == 0
    assert not checks_of(result)["complete"].passed


def test_a_partition_before_or_after_the_data_is_an_error_that_names_both(
    real_world: World,
) -> None:
    for hour in (datetime(2023, 1, 5), datetime(2023, 6, 1)):
        result = real_world.run("ingestion_job", hour, succeeds=False)
        (failure,) = [event for event in result.all_events if event.is_step_failure][:1]
        message = failure.step_failure_data.error.cause.message
        assert f"{hour:%Y-%m-%d}" in message
        assert "2023-03-16" in message or "2023-01-31" in message


def test_feature_group_without_its_raw_hour_says_what_to_do(new_world: World) -> None:
    result = new_world.run("ingestion_job", H, assets=["feature_group"], succeeds=False)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    error = failure.step_failure_data.error
    while error.cause is not None:
        error = error.cause
    assert "materialise raw_consumption" in error.message
    assert key_of(H) in error.message


def test_a_range_in_one_run_leaves_the_rows_that_single_runs_leave(
    real_world: World, real_source: Any, tmp_path: Any
) -> None:
    first, last = datetime(2023, 2, 27, 12), datetime(2023, 3, 1, 3)  # the missing day and around
    single = World.build(tmp_path / "single", real_source)
    hour = first
    while hour <= last:
        single.run("ingestion_job", hour)
        hour += HOUR
    hour = first
    while hour <= last:
        pd.testing.assert_frame_equal(
            single.frame("raw_consumption", hour), real_world.frame("raw_consumption", hour)
        )
        hour += HOUR
    pd.testing.assert_frame_equal(
        single.stores.feature_store.read(first, last + HOUR),
        real_world.stores.feature_store.read(first, last + HOUR),
    )


def test_running_hours_again_leaves_the_same_rows(real_world: World) -> None:
    start, end = ORIGIN - timedelta(days=30), ORIGIN + HOUR
    before = real_world.stores.feature_store.read(start, end)
    real_world.run("ingestion_job", ORIGIN - 30 * HOUR, ORIGIN)
    real_world.run("ingestion_job", ORIGIN)
    pd.testing.assert_frame_equal(real_world.stores.feature_store.read(start, end), before)
    assert len(before) == 76 * (720 - 24)
