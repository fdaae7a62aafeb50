"""A late source gives no records; one that has stopped, or has not begun, is an error."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from energy_assets.errors import NoDataError
from energy_assets.sources import GRACE_PERIOD, fetch_published
from energy_assets.sources.profiles import DE35
from energy_assets.sources.simulator import OLDEST_HOUR, Simulator

HOUR = timedelta(hours=1)
SOURCE = Simulator(now=lambda: datetime(2023, 5, 4, 12, 30))


def test_published_hours_are_fetched() -> None:
    newest = SOURCE.newest_hour()
    assert len(fetch_published(SOURCE, newest, newest + HOUR)) > 70


def test_an_hour_that_is_late_has_no_records() -> None:
    start = SOURCE.newest_hour() + GRACE_PERIOD
    records = fetch_published(SOURCE, start, start + HOUR)
    assert records.empty
    assert list(records.columns) == list(DE35.columns)


def test_an_hour_after_the_grace_period_is_an_error() -> None:
    start = SOURCE.newest_hour() + GRACE_PERIOD + HOUR
    with pytest.raises(NoDataError, match=f"nothing of {start:%Y-%m-%d %H:%M}"):
        fetch_published(SOURCE, start, start + HOUR)


def test_an_hour_before_the_data_set_begins_is_an_error() -> None:
    with pytest.raises(NoDataError, match="nothing of 1999-12-31 23:00"):
        fetch_published(SOURCE, OLDEST_HOUR - HOUR, OLDEST_HOUR)
