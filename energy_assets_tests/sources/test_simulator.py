"""The simulated records of an hour never change, and they look like Denmark's."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import NoDataError
from energy_assets.sources.noise import uniform
from energy_assets.sources.profiles import DE35
from energy_assets.sources.simulator import OLDEST_HOUR, Simulator

LATER = datetime(2026, 1, 1)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return Simulator(now=lambda: LATER)


def wide(records: pd.DataFrame) -> pd.DataFrame:
    """Records as a table: local hours x (area, type), kWh."""
    values = records.assign(
        kwh=records["TotalCon"].astype(float), local=pd.to_datetime(records["HourDK"])
    )
    return values.pivot_table(
        index="local", columns=["PriceArea", "ConsumerType_DE35"], values="kwh"
    )


@pytest.fixture(scope="module")
def winter(simulator: Simulator) -> pd.DataFrame:
    """The simulated panel over the six weeks of the real copy."""
    return wide(simulator.fetch(datetime(2023, 1, 31, 23), datetime(2023, 3, 16, 23)))


def test_records_have_the_form_of_de35(simulator: Simulator) -> None:
    records = simulator.fetch(datetime(2023, 6, 1), datetime(2023, 6, 1, 1))
    assert records.iloc[0].tolist()[:4] == ["2023-06-01 00:00", "2023-06-01 02:00", "DK1", "111"]
    assert records["TotalCon"].str.fullmatch(r"\d+").all()
    assert set(records["PriceArea"]) == set(DE35.known_areas or ())
    assert set(records["ConsumerType_DE35"]) == set(DE35.known_consumer_types or ())


def test_a_range_in_two_parts_gives_the_same_records_as_in_one(simulator: Simulator) -> None:
    start, end = datetime(2023, 3, 25), datetime(2023, 3, 28)
    whole = simulator.fetch(start, end)
    for middle in (start + HOUR, datetime(2023, 3, 26, 1), datetime(2023, 3, 27, 13), end):
        parts = [simulator.fetch(start, middle), simulator.fetch(middle, end)]
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)


def test_another_process_with_another_hash_seed_gives_the_same_records(
    simulator: Simulator,
) -> None:
    program = (
        "from datetime import datetime; import hashlib\n"
        "from energy_assets.sources.simulator import Simulator\n"
        "simulator = Simulator(now=lambda: datetime(2030, 1, 1))\n"
        "records = simulator.fetch(datetime(2023, 3, 1), datetime(2023, 3, 3))\n"
        "print(hashlib.sha256(records.to_csv(index=False).encode()).hexdigest())"
    )
    answer = subprocess.run(  # our own interpreter and program
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = simulator.fetch(datetime(2023, 3, 1), datetime(2023, 3, 3)).to_csv(index=False)
    assert answer.stdout.strip() == hashlib.sha256(here.encode()).hexdigest()


def test_the_records_of_an_hour_are_those_of_the_first_release(
    simulator: Simulator,
) -> None:
    records = simulator.fetch(datetime(2023, 3, 1, 12), datetime(2023, 3, 1, 13))
    by_series = records.set_index(["PriceArea", "ConsumerType_DE35"])["TotalCon"]
    examples = [("DK1", "111"), ("DK1", "450"), ("DK2", "215"), ("DK2", "999")]
    assert [by_series[series] for series in examples] == ["82826", "1147", "251", "562586"]


def test_30_days_take_less_than_half_a_second(simulator: Simulator) -> None:
    simulator.fetch(datetime(2023, 2, 1), datetime(2023, 2, 2))  # imports the calendar
    began = time.process_time()
    records = simulator.fetch(datetime(2023, 2, 1), datetime(2023, 3, 3))
    assert time.process_time() - began < 0.5
    assert len(records) > 54_000


def test_every_hour_of_a_clock_change_comes_once(simulator: Simulator) -> None:
    for day in (datetime(2023, 3, 25, 23), datetime(2023, 10, 28, 22)):
        records = simulator.fetch(day, day + 26 * HOUR)
        assert not records.duplicated(["HourUTC", "PriceArea", "ConsumerType_DE35"]).any()
        local_hours = records["HourDK"].nunique()
        assert local_hours == (26 if day.month == 3 else 25)


def test_the_newest_hour_has_records_and_has_passed() -> None:
    for minutes in range(0, 3000, 37):
        now = datetime(2023, 5, 4) + timedelta(minutes=minutes)
        simulator = Simulator(now=lambda now=now: now)  # type: ignore[misc]  # binds the loop's now
        newest = simulator.newest_hour()
        assert newest + HOUR <= now
        assert not simulator.fetch(newest, newest + HOUR).empty


def test_a_late_hour_appears_when_it_is_published() -> None:
    hours = np.arange(24 * 365) + 24 * 365 * 50
    late = hours[uniform("late", hours) < 0.01]
    assert 50 < len(late) < 130  # of 8,760
    hour = datetime(1970, 1, 1) + int(late[1]) * HOUR
    at_the_end, a_day_later = hour + HOUR, hour + 24 * HOUR
    assert Simulator(now=lambda: at_the_end).newest_hour() < hour
    assert not Simulator(now=lambda: a_day_later).fetch(hour, hour + HOUR).empty


def test_a_few_hours_and_records_of_a_year_are_missing(simulator: Simulator) -> None:
    records = simulator.fetch(datetime(2022, 1, 1), datetime(2023, 1, 1))
    published = records.groupby("HourUTC").size()
    assert 1 <= 8760 - len(published) <= 20
    assert 1 <= (published < 60).sum() <= 20
    assert 10 <= published.between(74, 75).sum() <= 200


def test_a_missing_hour_is_an_empty_frame_with_all_columns(simulator: Simulator) -> None:
    start = datetime(2022, 1, 1)
    records = simulator.fetch(start, datetime(2023, 1, 1))
    hours = pd.date_range(start, periods=8760, freq="h")
    missing = hours.difference(pd.DatetimeIndex(pd.to_datetime(records["HourUTC"].unique())))
    hour = missing[0].to_pydatetime()
    nothing = simulator.fetch(hour, hour + HOUR)
    assert nothing.empty
    assert list(nothing.columns) == list(records.columns)


def test_the_future_is_an_error_that_says_what_there_is() -> None:
    simulator = Simulator(now=lambda: datetime(2023, 5, 4, 12, 30))
    with pytest.raises(NoDataError, match=r"to 2023-05-04 11:00 UTC, nothing of 2023-05-05 00:00"):
        simulator.fetch(datetime(2023, 5, 5), datetime(2023, 5, 6))
    partly = simulator.fetch(datetime(2023, 5, 4, 11), datetime(2023, 5, 6))
    assert partly["HourUTC"].unique().tolist() == ["2023-05-04 11:00"]


def test_hours_before_the_oldest_are_an_error_that_says_what_there_is(simulator: Simulator) -> None:
    with pytest.raises(NoDataError, match="the simulator has 2000-01-01 00:00 to"):
        simulator.fetch(OLDEST_HOUR - 2 * HOUR, OLDEST_HOUR)
    assert len(simulator.fetch(OLDEST_HOUR - HOUR, OLDEST_HOUR + HOUR)["HourUTC"].unique()) == 1


def test_naive_forecasts_score_as_they_do_on_the_real_data(winter: pd.DataFrame) -> None:
    hourly = winter.asfreq("h")
    yesterday = ((hourly - hourly.shift(24)).abs() / hourly).mean().mean()
    last_week = ((hourly - hourly.shift(168)).abs() / hourly).mean().mean()
    assert 0.12 <= yesterday <= 0.14  # really 0.127
    assert 0.08 <= last_week <= 0.10  # really 0.088


def test_the_levels_are_those_of_the_real_data(
    winter: pd.DataFrame, de35_panel: pd.DataFrame
) -> None:
    real = de35_panel["energy_consumption"].groupby(["area", "consumer_type"]).mean()
    simulated = winter.mean().rename_axis(["area", "consumer_type"])
    assert simulated.max() / simulated.min() > 1000
    assert (simulated / real).between(0.75, 1.33).all()


def test_each_consumer_type_has_the_shape_of_its_day(winter: pd.DataFrame) -> None:
    by_hour = winter.loc["2023-02-06":"2023-02-10"].groupby(lambda local: local.hour).mean()
    home, lamps, office = (by_hour["DK1", code] for code in ("121", "450", "443"))
    assert home.idxmax() in (17, 18)
    assert home[7] > 1.2 * home[4]
    assert lamps[22] > 8 * lamps[12]
    assert office[10] > 1.8 * office[3]


def test_a_holiday_is_like_a_sunday(simulator: Simulator) -> None:
    weeks = wide(simulator.fetch(datetime(2023, 3, 26, 22), datetime(2023, 4, 9, 22)))
    at_ten = weeks["DK1", "310"].between_time("10:00", "10:00")
    workday, maundy_thursday = at_ten.loc["2023-03-30"].item(), at_ten.loc["2023-04-06"].item()
    assert maundy_thursday < 0.7 * workday


def test_heating_and_lamps_need_more_in_winter(simulator: Simulator) -> None:
    january = wide(simulator.fetch(datetime(2023, 1, 9), datetime(2023, 2, 6))).mean()
    july = wide(simulator.fetch(datetime(2023, 7, 10), datetime(2023, 8, 7))).mean()
    ratio = january / july
    assert ratio["DK1", "123"] > 1.6
    assert ratio["DK1", "450"] > 1.5
    assert 0.8 < ratio["DK1", "446"] < 1.1
