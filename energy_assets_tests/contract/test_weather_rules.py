"""Every weather record ends up either in the rows or, with a reason, in the quarantine."""

from __future__ import annotations

import json
from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from energy_assets.contract.weather_rules import validate_weather
from energy_assets.schemas import QUARANTINE, WEATHER
from energy_assets.sources.weather import COLUMNS

HOUR, KEY = datetime(2023, 3, 1, 10), "2023-03-01-10:00"
NOW, AHEAD, ISSUED = "2023-03-01 10:00", "2023-03-01 12:00", "2023-03-01 09:00"
AREAS = frozenset({"DK1", "DK2"})


def records(*rows: tuple[object, ...]) -> pd.DataFrame:
    """Records with area, datetime_utc, issued_at and temperature; what is left out is missing."""
    filled = [row + (None,) * (len(COLUMNS) - len(row)) for row in rows]
    return pd.DataFrame(filled, columns=list(COLUMNS), dtype=object)


def rows_of(*rows: tuple[object, ...]) -> pd.DataFrame:
    validated = validate_weather({HOUR: records(*rows)}, AREAS)
    assert validated.quarantine.empty, validated.quarantine
    return validated.rows[KEY]


def reasons(*rows: tuple[object, ...]) -> list[str]:
    validated = validate_weather({HOUR: records(*rows)}, AREAS)
    assert len(validated.quarantine) + len(validated.rows[KEY]) == len(rows)
    return validated.quarantine["reason"].tolist()


def test_observations_and_forecasts_become_sorted_rows() -> None:
    rows = rows_of(
        ("DK2", AHEAD, ISSUED, "3.5", " 4 ", "0"),
        ("DK1", pd.Timestamp(NOW), None, 2.5, None, np.nan),
        ("DK1", "2023-03-01T09:00:00Z", "2023-03-01 09:40", -1),
    )
    assert list(rows.columns) == list(WEATHER.dtypes)
    assert rows["area"].tolist() == ["DK1", "DK1", "DK2"]
    assert rows["horizon"].tolist() == [0, 0, 2]
    assert rows["temperature"].tolist() == [-1, 2.5, 3.5]
    assert rows["issued_at"].tolist() == [
        pd.Timestamp("2023-03-01 09:40"),
        pd.Timestamp(NOW),
        pd.Timestamp(ISSUED),
    ]
    assert rows["wind_speed"].isna().tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (("DK1", "noon", None, 1), "unreadable time"),
        (("DK1", None, None, 1), "unreadable time"),
        (("DK1", AHEAD, "noon", 1), "unreadable time of issue"),
        (("DK3", NOW, None, 1), "unknown area"),
        ((None, NOW, None, 1), "unknown area"),
        (("DK1", "2023-03-01 09:30", ISSUED, 1), "time not on the full hour"),
        (("DK1", AHEAD, "2023-03-01 10:30", 1), "issued after the hour it was asked for"),
        (("DK1", AHEAD, None, 1), "issued after the hour it was asked for"),
        (("DK1", NOW, ISSUED, 1), "forecast of an hour that had passed"),
        (("DK1", NOW, None, "warm"), "value not a number"),
        (("DK1", NOW, None, 1, "calm"), "value not a number"),
        (("DK1", NOW, None, None, 3), "missing value"),
        (("DK1", NOW, None, np.nan, 3), "missing value"),
        (("DK1", NOW, None, ""), "missing value"),
        (("DK1", NOW, None, 60.1), "absurd value"),
        (("DK1", NOW, None, "-60.1"), "absurd value"),
        (("DK1", NOW, None, "inf"), "absurd value"),
        (("DK1", NOW, None, 1, -0.1), "absurd value"),
        (("DK1", NOW, None, 1, 100.5), "absurd value"),
        (("DK1", NOW, None, 1, 3, -1), "absurd value"),
        (("DK1", NOW, None, 1, 3, 1500.5), "absurd value"),
    ],
)
def test_a_record_that_cannot_be_true_is_quarantined(
    record: tuple[object, ...], reason: str
) -> None:
    assert reasons(record, ("DK2", NOW, None, 1)) == [reason]


def test_limits_are_valid() -> None:
    assert reasons(("DK1", NOW, None, 60, 0, 1500), ("DK2", NOW, None, -60, 100, 0)) == []


def test_repeated_records_keep_one_unless_they_contradict_each_other() -> None:
    one, other = ("DK1", NOW, None, 1, 2.0), ("DK1", NOW, None, 1, 3.0)
    assert reasons(one, one, one) == ["duplicate", "duplicate"]
    assert reasons(one, other) == ["contradicting duplicate"] * 2
    assert reasons(one, ("DK1", NOW, None, 1, None)) == ["contradicting duplicate"] * 2
    # Two forecasts of an hour differ because one is newer.
    issues = (("DK1", AHEAD, f"2023-03-01 0{hour}:00", hour) for hour in (3, 9))
    assert reasons(*issues) == []


def test_hours_are_judged_on_their_own_and_empty_ones_have_the_columns() -> None:
    other = datetime(2023, 3, 1, 12)
    observed = ("DK1", "2023-03-01 12:00", "2023-03-01 12:00", 1)
    published = {HOUR: records(observed), other: records(observed), datetime(2023, 3, 2): records()}
    validated = validate_weather(published, AREAS)
    assert [len(rows) for rows in validated.rows.values()] == [0, 1, 0]
    assert validated.quarantine["hour"].tolist() == [pd.Timestamp(HOUR)]
    assert list(validated.quarantine.columns) == list(QUARANTINE.dtypes)
    for rows in validated.rows.values():
        assert list(rows.columns) == list(WEATHER.dtypes)
        assert rows["datetime_utc"].dtype == "datetime64[ns]"
        assert rows["horizon"].dtype == "int64"


def test_the_quarantine_shows_the_record_as_published() -> None:
    published = records(("DK1", pd.Timestamp(NOW), None, "hot"))
    (record,) = validate_weather({HOUR: published}, AREAS).quarantine["record"]
    assert json.loads(record) == {
        "area": "DK1",
        "datetime_utc": "2023-03-01 10:00:00",
        "issued_at": None,
        "temperature": "hot",
        "wind_speed": None,
        "radiation": None,
    }


def test_without_known_areas_any_name_but_a_blank_one_is_valid() -> None:
    published = records(("station 7", NOW, None, 1), (" ", NOW, None, 1), (None, NOW, None, 1))
    validated = validate_weather({HOUR: published}, None)
    assert validated.rows[KEY]["area"].tolist() == ["station 7"]
    assert validated.quarantine["reason"].tolist() == ["unknown area"] * 2
