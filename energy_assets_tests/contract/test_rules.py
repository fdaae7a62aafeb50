"""The contract: every record ends up in the rows or, with a reason, in the quarantine."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from energy_assets.contract import rules as quality
from energy_assets.errors import ContractError, SourceError
from energy_assets.schemas import CONSUMPTION, PRIMARY_KEY, QUARANTINE
from energy_assets.sources.file import FileSource
from energy_assets.sources.profiles import CONSUMER_CATEGORY, DE35, DK3619, DatasetProfile

HOUR = "2023-02-01 00:00"


def records(*rows: tuple[str | None, ...], profile: DatasetProfile = DE35) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(profile.columns), dtype=object)


def reasons(*rows: tuple[str | None, ...]) -> list[str]:
    """The reasons for which records of DE35 are put in quarantine."""
    return quality.clean(records(*rows), DE35).quarantine["reason"].tolist()


def test_clean__good_records__become_sorted_rows_in_kwh() -> None:
    cleaned = quality.clean(
        records(
            ("2023-02-01T01:00:00", "DK2", "111", "3"),
            (HOUR, "DK2", "111", "2,5"),
            (HOUR, "DK1", "999", " 1.5e3 "),
        ),
        DE35,
    )
    assert cleaned.rows.to_dict("list") == {
        "area": ["DK1", "DK2", "DK2"],
        "consumer_type": ["999", "111", "111"],
        "datetime_utc": [pd.Timestamp(t) for t in (HOUR, HOUR, "2023-02-01 01:00")],
        "energy_consumption": [1500.0, 2.5, 3.0],
    }
    assert cleaned.quarantine.empty


def test_clean__set_without_areas_in_mwh__gets_denmark_and_kwh() -> None:
    published = records((HOUR, "Landbrug", "1,25"), profile=DK3619)
    row = quality.clean(published, DK3619).rows.iloc[0]
    assert (row["area"], row["energy_consumption"]) == ("DK", 1250.0)


@pytest.mark.parametrize("length", [0, 1])
def test_clean__any_number_of_records__gives_the_tables_columns_and_types(length: int) -> None:
    for row in ((HOUR, "DK1", "111", "1"), (HOUR, None, None, None)):
        cleaned = quality.clean(records(*[row] * length), DE35)
        assert cleaned.published == length
        assert list(cleaned.rows.columns) == list(CONSUMPTION.dtypes)
        assert list(cleaned.quarantine.columns) == list(QUARANTINE.dtypes)
        assert cleaned.rows["datetime_utc"].dtype == "datetime64[ns]"
        assert cleaned.rows["energy_consumption"].dtype == "float64"
        assert cleaned.quarantine["hour"].dtype == "datetime64[ns]"


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
def test_clean__bad_record__is_kept_as_published_with_the_reason(
    record: tuple[str | None, ...], reason: str
) -> None:
    cleaned = quality.clean(records((HOUR, "DK2", "112", "0"), record), DE35)
    assert len(cleaned.rows) == 1
    quarantined = cleaned.quarantine.iloc[0]
    assert quarantined["reason"] == reason
    assert quarantined["hour"] == pd.Timestamp(HOUR)
    assert json.loads(quarantined["record"]) == dict(zip(DE35.columns, record, strict=True))


def test_clean__open_set__takes_any_name_but_a_blank_one() -> None:
    published = records(
        (HOUR, "Region Sjælland", "Privat", "571027,830000"),
        (HOUR, "Bornholm", "Noget nyt", "1"),
        (HOUR, " ", "Privat", "1"),
        profile=CONSUMER_CATEGORY,
    )
    cleaned = quality.clean(published, CONSUMER_CATEGORY)
    assert cleaned.rows["energy_consumption"].tolist() == [1.0, 571027.83]
    assert cleaned.quarantine["reason"].tolist() == ["unknown area"]


def test_clean__equal_repeats__keep_one() -> None:
    row = (HOUR, "DK1", "111", "7")
    cleaned = quality.clean(records(row, ("2023-02-01T00:00:00", "DK1", "111", "7,0"), row), DE35)
    assert len(cleaned.rows) == 1
    assert cleaned.quarantine["reason"].tolist() == ["duplicate", "duplicate"]


def test_clean__contradicting_repeats__keep_none() -> None:
    assert (
        reasons(*((HOUR, "DK1", "111", value) for value in ("7", "7", "8")))
        == ["contradicting duplicate"] * 3
    )


def test_clean__bad_repeat_of_a_good_record__leaves_the_good_one() -> None:
    assert reasons((HOUR, "DK1", "111", "7"), (HOUR, "DK1", "111", "-7")) == ["negative value"]


def test_clean__unreadable_time__is_an_error() -> None:
    with pytest.raises(SourceError, match="HourUTC = 'soon'"):
        quality.clean(records(("soon", "DK1", "111", "7")), DE35)


@pytest.mark.parametrize("seed", range(30))
def test_clean__random_records__end_up_in_exactly_one_place(seed: int) -> None:
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
    cleaned = quality.clean(published, DE35)
    assert cleaned.published == len(published)
    assert len(cleaned.rows) + len(cleaned.quarantine) == len(published)
    assert not cleaned.rows.duplicated([*PRIMARY_KEY]).any()
    assert cleaned.rows.equals(cleaned.rows.sort_values([*PRIMARY_KEY], ignore_index=True))

    left = sorted(json.dumps(record) for record in published.to_dict("records"))
    for record in cleaned.quarantine["record"]:
        left.remove(record)  # raises if it was not published
    kept = {
        (row.area, row.consumer_type, row.datetime_utc, row.energy_consumption)
        for row in cleaned.rows.itertuples()
    }
    as_rows = {
        (area, consumer_type, pd.Timestamp(hour), float(value))
        for hour, area, consumer_type, value in (json.loads(record).values() for record in left)
    }
    assert kept == as_rows


def test_clean__same_records_in_any_order__give_the_same(de35_csv: Path) -> None:
    source = FileSource(de35_csv, DE35)
    published = source.fetch(datetime(2023, 2, 1), datetime(2023, 2, 1, 2))
    shuffled = published.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        quality.clean(published, DE35).rows, quality.clean(shuffled, DE35).rows
    )


def test_clean__real_copy__is_all_good_and_quick(de35_csv: Path, de35_panel: pd.DataFrame) -> None:
    source = FileSource(de35_csv, DE35)
    published = source.fetch(source.oldest_hour(), datetime(2023, 3, 17))
    began = time.process_time()
    cleaned = quality.clean(published, DE35)
    assert time.process_time() - began < 1.5  # 78,432 records
    assert cleaned.quarantine.empty
    expected = de35_panel.reset_index()[list(CONSUMPTION.dtypes)]
    pd.testing.assert_frame_equal(cleaned.rows, expected)


def an_hour(good: int, bad: int, hour: str = HOUR) -> list[tuple[str | None, ...]]:
    codes = sorted(DE35.known_consumer_types or ())
    values = ["1"] * good + [None] * bad
    return [(hour, "DK1", code, value) for code, value in zip(codes, values, strict=False)]


def test_mostly_bad__half_is_not_most() -> None:
    later = "2023-02-01 01:00"
    cleaned = quality.clean(records(*an_hour(2, 2), *an_hour(2, 3, later)), DE35)
    assert quality.mostly_bad(cleaned) == [datetime(2023, 2, 1, 1)]


def test_mostly_bad__hour_without_a_good_record__counts() -> None:
    cleaned = quality.clean(records(*an_hour(0, 1)), DE35)
    assert quality.mostly_bad(cleaned) == [datetime(2023, 2, 1)]


def test_mostly_bad__equal_repeats__do_not_count() -> None:
    cleaned = quality.clean(records(*an_hour(4, 1) * 3), DE35)
    assert quality.mostly_bad(cleaned) == []


def test_refuse__good_hours__pass() -> None:
    quality.refuse(quality.clean(records(*an_hour(5, 1)), DE35))
    quality.refuse(quality.clean(records(), DE35))


def test_refuse__bad_hours__are_named_with_the_commonest_reasons() -> None:
    rows = [row for k in range(7) for row in an_hour(1, 3, f"2023-02-01 0{k}:00")]
    rows += [(HOUR, "DK1", "999", "-1")]
    message = (
        r"in 7 hour\(s\), 2023-02-01 00:00, .*04:00 and 2 more UTC: missing value \(21\), "
        r"negative value \(1\)"
    )
    with pytest.raises(ContractError, match=message):
        quality.refuse(quality.clean(records(*rows), DE35))


def test_completeness__counts_the_missing_series_of_each_hour() -> None:
    rows = quality.clean(
        records(
            (HOUR, "DK1", "111", "1"),
            (HOUR, "DK1", "112", "1"),
            ("2023-02-01 02:00", "DK1", "111", "1"),
            ("2023-02-01 02:00", "DK2", "999", "1"),
        ),
        DE35,
    ).rows
    expected = {("DK1", "111"), ("DK1", "112")}
    missing = quality.completeness(rows, expected)
    hours = pd.date_range(HOUR, periods=3, freq="h")
    assert missing.to_dict() == dict(zip(hours, [0, 2, 1], strict=True))
    assert missing.dtype == "int64"

    asked = pd.date_range("2023-02-01 02:00", periods=2, freq="h")
    assert quality.completeness(rows, expected, asked).tolist() == [1, 2]


def test_completeness__no_rows__everything_is_missing() -> None:
    rows = quality.clean(records(), DE35).rows
    assert quality.completeness(rows, {("DK1", "111")}).empty
    asked = pd.date_range(HOUR, periods=2, freq="h")
    assert quality.completeness(rows, {("DK1", "111")}, asked).tolist() == [1, 1]
