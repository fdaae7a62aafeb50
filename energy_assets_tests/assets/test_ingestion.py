"""raw_consumption and feature_group: what is stored, quarantined and rejected."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import pandas as pd

from energy_assets.partitions import HOUR, key_of
from energy_assets.stores.parquet import read_metadata
from energy_assets_tests.world import ORIGIN, SERIES, Changed, Only, World, root_error

H = datetime(2023, 3, 1, 10)


def at_h(source: Only, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Changed:
    """The source with the records of H changed."""
    return Changed(source, change, start=H, end=H + HOUR)


def not_numbers(records: pd.DataFrame) -> pd.DataFrame:
    return records.assign(TotalCon="x")


def checks_of(result: Any) -> dict[str, Any]:
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def test_an_hour_is_stored_as_published_and_cleaned_into_one_row_a_series(new_world: World) -> None:
    new_world.run("ingestion_job", H)
    raw = new_world.frame("raw_consumption", H)
    published = new_world.source.fetch(H, H + HOUR).reset_index(drop=True)
    pd.testing.assert_frame_equal(raw.drop(columns=["seen_at", "known_at"]), published)
    assert set(raw["known_at"]) == {pd.Timestamp(H)}
    rows = new_world.stores.feature_store.read(H, H + HOUR)
    assert set(zip(rows["area"], rows["consumer_type"], strict=True)) == SERIES
    assert rows["energy_consumption"].gt(0).all()


def test_a_partition_that_shares_its_run_shows_its_own_row_count(new_world: World) -> None:
    new_world.run("ingestion_job", H, H + 5 * HOUR)
    for asset in ("raw_consumption", "feature_group"):
        metadata = new_world.metadata(asset, H + HOUR)
        assert metadata["dagster/partition_row_count"] == len(SERIES)
    assert new_world.metadata("raw_consumption", H)["source"] == "simulator"


def test_invalid_records_go_to_the_quarantine_with_the_reason_and_valid_ones_go_on(
    new_world: World, simulated: Only
) -> None:
    def with_a_negative_value(records: pd.DataFrame) -> pd.DataFrame:
        records["TotalCon"] = ["-5", *records["TotalCon"].iloc[1:]]
        return records

    changed = new_world.with_source(at_h(simulated, with_a_negative_value))
    result = changed.run("ingestion_job", H)
    quarantine = new_world.frame("quarantine", H)
    rows = new_world.stores.feature_store.read(H, H + HOUR)
    assert quarantine["reason"].tolist() == ["negative value"]
    assert '"-5"' in quarantine["record"].iloc[0]
    assert len(rows) == len(SERIES) - 1
    assert checks_of(result)["contract"].passed

    new_world.run("ingestion_job", H)
    pd.testing.assert_frame_equal(new_world.frame("quarantine", H), quarantine)
    assert len(new_world.stores.feature_store.read(H, H + HOUR)) == len(SERIES)
    as_known_then = new_world.stores.feature_store.read(H, H + HOUR, known_by=H + HOUR)
    assert len(as_known_then) == len(SERIES) - 1


def test_fetching_again_adds_what_is_new_or_changed_and_loses_nothing(
    new_world: World, simulated: Only
) -> None:
    new_world.run("ingestion_job", H)
    first = new_world.frame("raw_consumption", H)
    emptier = new_world.with_source(at_h(simulated, lambda records: records.head(0)))
    emptier.run("ingestion_job", H)
    pd.testing.assert_frame_equal(new_world.frame("raw_consumption", H), first)
    assert len(new_world.stores.feature_store.read(H, H + HOUR)) == len(SERIES)

    def corrected(records: pd.DataFrame) -> pd.DataFrame:
        return records.assign(TotalCon=["1", *records["TotalCon"].iloc[1:]])

    new_world.with_source(at_h(simulated, corrected)).run("ingestion_job", H)
    log = new_world.frame("raw_consumption", H)
    pd.testing.assert_frame_equal(log.head(len(first)), first)
    assert log["TotalCon"].iloc[len(first) :].tolist() == ["1"]
    rows = new_world.stores.feature_store.read(H, H + HOUR)
    assert (rows["energy_consumption"] == 1).sum() == 1


def test_a_row_whose_correction_is_invalid_is_closed(new_world: World, simulated: Only) -> None:
    def negative(records: pd.DataFrame) -> pd.DataFrame:
        return records.assign(TotalCon=["-1", *records["TotalCon"].iloc[1:]])

    new_world.run("ingestion_job", H)
    new_world.with_source(at_h(simulated, negative)).run("ingestion_job", H)
    store = new_world.stores.feature_store
    assert len(store.read(H, H + HOUR)) == len(SERIES) - 1
    assert len(store.read(H, H + HOUR, known_by=H + HOUR)) == len(SERIES)


def test_records_of_other_hours_and_with_unreadable_times_are_kept_and_a_check_fails(
    new_world: World, simulated: Only
) -> None:
    def astray(records: pd.DataFrame) -> pd.DataFrame:
        times = ["2023-03-01T15:00:00", "soon", *records["HourUTC"].iloc[2:]]
        return records.assign(HourUTC=times)

    result = new_world.with_source(at_h(simulated, astray)).run("ingestion_job", H)
    assert len(new_world.frame("raw_consumption", H)) == len(SERIES)
    quarantine = new_world.frame("quarantine", H)
    assert set(quarantine["reason"]) == {"another hour than requested", "unreadable time"}
    assert len(new_world.stores.feature_store.read(H, H + HOUR)) == len(SERIES) - 2
    check = checks_of(result)["requested_hours"]
    assert not check.passed
    assert check.metadata["records"].value == 2


def test_a_quarantine_file_says_its_source_and_hour(new_world: World, simulated: Only) -> None:
    twice = at_h(simulated, lambda records: pd.concat([records] * 2))
    new_world.with_source(twice).run("ingestion_job", H, H + HOUR)
    for _ in range(2):  # with duplicates, and empty once the hour has none
        data = new_world.stores.object_store.read("quarantine/2023-03-01/10.parquet")
        assert read_metadata(data) == {"source": "simulator", "partition": key_of(H)}
        new_world.run("ingestion_job", H)


def test_nothing_of_a_mostly_invalid_hour_is_written_and_the_other_hours_of_the_run_are(
    new_world: World, simulated: Only
) -> None:
    new_world.run("ingestion_job", H)
    store = new_world.stores.feature_store
    before = store.read(H, H + HOUR)
    changed = new_world.with_source(at_h(simulated, not_numbers))
    result = changed.run("ingestion_job", H, H + 2 * HOUR, succeeds=False)

    assert not checks_of(result)["contract"].passed
    assert len(new_world.frame("raw_consumption", H)) == 2 * len(SERIES)
    pd.testing.assert_frame_equal(store.read(H, H + HOUR), before)
    assert len(store.read(H + HOUR, H + 3 * HOUR)) == 2 * len(SERIES)
    assert set(new_world.frame("quarantine", H)["reason"]) == {"value not a number"}


def test_a_rejection_is_a_failed_check_with_its_figures_and_the_error_of_the_run(
    new_world: World, simulated: Only
) -> None:
    changed = new_world.with_source(at_h(simulated, not_numbers))
    result = changed.run("ingestion_job", H, succeeds=False)

    recorded = new_world.instance.all_logs(
        result.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    )
    (contract,) = [record.dagster_event.asset_check_evaluation_data for record in recorded]
    assert (contract.asset_key.path[-1], contract.check_name) == ("feature_group", "contract")
    assert contract.blocking
    assert not contract.passed
    assert "2023-03-01 10:00 UTC: value not a number (12)" in contract.description
    assert {name: value.value for name, value in contract.metadata.items()} == {
        "first hour of the run": key_of(H),
        "last hour of the run": key_of(H),
        "records": len(SERIES),
        "quarantined": len(SERIES),
        "quarantined: value not a number": len(SERIES),
    }
    error = root_error(result)
    assert error.cls_name == "ContractError"
    assert contract.description in error.message


def test_a_feature_group_materialised_alone_is_rejected_too(
    new_world: World, simulated: Only
) -> None:
    changed = new_world.with_source(at_h(simulated, not_numbers))
    changed.run("ingestion_job", H, succeeds=False)
    result = changed.run("ingestion_job", H, assets=["feature_group"], succeeds=False)
    assert not checks_of(result)["contract"].passed
    assert "2023-03-01 10:00" in root_error(result).message


def test_an_incomplete_hour_goes_on_with_a_warning(new_world: World, simulated: Only) -> None:
    new_world.run("ingestion_job", H - 24 * HOUR, H - HOUR)
    changed = new_world.with_source(at_h(simulated, lambda records: records.head(2)))
    checks = checks_of(changed.run("ingestion_job", H))
    complete = checks["complete"]
    for check in (complete, checks["contract"]):
        assert check.metadata["first hour of the run"].value == key_of(H)
        assert check.metadata["last hour of the run"].value == key_of(H)
    assert not complete.passed
    assert complete.severity.value == "WARN"
    assert len(new_world.stores.feature_store.read(H, H + HOUR)) == 2


def test_an_hour_without_records_is_an_empty_partition(new_world: World, simulated: Only) -> None:
    new_world.run("ingestion_job", H - 24 * HOUR, H - HOUR)
    changed = new_world.with_source(at_h(simulated, lambda records: records.head(0)))
    result = changed.run("ingestion_job", H)
    assert len(new_world.frame("raw_consumption", H)) == 0
    assert not checks_of(result)["complete"].passed


def test_a_partition_before_or_after_the_data_is_an_error_that_names_both(
    real_world: World,
) -> None:
    for hour in (datetime(2023, 1, 5), datetime(2023, 6, 1)):
        result = real_world.run("ingestion_job", hour, succeeds=False)
        message = root_error(result).message
        assert f"{hour:%Y-%m-%d}" in message
        assert "2023-03-16" in message or "2023-01-31" in message


def test_a_feature_group_without_its_raw_hour_is_an_error_that_says_what_to_do(
    new_world: World,
) -> None:
    result = new_world.run("ingestion_job", H, assets=["feature_group"], succeeds=False)
    message = root_error(result).message
    assert "materialise raw_consumption" in message
    assert key_of(H) in message


def test_a_range_in_one_run_gives_the_same_rows_as_single_runs(
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
        alone, in_a_range = (
            world.frame("raw_consumption", hour).drop(columns="seen_at")
            for world in (single, real_world)
        )
        pd.testing.assert_frame_equal(alone, in_a_range)
        hour += HOUR
    pd.testing.assert_frame_equal(
        single.stores.feature_store.read(first, last + HOUR),
        real_world.stores.feature_store.read(first, last + HOUR),
    )


def test_running_hours_again_changes_no_rows(real_world: World) -> None:
    start, end = ORIGIN - timedelta(days=30), ORIGIN + HOUR
    before = real_world.stores.feature_store.read(start, end)
    real_world.run("ingestion_job", ORIGIN - 30 * HOUR, ORIGIN)
    real_world.run("ingestion_job", ORIGIN)
    pd.testing.assert_frame_equal(real_world.stores.feature_store.read(start, end), before)
    assert len(before) == 76 * (720 - 24)
