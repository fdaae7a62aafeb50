"""Every record ends up either in the rows or, with a reason, in the quarantine."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from energy_assets.contract.rules import (
    mostly_invalid_hours,
    reason_to_reject,
    validate_records,
)
from energy_assets.schemas import CONSUMPTION, PRIMARY_KEY, QUARANTINE
from energy_assets.sources.file import FileSource
from energy_assets.sources.profiles import CONSUMER_CATEGORY, DE35, DK3619, DatasetProfile

HOUR = "2023-02-01 00:00"


def records(*rows: tuple[str | None, ...], profile: DatasetProfile = DE35) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(profile.columns), dtype=object)


def reasons(*rows: tuple[str | None, ...]) -> list[str]:
    """The reasons why records of DE35 are quarantined."""
    return validate_records(records(*rows), DE35).quarantine["reason"].tolist()


def test_valid_records_become_sorted_rows_in_kwh() -> None:
    validated = validate_records(
        records(
            ("2023-02-01T01:00:00", "DK2", "111", "3"),
            (HOUR, "DK2", "111", "2,5"),
            (HOUR, "DK1", "999", " 1.5e3 "),
        ),
        DE35,
    )
    assert validated.rows.to_dict("list") == {
        "area": ["DK1", "DK2", "DK2"],
        "consumer_type": ["999", "111", "111"],
        "datetime_utc": [pd.Timestamp(t) for t in (HOUR, HOUR, "2023-02-01 01:00")],
        "energy_consumption": [1500.0, 2.5, 3.0],
    }
    assert validated.quarantine.empty


def test_a_data_set_without_areas_gets_the_area_of_its_profile_and_mwh_become_kwh() -> None:
    published = records((HOUR, "Landbrug", "1,25"), profile=DK3619)
    row = validate_records(published, DK3619).rows.iloc[0]
    assert (row["area"], row["energy_consumption"]) == ("DK", 1250.0)


@pytest.mark.parametrize("length", [0, 1])
def test_any_number_of_records_gives_the_columns_and_types_of_the_tables(length: int) -> None:
    for row in ((HOUR, "DK1", "111", "1"), (HOUR, None, None, None)):
        validated = validate_records(records(*[row] * length), DE35)
        assert validated.published == length
        assert list(validated.rows.columns) == list(CONSUMPTION.dtypes)
        assert list(validated.quarantine.columns) == list(QUARANTINE.dtypes)
        assert validated.rows["datetime_utc"].dtype == "datetime64[ns]"
        assert validated.rows["energy_consumption"].dtype == "float64"
        assert validated.quarantine["hour"].dtype == "datetime64[ns]"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ((HOUR, "DK3", "111", "1"), "unknown area"),
        ((HOUR, None, "111", "1"), "unknown area"),
        ((HOUR, "DK1", "1111", "1"), "unknown consumer type"),
        ((HOUR, "DK1", None, "1"), "unknown consumer type"),
        (("2023-02-01 00:15", "DK1", "111", "1"), "time not on the full hour"),
        ((HOUR, "DK1", "111", None), "missing value"),
        ((HOUR, "DK1", "111", "  "), "missing value"),
        ((HOUR, "DK1", "111", "n/a"), "value not a number"),
        ((HOUR, "DK1", "111", "NaN"), "value not a number"),
        ((HOUR, "DK1", "111", "1.234,5"), "value not a number"),
        ((HOUR, "DK1", "111", "0x10"), "value not a number"),
        ((HOUR, "DK1", "111", "true"), "value not a number"),
        ((HOUR, "DK1", "111", "-0.1"), "negative value"),
        ((HOUR, "DK1", "111", "-inf"), "negative value"),
        ((HOUR, "DK1", "111", "Infinity"), "absurd value"),
        ((HOUR, "DK1", "111", "10000000.1"), "absurd value"),
        ((HOUR, "DK1", "111", "1e999"), "absurd value"),
    ],
)
def test_a_record_that_breaks_a_rule_is_quarantined_as_published_with_the_reason(
    record: tuple[str | None, ...], reason: str
) -> None:
    validated = validate_records(records((HOUR, "DK2", "112", "0"), record), DE35)
    assert len(validated.rows) == 1
    quarantined = validated.quarantine.iloc[0]
    assert quarantined["reason"] == reason
    assert quarantined["hour"] == pd.Timestamp(HOUR)
    assert json.loads(quarantined["record"]) == dict(zip(DE35.columns, record, strict=True))


def test_without_a_list_of_codes_any_name_but_a_blank_one_is_valid() -> None:
    published = records(
        (HOUR, "Region Sjælland", "Privat", "571027,830000"),
        (HOUR, "Bornholm", "Noget nyt", "1"),
        (HOUR, " ", "Privat", "1"),
        profile=CONSUMER_CATEGORY,
    )
    validated = validate_records(published, CONSUMER_CATEGORY)
    assert validated.rows["energy_consumption"].tolist() == [1.0, 571027.83]
    assert validated.quarantine["reason"].tolist() == ["unknown area"]


def test_the_codes_and_the_maximum_are_those_of_the_profile() -> None:
    norway = replace(DE35, known_areas=frozenset({"NO1"}), plausible_maximum=50.0)
    published = records((HOUR, "NO1", "111", "50"), (HOUR, "NO1", "112", "51"))
    validated = validate_records(published, norway)
    assert validated.rows["consumer_type"].tolist() == ["111"]
    assert validated.quarantine["reason"].tolist() == ["absurd value"]


def test_one_of_equal_repeats_is_valid() -> None:
    row = (HOUR, "DK1", "111", "7")
    validated = validate_records(
        records(row, ("2023-02-01T00:00:00", "DK1", "111", "7,0"), row), DE35
    )
    assert len(validated.rows) == 1
    assert validated.quarantine["reason"].tolist() == ["duplicate", "duplicate"]


def test_none_of_contradicting_repeats_is_valid() -> None:
    assert (
        reasons(*((HOUR, "DK1", "111", value) for value in ("7", "7", "8")))
        == ["contradicting duplicate"] * 3
    )


def test_an_invalid_repeat_leaves_the_valid_record() -> None:
    assert reasons((HOUR, "DK1", "111", "7"), (HOUR, "DK1", "111", "-7")) == ["negative value"]


def test_a_record_with_an_unreadable_time_is_quarantined_for_the_hour_it_was_fetched_for() -> None:
    published = records(("soon", "DK1", "111", "7"), (HOUR, "DK1", "111", "7"))
    requested = pd.Series(pd.Timestamp(HOUR), index=published.index)
    validated = validate_records(published, DE35, requested)
    assert validated.quarantine["reason"].tolist() == ["unreadable time"]
    assert validated.quarantine["hour"].tolist() == [pd.Timestamp(HOUR)]
    assert len(validated.rows) == 1


def test_a_record_of_another_hour_than_requested_is_quarantined() -> None:
    published = records(("2023-02-01 01:00", "DK1", "111", "7"), (HOUR, "DK1", "111", "7"))
    requested = pd.Series(pd.Timestamp(HOUR), index=published.index)
    validated = validate_records(published, DE35, requested)
    assert validated.quarantine["reason"].tolist() == ["another hour than requested"]
    assert validated.rows["datetime_utc"].tolist() == [pd.Timestamp(HOUR)]
    assert reason_to_reject(validated) is None


@pytest.mark.parametrize("seed", range(30))
def test_random_records_end_up_in_exactly_one_place(seed: int) -> None:
    draw = np.random.default_rng(seed)

    def one_of(*choices: str | None) -> str | None:
        return choices[draw.integers(len(choices))]

    published = records(
        *(
            (
                one_of(HOUR, "2023-02-01T01:00:00", "2023-02-01 01:30"),
                one_of("DK1", "DK2", "DK1", "SE4", None),
                one_of("111", "112", "112", "7", ""),
                one_of("1", "1.0", "2", "-1", "x", None, "1e9", "nan"),
            )
            for _ in range(draw.integers(60))
        )
    )
    published.index = pd.Index(draw.permutation(1000)[: len(published)])
    validated = validate_records(published, DE35)
    assert validated.published == len(published)
    assert len(validated.rows) + len(validated.quarantine) == len(published)
    assert not validated.rows.duplicated([*PRIMARY_KEY]).any()
    assert validated.rows.equals(validated.rows.sort_values([*PRIMARY_KEY], ignore_index=True))

    remaining = sorted(json.dumps(record) for record in published.to_dict("records"))
    for record in validated.quarantine["record"]:
        remaining.remove(record)  # raises if it was not published
    rows = {
        (row.area, row.consumer_type, row.datetime_utc, row.energy_consumption)
        for row in validated.rows.itertuples()
    }
    expected = {
        (area, consumer_type, pd.Timestamp(hour), float(value))
        for hour, area, consumer_type, value in (
            json.loads(record).values() for record in remaining
        )
    }
    assert rows == expected


def test_the_order_of_the_records_does_not_matter(de35_csv: Path) -> None:
    source = FileSource(de35_csv, DE35)
    published = source.fetch(datetime(2023, 2, 1), datetime(2023, 2, 1, 2))
    shuffled = published.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        validate_records(published, DE35).rows, validate_records(shuffled, DE35).rows
    )


def test_the_real_file_is_all_valid_and_fast(de35_csv: Path, de35_panel: pd.DataFrame) -> None:
    source = FileSource(de35_csv, DE35)
    published = source.fetch(source.oldest_hour(), datetime(2023, 3, 17))
    began = time.process_time()
    validated = validate_records(published, DE35)
    assert time.process_time() - began < 1.5  # 78,432 records
    assert validated.quarantine.empty
    expected = de35_panel.reset_index()[list(CONSUMPTION.dtypes)]
    pd.testing.assert_frame_equal(validated.rows, expected)


def an_hour(valid: int, invalid: int, hour: str = HOUR) -> list[tuple[str | None, ...]]:
    codes = sorted(DE35.known_consumer_types or ())
    values = ["1"] * valid + [None] * invalid
    return [(hour, "DK1", code, value) for code, value in zip(codes, values, strict=False)]


def test_an_hour_with_half_of_its_records_invalid_is_not_mostly_invalid() -> None:
    later = "2023-02-01 01:00"
    validated = validate_records(records(*an_hour(2, 2), *an_hour(2, 3, later)), DE35)
    assert mostly_invalid_hours(validated) == [datetime(2023, 2, 1, 1)]


def test_an_hour_without_a_valid_record_is_mostly_invalid() -> None:
    validated = validate_records(records(*an_hour(0, 1)), DE35)
    assert mostly_invalid_hours(validated) == [datetime(2023, 2, 1)]


def test_equal_repeats_do_not_make_an_hour_invalid() -> None:
    validated = validate_records(records(*an_hour(4, 1) * 3), DE35)
    assert mostly_invalid_hours(validated) == []


def test_valid_hours_are_not_rejected() -> None:
    for rows in (an_hour(5, 1), []):
        assert reason_to_reject(validate_records(records(*rows), DE35)) is None


def test_the_reason_to_reject_names_the_hours_and_the_commonest_faults() -> None:
    rows = [row for k in range(7) for row in an_hour(1, 3, f"2023-02-01 0{k}:00")]
    rows += [(HOUR, "DK1", "999", "-1")]
    expected = (
        r"in 7 hour\(s\), 2023-02-01 00:00, .*04:00 and 2 more UTC: missing value \(21\), "
        r"negative value \(1\)"
    )
    reason = reason_to_reject(validate_records(records(*rows), DE35))
    assert reason is not None
    assert re.search(expected, reason)
