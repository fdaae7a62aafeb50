"""The calendar is that of the country and of its clocks."""

import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting.features.calendar import (
    calendar,
    calendar_features,
    holiday_names,
)


def test_hours_and_holidays_are_local_also_in_summer_time():
    hours = pd.DatetimeIndex(["2023-03-25 12:00", "2023-03-26 12:00", "2023-04-06 23:00"])
    hour, weekday, holiday, before, _ = calendar_features(hours, "DK", "Europe/Copenhagen").T
    assert hour.tolist() == [13, 14, 1]
    assert weekday.tolist() == [5, 6, 4]
    assert holiday.tolist() == [0, 0, 1]  # 23:00 UTC on Maundy Thursday is Good Friday in Denmark.
    assert before.tolist() == [0, 0, 1]


def test_another_country_has_its_own_holidays():
    hours = pd.DatetimeIndex(["2023-07-04 12:00", "2023-05-18 12:00"])  # US, Danish
    assert calendar_features(hours, "US", "America/Chicago")[:, 2].tolist() == [1, 0]
    assert calendar_features(hours, "DK", "Europe/Copenhagen")[:, 2].tolist() == [0, 1]
    assert calendar_features(hours, None, "UTC")[:, 2].tolist() == [0, 0]


def test_a_holiday_has_the_same_name_when_it_is_observed_on_another_day():
    hours = pd.DatetimeIndex(["2022-06-20 12:00", "2023-06-19 12:00", "2023-06-20 03:00"])
    names = holiday_names(hours, "US", "America/Chicago")
    assert names[0] == names[1] == names[2] != ""  # Juneteenth; the last hour is still the 19th.
    assert holiday_names(hours, None, "UTC").tolist() == ["", "", ""]


def test_steps_that_are_not_hours_have_days_of_24_steps_and_no_holidays():
    days = calendar(pd.date_range("2023-04-01", periods=30), 2, 10, "DK", "UTC").days
    assert days.shape == (42, 5)
    number = (pd.Timestamp("2023-04-16") - pd.Timestamp(0)).days  # 25 - 10 days after the first
    assert days[25].tolist() == [number % 24, number % 168 // 24, 0, 0, 0]


@pytest.mark.parametrize(
    ("country", "timezone"), [("XX", "UTC"), ("DK", "Mars/Olympus"), (None, "")]
)
def test_an_unknown_place_is_an_error_that_names_it(country, timezone):
    with pytest.raises(ForecastError, match="is unknown"):
        calendar_features(pd.date_range("2023", periods=3, freq="h"), country, timezone)
