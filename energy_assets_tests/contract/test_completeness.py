"""An hour is complete if it has every series of the week before and of the run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
import pytest

from energy_assets.contract.completeness import hours_to_repair, missing_rows, ranges

H = datetime(2023, 2, 10)
HOUR = timedelta(hours=1)


def rows(*series: tuple[int, str]) -> pd.DataFrame:
    """A row for each (hours after H, consumer type)."""
    return pd.DataFrame(
        {
            "area": "DK1",
            "consumer_type": [consumer_type for _, consumer_type in series],
            "datetime_utc": pd.DatetimeIndex([H + hours * HOUR for hours, _ in series]),
            "energy_consumption": 1.0,
        }
    )


@dataclass(frozen=True)
class Stored:
    """A feature store that only reads."""

    rows: pd.DataFrame
    shards: int = 1

    def read(self, start: datetime, end: datetime, shard: int) -> pd.DataFrame:
        times = self.rows["datetime_utc"]
        in_shard = self.rows["consumer_type"].map(int) % self.shards == shard
        return self.rows[(times >= start) & (times < end) & in_shard]


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_the_missing_series_of_each_hour_are_counted(shards: int) -> None:
    store = Stored(rows((-1, "111"), (0, "111"), (0, "112"), (2, "112")), shards)
    missing, expected = missing_rows(store, H, H + 3 * HOUR)
    assert expected == 2
    hours = pd.date_range(H, periods=3, freq="h")
    assert missing.to_dict() == dict(zip(hours, [0, 2, 1], strict=True))
    assert missing.dtype == "int64"


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_rows_about_to_be_written_count_once(shards: int) -> None:
    store = Stored(rows((0, "111"), (1, "112")), shards)
    missing, expected = missing_rows(store, H, H + 2 * HOUR, new=rows((0, "111"), (0, "113")))
    assert (expected, missing.tolist()) == (3, [1, 2])


def test_a_series_that_ended_more_than_a_week_ago_is_not_missing() -> None:
    store = Stored(rows((-169, "111"), (-168, "112"), (0, "112")))
    missing, expected = missing_rows(store, H, H + HOUR)
    assert (expected, missing.tolist()) == (1, [0])


def test_recent_hours_with_a_missing_series_and_older_hours_without_rows_are_repaired() -> None:
    store = Stored(rows((-1, "111"), (0, "111"), (2, "111"), (2, "112"), (3, "111"), (4, "111")))
    gaps = hours_to_repair(store, H, H + 5 * HOUR, incomplete_since=H + 3 * HOUR)
    assert gaps == [H + HOUR, H + 3 * HOUR, H + 4 * HOUR]


def test_an_empty_store_lacks_every_hour() -> None:
    assert hours_to_repair(Stored(rows()), H, H + 2 * HOUR, H) == [H, H + HOUR]


def test_hours_become_ranges_without_gaps() -> None:
    hours = [H, H + HOUR, H + 3 * HOUR, H + 5 * HOUR, H + 6 * HOUR]
    assert ranges(hours) == [
        (H, H + HOUR),
        (H + 3 * HOUR, H + 3 * HOUR),
        (H + 5 * HOUR, H + 6 * HOUR),
    ]
    assert ranges([]) == []


def test_ranges_have_no_more_hours_than_asked_for() -> None:
    hours = [H + number * HOUR for number in (0, 1, 2, 3, 4, 6)]
    assert ranges(hours, most=2) == [
        (H, H + HOUR),
        (H + 2 * HOUR, H + 3 * HOUR),
        (H + 4 * HOUR, H + 4 * HOUR),
        (H + 6 * HOUR, H + 6 * HOUR),
    ]
