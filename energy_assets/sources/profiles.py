"""Data set profiles: the columns, unit, codes and country of a published data set.

A data set of another country is one more profile here. How records are fetched belongs in the
sources, and what makes a record invalid in `contract`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from energy_assets.errors import SettingsError, SourceError
from energy_assets.sources.times import utc_times


@dataclass(frozen=True)
class DatasetProfile:
    """A data set of hourly consumption: its columns, unit, known codes and country."""

    dataset: str
    description: str
    country: str | None
    """ISO 3166 code of the country whose public holidays count; None: no holidays."""
    timezone: str
    """IANA name of the local time zone."""
    plausible_maximum: float
    """No series can use more than this in an hour, in kWh: a larger value is an error."""
    time_column: str
    consumer_type_column: str
    value_column: str
    kwh_per_unit: int = 1
    area_column: str | None = None
    """None: the records name no area, and all of them belong to `area`."""
    area: str | None = None
    """The area of every record; None: the records name their areas in `area_column`."""
    known_areas: frozenset[str] | None = None
    """All valid areas; None: any text that is not blank."""
    known_consumer_types: frozenset[str] | None = None
    """All valid consumer types; None: any text that is not blank."""
    area_numbers: Mapping[str, int] | None = field(default=None, hash=False)
    """The batch-serving course's numbers for the areas, if consumer types are numbers as well."""
    area_names: Mapping[str, str] = field(default_factory=dict, hash=False)
    """English names of areas, by code. A code without one is shown as it is."""
    consumer_type_names: Mapping[str, str] = field(default_factory=dict, hash=False)
    """English names of consumer types, by code."""

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The columns that identify a record: time, area (if there is such a column), type."""
        areas = () if self.area_column is None else (self.area_column,)
        return (self.time_column, *areas, self.consumer_type_column)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that every record must have; a source may publish more."""
        return (*self.key_columns, self.value_column)

    def hours(self, records: pd.DataFrame) -> pd.Series:
        """The UTC hour of each record (`datetime64[ns]`), with the index of the records.

        Raises SourceError naming the first record whose time cannot be read.
        """
        return self.times(records).dt.floor("h")

    def times(self, records: pd.DataFrame) -> pd.Series:
        """The UTC time of each record (`datetime64[ns]`), with the index of the records.

        Raises SourceError naming the first record whose time cannot be read.
        """
        times = utc_times(records[self.time_column])
        unreadable = times.isna().to_numpy()
        if unreadable.any():
            first = int(unreadable.argmax())
            raise SourceError(
                f"{self.dataset}: record {first + 1} of {len(records)} has "
                f"{self.time_column} = {records[self.time_column].iloc[first]!r}, which is not a "
                "time such as 2023-01-31 23:00. The source has changed its format. Look at the "
                "records that it publishes for these hours."
            )
        return times


_danish = partial(
    DatasetProfile,
    country="DK",
    timezone="Europe/Copenhagen",
    # All of Denmark has never used more than about 7 GWh in an hour.
    plausible_maximum=10_000_000.0,
)

_PRICE_AREAS = {"DK": "Denmark", "DK1": "West Denmark", "DK2": "East Denmark"}

_DE35_CONSUMER_TYPES = (
    "111 112 119 121 122 123 130 211 212 215 220 310 320 330 340 350 360 370 381 382 390 410 "
    "421 422 431 432 433 441 442 443 444 445 446 447 450 461 462 999"
)
# After the Danish terms in Energi Data Service's Industrycodes_DE35, which is no longer published.
# Copies of it name only these codes.
_DE35_NAMES = {
    "111": "Flats without electric heating",
    "112": "Flats with electric heating",
    "119": "Flats, shared consumption",
    "121": "Houses without electric heating",
    "122": "Houses with electric heating",
    "123": "Houses with heat pump",
}

DE35 = _danish(
    dataset="ConsumptionDE35Hour",
    description="Consumption by price area and industry code DE35; ended in June 2023",
    time_column="HourUTC",
    consumer_type_column="ConsumerType_DE35",
    value_column="TotalCon",
    area_column="PriceArea",
    known_areas=frozenset({"DK1", "DK2"}),
    known_consumer_types=frozenset(_DE35_CONSUMER_TYPES.split()),
    area_numbers={"DK": 0, "DK1": 1, "DK2": 2},
    area_names=_PRICE_AREAS,
    consumer_type_names=_DE35_NAMES,
)
CONSUMER_CATEGORY = _danish(
    dataset="ConsumptionConsumerCategoryHour",
    description="Consumption by region and private, business or public consumer; live",
    time_column="TimeUTC",
    consumer_type_column="ConsumerCategory3",
    value_column="ConsumptionkWh",
    area_column="RegionName",
)
DK3619 = _danish(
    dataset="ConsumptionDK3619IndustryHour",
    description="Consumption of all Denmark by industry code DK36/19; live",
    time_column="TimeUTC",
    consumer_type_column="DK36Code",
    value_column="Consumption_MWh",
    kwh_per_unit=1000,
    area="DK",
    area_names=_PRICE_AREAS,
)
GRID_AREA = _danish(
    dataset="ConsumptionGridAreaHour",
    description="Consumption by price area and grid area; live",
    time_column="TimeUTC",
    consumer_type_column="GridArea",
    value_column="ConsumptionkWh",
    area_column="PriceArea",
    area_names=_PRICE_AREAS,
)

PROFILES = {profile.dataset: profile for profile in (DE35, CONSUMER_CATEGORY, DK3619, GRID_AREA)}
"""The profiles by their names in ENERGY_DATASET. A new data set is one more profile."""


def find_profile(dataset: str) -> DatasetProfile:
    """The profile of a data set; raises SettingsError listing the known ones."""
    try:
        return PROFILES[dataset]
    except KeyError:
        raise SettingsError(
            f"ENERGY_DATASET is {dataset!r}, which is not a known data set. Choose one of "
            f"{', '.join(PROFILES)}."
        ) from None
