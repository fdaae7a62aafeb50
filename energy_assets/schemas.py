"""The tables: their columns, types, units and keys. Which values are valid is in `contract.rules`.

Times are UTC hours without a time zone, areas and consumer types are the source's codes as text,
energies are in kWh.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

SERIES_KEY = ("area", "consumer_type")
"""The columns that name a series."""

PRIMARY_KEY = (*SERIES_KEY, "datetime_utc")
"""The columns that name a consumption row."""

TARGET = "energy_consumption"

KNOWN_AT = "known_at"
"""The time from which a version of a row was known."""

QUANTILES: Mapping[float, str] = {
    0.01: "q01",
    0.05: "q05",
    0.1: "lower",
    0.25: "q25",
    0.5: "q50",
    0.75: "q75",
    0.9: "upper",
    0.95: "q95",
    0.99: "q99",
}
"""The quantiles of a forecast: probability -> column, in ascending order."""


@dataclass(frozen=True)
class ColumnType:
    """A type, as each system names it."""

    pandas: str
    arrow: pa.DataType
    """In Parquet and Delta Lake."""
    hopsworks: str
    ui: str
    """In Dagster's UI."""


TEXT = ColumnType("str", pa.string(), "string", "string")
TIMESTAMP = ColumnType("datetime64[ns]", pa.timestamp("us"), "timestamp", "timestamp")
FLOAT = ColumnType("float64", pa.float64(), "double", "float64")
INTEGER = ColumnType("int64", pa.int64(), "bigint", "int64")
BOOLEAN = ColumnType("bool", pa.bool_(), "boolean", "bool")


@dataclass(frozen=True)
class Column:
    """A column: its name, its type, and what it means."""

    name: str
    type: ColumnType
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
        return {column.name: column.type.pandas for column in self.columns}

    @property
    def arrow_schema(self) -> pa.Schema:
        """The columns as Arrow fields; none of them takes nulls."""
        return pa.schema(
            [pa.field(column.name, column.type.arrow, nullable=False) for column in self.columns]
        )


_AREA = Column("area", TEXT, "The source's code for the area, such as DK1")
_CONSUMER_TYPE = Column(
    "consumer_type", TEXT, "The source's code for the consumer type, such as 121"
)
_HOUR = Column("datetime_utc", TIMESTAMP, "Start of the hour, UTC")

CONSUMPTION = Table(
    name="energy_consumption_denmark",
    description="The electricity that a consumer type used in an area in an hour",
    columns=(_AREA, _CONSUMER_TYPE, _HOUR, Column(TARGET, FLOAT, "Consumption in the hour, kWh")),
    key=PRIMARY_KEY,
)
"""What a reader of the feature store gets: one row for each series and hour."""

CONSUMPTION_VERSIONS = Table(
    name=CONSUMPTION.name,
    description="A version of a consumption row, which holds until there is a later one",
    columns=(
        _AREA,
        _CONSUMER_TYPE,
        _HOUR,
        Column(TARGET, FLOAT, "Consumption in the hour, kWh; NaN closes the row"),
        Column(KNOWN_AT, TIMESTAMP, "When this version was first known, UTC"),
    ),
    key=(*PRIMARY_KEY, KNOWN_AT),
)
"""What the feature store keeps: every version of every row, however often it was corrected.

A version without a value (NaN) closes its row: from its `known_at` on there is no such row, until
a later version has a value. NaN and not null, because tables of earlier releases take no nulls.
"""

QUARANTINE = Table(
    name="quarantine",
    description="A record that breaks the contract, as published, with the reason",
    columns=(
        Column("hour", TIMESTAMP, "The hour that the record was published for, UTC"),
        Column("reason", TEXT, "Which rule the record breaks"),
        Column("record", TEXT, "The record as published, JSON"),
    ),
    key=("hour", "record"),
)

FORECASTS = Table(
    name="forecasts",
    description="The forecast from an origin for one series and one hour after it",
    columns=(
        _AREA,
        _CONSUMER_TYPE,
        Column("datetime_utc", TIMESTAMP, "Start of the hour forecast, UTC"),
        Column(TARGET, FLOAT, "Point forecast of the consumption, kWh"),
        Column("lower", FLOAT, "Lower end of the 80 % interval, kWh"),
        Column("upper", FLOAT, "Upper end of the 80 % interval, kWh"),
        Column("horizon", INTEGER, "Hours from the origin to the hour forecast, 1 to 24"),
        Column("origin", TIMESTAMP, "The last hour known to the forecast, UTC"),
        Column("model_version", TEXT, "Version of the model, or the name of the baseline"),
        Column("quality", TEXT, "What it had to do without: see `forecasts.quality`"),
        *(
            Column(name, FLOAT, f"{100 * probability:.0f} % quantile of the consumption, kWh")
            for probability, name in QUANTILES.items()
            if name not in ("lower", "upper")
        ),
        Column(
            "weather_effect",
            FLOAT,
            "How much of the point forecast is due to weather unlike the past week's, kWh; missing "
            "where the weather was not used",
        ),
    ),
    key=(*PRIMARY_KEY, "origin"),
)
"""`lower` and `upper` are its 10 % and 90 % quantiles. Forecasts of earlier releases lack
some columns: these are NaN.
"""

PREDICTIONS = Table(
    name="predictions",
    description="A version of a forecast: an origin may be forecast more than once",
    columns=(*FORECASTS.columns, Column("made_at", TIMESTAMP, "When it was made, UTC")),
    key=(*FORECASTS.key, "made_at"),
)

MONITORING = Table(
    name="monitoring_metrics",
    description="An observation against one of the forecasts made for it in the 24 hours before",
    columns=(
        _AREA,
        _CONSUMER_TYPE,
        Column("datetime_utc", TIMESTAMP, "Start of the hour observed and forecast, UTC"),
        Column("horizon", INTEGER, "Hours from the origin to the hour forecast, 1 to 24"),
        Column("origin", TIMESTAMP, "The last hour known to the forecast, UTC"),
        Column("actual", FLOAT, "Observed consumption, kWh"),
        Column("forecast", FLOAT, "Point forecast, kWh"),
        Column("error", FLOAT, "forecast - actual, kWh"),
        Column("absolute_error", FLOAT, "|error|, kWh"),
        Column("ape", FLOAT, "|error| / actual; missing where actual is 0"),
        Column("covered", BOOLEAN, "Whether the 80 % interval held the observation"),
        Column("pinball", FLOAT, "Mean pinball loss of the quantiles, kWh; missing without them"),
        Column("above_q95", FLOAT, "1 above the 95 % quantile, else 0; missing without it"),
        Column("above_q99", FLOAT, "1 above the 99 % quantile, else 0; missing without it"),
        Column("model_version", TEXT, "Version of the model, or the name of the baseline"),
        Column("quality", TEXT, "What it had to do without: see `forecasts.quality`"),
    ),
    key=(*PRIMARY_KEY, "origin"),
)
"""Scores of earlier releases lack `pinball`, `above_q95` and `above_q99`; so do those of forecasts
without quantiles.
"""

WEATHER = Table(
    name="weather",
    description="The weather of an area in an hour, as it was observed or forecast",
    columns=(
        _AREA,
        _HOUR,
        Column("temperature", FLOAT, "Air temperature, degrees C"),
        Column("wind_speed", FLOAT, "Wind speed, m/s; may be missing"),
        Column("radiation", FLOAT, "Solar radiation on a horizontal plane, W/m2; may be missing"),
        Column("issued_at", TIMESTAMP, "When this was first known, UTC"),
        Column("horizon", INTEGER, "0: observed; else hours from the partition's hour to this one"),
    ),
    key=("area", "datetime_utc", "issued_at"),
)
"""What was observed counts as known from its own hour on, as consumption does, unless it came later
or was corrected."""

WEATHER_VALUES = ("temperature", "wind_speed", "radiation")


def first_versions(rows: pd.DataFrame) -> pd.DataFrame:
    """Consumption rows as versions known from their own hour on, as a bulk load counts."""
    return rows.assign(**{KNOWN_AT: rows["datetime_utc"]})


def of_the_same_series(rows: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """The rows whose series is one of those of the others; all of them if there are no others."""
    return rows.merge(others[list(SERIES_KEY)].drop_duplicates()) if len(others) else rows


def as_panel(rows: pd.DataFrame) -> pd.DataFrame:
    """Consumption rows as an hourly panel: indexed by `PRIMARY_KEY`, one column, sorted."""
    return rows.set_index(list(PRIMARY_KEY))[[TARGET]].sort_index()


def panel_of(read: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """The consumption rows that `read` gives, as a panel."""
    return as_panel(read())


def conform(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The table's columns of a frame, in its order and types, sorted by its key."""
    columns = frame[list(table.dtypes)].astype(table.dtypes)
    return columns.sort_values(list(table.key), ignore_index=True)
