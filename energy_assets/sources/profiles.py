"""Dataset profiles: how a published data set names its columns, areas, types and units.

What belongs here is knowledge of a data set's shape. How records are fetched stands in the sources,
what makes a record good or bad in `quality`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from energy_assets.errors import SettingsError, SourceError

if TYPE_CHECKING:
    import pandas as pd

PLAUSIBLE_MAXIMUM = 10_000_000.0
"""kWh that no series can use in an hour: all of Denmark has never used more than about 7 GWh."""


@dataclass(frozen=True)
class DatasetProfile:
    """A data set of hourly consumption: its columns, unit and known codes."""

    dataset: str
    description: str
    time_column: str
    consumer_type_column: str
    value_column: str
    area_column: str | None = None
    """None: the records name no area, all are of `area`."""
    area: str = "DK"
    kwh_per_unit: int = 1
    country: str | None = "DK"
    """ISO 3166 code of the country whose public holidays count; None: no holidays."""
    timezone: str = "Europe/Copenhagen"
    """IANA name of the time zone that people live by."""
    known_areas: frozenset[str] | None = None
    """The closed set of areas; None: any text that is not empty."""
    known_consumer_types: frozenset[str] | None = None
    """The closed set of consumer types; None: any text that is not empty."""
    plausible_maximum: float = PLAUSIBLE_MAXIMUM
    """A larger value, in kWh, is a fault."""

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The columns that together name a record: time, area (if the data set has one), type."""
        areas = () if self.area_column is None else (self.area_column,)
        return (self.time_column, *areas, self.consumer_type_column)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that every record must have; a source may publish more."""
        return (*self.key_columns, self.value_column)

    def hours(self, records: pd.DataFrame) -> pd.Series:
        """The UTC hour (`datetime64[ns]`) in which each record lies, with the records' index.

        Raises SourceError naming the first record whose time cannot be read.
        """
        hours: pd.Series = self.times(records).dt.floor("h")
        return hours

    def times(self, records: pd.DataFrame) -> pd.Series:
        """The UTC time (`datetime64[ns]`) of each record as published, with the records' index.

        Raises SourceError naming the first record whose time cannot be read.
        """
        from energy_assets.sources.times import utc_times

        times = utc_times(records[self.time_column])
        unread = times.isna().to_numpy()
        if unread.any():
            first = int(unread.argmax())
            raise SourceError(
                f"{self.dataset}: record {first + 1} of {len(records)} has "
                f"{self.time_column} = {records[self.time_column].iloc[first]!r}, which is no time "
                "such as 2023-01-31 23:00. The source has published something else than it used "
                "to; look at the raw records of these hours."
            )
        return times


_DE35_CONSUMER_TYPES = (
    "111 112 119 121 122 123 130 211 212 215 220 310 320 330 340 350 360 370 381 382 390 410 "
    "421 422 431 432 433 441 442 443 444 445 446 447 450 461 462 999"
)

DE35 = DatasetProfile(
    dataset="ConsumptionDE35Hour",
    description="Consumption by price area and industry code DE35; ended in June 2023",
    time_column="HourUTC",
    area_column="PriceArea",
    consumer_type_column="ConsumerType_DE35",
    value_column="TotalCon",
    known_areas=frozenset({"DK1", "DK2"}),
    known_consumer_types=frozenset(_DE35_CONSUMER_TYPES.split()),
)
CONSUMER_CATEGORY = DatasetProfile(
    dataset="ConsumptionConsumerCategoryHour",
    description="Consumption by region and private, business or public consumer; live",
    time_column="TimeUTC",
    area_column="RegionName",
    consumer_type_column="ConsumerCategory3",
    value_column="ConsumptionkWh",
)
DK3619 = DatasetProfile(
    dataset="ConsumptionDK3619IndustryHour",
    description="Consumption of all Denmark by industry code DK36/19; live",
    time_column="TimeUTC",
    consumer_type_column="DK36Code",
    value_column="Consumption_MWh",
    kwh_per_unit=1000,
)
GRID_AREA = DatasetProfile(
    dataset="ConsumptionGridAreaHour",
    description="Consumption by price area and grid area; live",
    time_column="TimeUTC",
    area_column="PriceArea",
    consumer_type_column="GridArea",
    value_column="ConsumptionkWh",
)

PROFILES = {profile.dataset: profile for profile in (DE35, CONSUMER_CATEGORY, DK3619, GRID_AREA)}


def profile(dataset: str) -> DatasetProfile:
    """The profile of a data set; raises SettingsError naming the known ones."""
    try:
        return PROFILES[dataset]
    except KeyError:
        raise SettingsError(
            f"ENERGY_DATASET: {dataset!r} is not known; choose one of {', '.join(PROFILES)}"
        ) from None
