"""The tables: their columns, types, units and keys. What a value may be stands in `quality`.

Times are UTC hours without a time zone (`datetime64[ns]` in pandas, `timestamp[us]` in Parquet),
areas and consumer types the source's own codes as text, energies kWh in an hour as float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SERIES_KEY = ("area", "consumer_type")
"""The columns that name a series."""

PRIMARY_KEY = (*SERIES_KEY, "datetime_utc")
"""The primary key of the consumption table."""

TARGET = "energy_consumption"


@dataclass(frozen=True)
class Column:
    """A column: its name, pandas dtype, and what it means."""

    name: str
    dtype: str
    description: str


@dataclass(frozen=True)
class Table:
    """A table: its name, what a row is, its columns in order, and the columns that name a row."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def dtypes(self) -> dict[str, str]:
        """Column name -> pandas dtype, in the table's order."""
        return {column.name: column.dtype for column in self.columns}


_AREA = Column("area", "str", "The source's code of the area, as DK1")
_CONSUMER_TYPE = Column("consumer_type", "str", "The source's code of the consumer type, as 121")
_HOUR = Column("datetime_utc", "datetime64[ns]", "Start of the hour, UTC")

CONSUMPTION = Table(
    name="energy_consumption_denmark",
    description="The electricity that a consumer type used in an area in an hour",
    columns=(
        _AREA,
        _CONSUMER_TYPE,
        _HOUR,
        Column(TARGET, "float64", "Consumption in the hour, kWh"),
    ),
    key=PRIMARY_KEY,
)

QUARANTINE = Table(
    name="quarantine",
    description="A record that breaks the contract, as published, with the reason",
    columns=(
        Column("hour", "datetime64[ns]", "The hour that the record was published for, UTC"),
        Column("reason", "str", "Which rule the record breaks"),
        Column("record", "str", "The record as published, JSON"),
    ),
    key=("hour", "record"),
)

PREDICTIONS = Table(
    name="predictions",
    description="The forecast made at an origin for one series and one hour after it",
    columns=(
        _AREA,
        _CONSUMER_TYPE,
        Column("datetime_utc", "datetime64[ns]", "Start of the hour forecast, UTC"),
        Column(TARGET, "float64", "Point forecast of the consumption, kWh"),
        Column("lower", "float64", "Lower end of the 80 % interval, kWh"),
        Column("upper", "float64", "Upper end of the 80 % interval, kWh"),
        Column("horizon", "int64", "Hours from the origin to the hour forecast, 1 to 24"),
        Column("origin", "datetime64[ns]", "The last hour known to the forecast, UTC"),
        Column("model_version", "str", "Version of the model, or the name of the baseline"),
        Column("quality", "str", "model, previous_model or baseline"),
    ),
    key=(*PRIMARY_KEY, "origin"),
)

MONITORING = Table(
    name="monitoring_metrics",
    description="An observation against one of the forecasts made for it in the 24 hours before",
    columns=(
        _AREA,
        _CONSUMER_TYPE,
        Column("datetime_utc", "datetime64[ns]", "Start of the hour observed and forecast, UTC"),
        Column("horizon", "int64", "Hours from the origin to the hour forecast, 1 to 24"),
        Column("origin", "datetime64[ns]", "The last hour known to the forecast, UTC"),
        Column("actual", "float64", "Observed consumption, kWh"),
        Column("forecast", "float64", "Point forecast, kWh"),
        Column("error", "float64", "forecast - actual, kWh"),
        Column("absolute_error", "float64", "|error|, kWh"),
        Column("ape", "float64", "|error| / actual; missing where actual is 0"),
        Column("covered", "bool", "Whether the 80 % interval held the observation"),
        Column("model_version", "str", "Version of the model, or the name of the baseline"),
        Column("quality", "str", "model, previous_model or baseline"),
    ),
    key=(*PRIMARY_KEY, "origin"),
)


def as_panel(rows: pd.DataFrame) -> pd.DataFrame:
    """Consumption rows as an hourly panel: indexed by `PRIMARY_KEY`, one column, sorted."""
    return rows.set_index(list(PRIMARY_KEY))[[TARGET]].sort_index()


def conform(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The table's columns of a frame, in its order and types, sorted by its key."""
    columns = frame[list(table.dtypes)].astype(table.dtypes)
    return columns.sort_values(list(table.key), ignore_index=True)
