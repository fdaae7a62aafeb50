"""Profiles know the columns, codes, units and country of published data sets, and read times."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from holidays import country_holidays

from energy_assets.errors import SettingsError, SourceError
from energy_assets.sources.profiles import DE35, DK3619, PROFILES, DatasetProfile, find_profile


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_complete(name: str) -> None:
    profile = find_profile(name)
    assert profile.dataset == name
    assert (profile.area is None) != (profile.area_column is None)
    assert ZoneInfo(profile.timezone)
    assert profile.country is None or country_holidays(profile.country, years=2023)
    assert profile.plausible_maximum > 0


def test_an_unknown_data_set_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"ENERGY_DATASET is 'X', .*ConsumptionGridAreaHour"):
        find_profile("X")


def test_de35_has_76_series() -> None:
    assert DE35.known_areas is not None
    assert DE35.known_consumer_types is not None
    assert len(DE35.known_areas) * len(DE35.known_consumer_types) == 76


def test_dk3619_has_no_areas_and_counts_in_mwh() -> None:
    assert DK3619.columns == ("TimeUTC", "DK36Code", "Consumption_MWh")
    assert (DK3619.area, DK3619.kwh_per_unit) == ("DK", 1000)


@pytest.mark.parametrize(
    "text",
    [
        "2023-01-31 23:00",
        "2023-01-31 23:00:00",
        "2023-01-31T23:00",
        "2023-01-31T23:59:59",
        "2023-01-31T23:00:00.000Z",
        "2023-02-01 00:00+01:00",
    ],
)
def test_each_published_form_of_a_time_is_read_as_its_utc_hour(text: str) -> None:
    hours = DE35.hours(pd.DataFrame({"HourUTC": [text]}, index=[7]))
    assert hours.to_dict() == {7: pd.Timestamp("2023-01-31 23:00")}
    assert hours.dtype == "datetime64[ns]"


def test_a_time_without_a_zone_is_utc_after_one_with_an_offset_too() -> None:
    times = ["2023-02-01 00:00+01:00", "2023-01-31 23:00", "2023-01-31T23:00:00"]
    hours = DE35.hours(pd.DataFrame({"HourUTC": times}))
    assert set(hours) == {pd.Timestamp("2023-01-31 23:00")}


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "9999-12-31 23:00",
        "1677-09-21 00:13",
        "2023-01-31",
        "31-01-2023 23:00",
        "2023-13-01 00:00",
    ],
)
def test_text_that_is_not_a_time_is_an_error_that_names_the_record(text: str | None) -> None:
    records = pd.DataFrame({"HourUTC": ["2023-01-31 23:00", text, "2023-01-31 23:00"]})
    with pytest.raises(SourceError, match=rf"record 2 of 3 has HourUTC = {text!r}"):
        DE35.hours(records)


def test_no_records_have_no_hours() -> None:
    hours = DE35.hours(pd.DataFrame(columns=list(DE35.columns), dtype=object))
    assert hours.empty
    assert hours.dtype == "datetime64[ns]"


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_names_are_names_of_valid_codes(profile: DatasetProfile) -> None:
    assert profile.area_names.keys() >= (profile.known_areas or set())
    assert profile.consumer_type_names.keys() <= (profile.known_consumer_types or set())
    for names in (profile.area_names, profile.consumer_type_names):
        assert len(set(names.values())) == len(names)
