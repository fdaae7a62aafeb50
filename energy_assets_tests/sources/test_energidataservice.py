"""The API client: whole ranges of records, and errors that say which hours there are."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest
from werkzeug import Response

from energy_assets.errors import NoDataError, SettingsError, SourceError
from energy_assets.sources.energidataservice import EnergiDataService
from energy_assets.sources.profiles import CONSUMER_CATEGORY
from energy_assets_tests.sources.fake_api import (
    END,
    HOUR,
    NOW,
    START,
    Answer,
    Api,
    a_data_set,
    a_page,
)


def with_pages_of(size: int, api: Api) -> EnergiDataService:
    return EnergiDataService(api.url, CONSUMER_CATEGORY, page_size=size, now=lambda: NOW)


def test_a_day_is_one_request_in_utc_with_a_complete_sort(
    api: Api, source: EnergiDataService
) -> None:
    records = source.fetch(START, END)
    assert len(records) == 24 * 6
    assert api.requests == [
        {
            "start": "2024-08-01T00:00",
            "end": "2024-08-02T00:00",
            "timezone": "UTC",
            "sort": "TimeUTC asc,RegionName asc,ConsumerCategory3 asc",
            "limit": "50000",
            "offset": "0",
        }
    ]


def test_values_are_the_literal_text(api: Api, source: EnergiDataService) -> None:
    literal = '{"total": 1, "records": [{"TimeUTC": "2024-08-01T00:00:00", "RegionName": null,'
    literal += '"ConsumerCategory3": "Privat", "ConsumptionkWh": 571027.830000, "x": [1, true]}]}'
    api.failures = [Response(literal)]
    record = source.fetch(START, END).iloc[0]
    assert record.tolist() == [
        "2024-08-01T00:00:00",
        None,
        "Privat",
        "571027.830000",
        '["1", true]',
    ]


@pytest.mark.parametrize("size", [1, 7, 36, 143, 144, 145])
def test_pages_of_every_size_give_all_records(
    api: Api, source: EnergiDataService, size: int
) -> None:
    whole = source.fetch(START, START + 6 * HOUR)
    api.requests.clear()
    paged = with_pages_of(size, api).fetch(START, START + 6 * HOUR)
    pd.testing.assert_frame_equal(paged, whole)
    assert len(api.requests) == -(-36 // size)


def test_pages_smaller_than_requested_are_read_to_the_end(
    api: Api, source: EnergiDataService
) -> None:
    rows = a_data_set(hours=1)
    api.failures = [a_page(rows[:4], 6), a_page(rows[4:], 6)]
    assert len(source.fetch(START, END)) == 6
    assert [request["offset"] for request in api.requests] == ["0", "4"]


def test_a_record_published_twice_may_be_on_two_pages(api: Api, source: EnergiDataService) -> None:
    rows = a_data_set(hours=1)
    api.failures = [a_page(rows[:4], 7), a_page(rows[3:], 7)]
    assert len(source.fetch(START, END)) == 7


def inconsistent_pages() -> dict[str, list[Answer]]:
    rows = a_data_set(hours=1)
    return {
        "rows moved": [a_page(rows[:4], 6), a_page(rows[:2], 6)],
        "total changed": [a_page(rows[:4], 6), a_page(rows[4:], 7)],
        "page empty": [a_page(rows[:4], 6), a_page([], 6)],
        "the same page again": [a_page(rows[:1], 6), a_page(rows[:1], 6)],
        "too many rows": [a_page(rows, 5)],
    }


@pytest.mark.parametrize("case", inconsistent_pages())
def test_inconsistent_pages_are_an_error(api: Api, source: EnergiDataService, case: str) -> None:
    api.failures = inconsistent_pages()[case]
    with pytest.raises(SourceError, match=r"2024-08-01 00:00 to 2024-08-02.*Run these hours again"):
        source.fetch(START, END)


@pytest.mark.parametrize("url", ["http://[::1", "http://exa mple:port"])
def test_an_invalid_address_is_an_error_that_names_the_variable(url: str) -> None:
    with pytest.raises(SettingsError, match="ENERGY_API_URL"):
        EnergiDataService(url, CONSUMER_CATEGORY).fetch(START, END)


def test_the_oldest_and_the_newest_hour_cost_one_small_request_each(
    api: Api, source: EnergiDataService
) -> None:
    assert source.oldest_hour() == START
    assert source.newest_hour() == END - HOUR
    assert [request["limit"] for request in api.requests] == ["100", "100"]


def test_a_gap_in_the_data_is_an_empty_frame_with_the_columns(
    api: Api, source: EnergiDataService
) -> None:
    api.rows = a_data_set(hours=2) + a_data_set(START + 5 * HOUR, hours=1)
    records = source.fetch(START + 2 * HOUR, START + 5 * HOUR)
    assert records.empty
    assert list(records.columns) == list(CONSUMER_CATEGORY.columns)


@pytest.mark.parametrize(
    ("rows", "start", "message"),
    [
        pytest.param(
            a_data_set(),
            datetime(2024, 8, 19),
            "nothing of 2024-08-19 00:00 to 2024-08-20 00:00 UTC; its newest hour is "
            "2024-08-01 23:00 UTC. They are not published yet. Wait, or set DAYS_DELAY=19",
            id="not yet published",
        ),
        pytest.param(
            a_data_set(datetime(2023, 6, 1)),
            START,
            "seems to have stopped. Choose another ENERGY_DATASET, or set DAYS_DELAY=446 ",
            id="after the data set stopped",
        ),
        pytest.param(
            a_data_set(),
            START - 24 * HOUR,
            "oldest hour is 2024-08-01 00:00.*PARTITIONS_START",
            id="before the data set began",
        ),
        pytest.param(
            [], START, r"holds no records\. Choose another ENERGY_DATASET", id="empty data set"
        ),
    ],
)
def test_hours_without_records_are_an_error_that_says_why(
    api: Api,
    source: EnergiDataService,
    rows: list[dict[str, object]],
    start: datetime,
    message: str,
) -> None:
    api.rows = rows
    with pytest.raises(NoDataError, match=message):
        source.fetch(start, start + 24 * HOUR)
