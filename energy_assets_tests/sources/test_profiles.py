"""Profiles know the columns, codes and units of the published data sets, and read their times."""

from __future__ import annotations

import pandas as pd
import pytest

from energy_assets.errors import SettingsError, SourceError
from energy_assets.sources.profiles import DE35, DK3619, PROFILES, profile


@pytest.mark.parametrize("name", PROFILES)
def test_profile__known_name__is_found(name: str) -> None:
    assert profile(name).dataset == name


def test_profile__unknown_name__names_the_variable_and_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"ENERGY_DATASET: 'X' .*ConsumptionGridAreaHour"):
        profile("X")


def test_de35__has_76_series() -> None:
    assert DE35.known_areas is not None
    assert DE35.known_consumer_types is not None
    assert len(DE35.known_areas) * len(DE35.known_consumer_types) == 76


def test_dk3619__names_no_area_and_counts_in_mwh() -> None:
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
def test_hours__a_published_form_of_time__is_read_as_its_utc_hour(text: str) -> None:
    hours = DE35.hours(pd.DataFrame({"HourUTC": [text]}, index=[7]))
    assert hours.to_dict() == {7: pd.Timestamp("2023-01-31 23:00")}
    assert hours.dtype == "datetime64[ns]"


@pytest.mark.parametrize("text", [None, "", "2023-01-31", "31-01-2023 23:00", "2023-13-01 00:00"])
def test_hours__no_time__names_the_record_and_its_text(text: str | None) -> None:
    records = pd.DataFrame({"HourUTC": ["2023-01-31 23:00", text, "2023-01-31 23:00"]})
    with pytest.raises(SourceError, match=rf"record 2 of 3 has HourUTC = {text!r}"):
        DE35.hours(records)


def test_hours__no_records__gives_no_hours() -> None:
    hours = DE35.hours(pd.DataFrame(columns=list(DE35.columns), dtype=object))
    assert hours.empty
    assert hours.dtype == "datetime64[ns]"
