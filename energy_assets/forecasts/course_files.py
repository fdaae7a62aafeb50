"""The tables that consumers of the batch-serving course read, in the course's layout.

They are indexed by (area, consumer_type, datetime_utc). The time is an hourly period, which Parquet
stores as hours since 1970. For the course's data set, areas and consumer types are its numbers; for
others, which it does not know, they are the codes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pandas as pd

from energy_assets.partitions import HOUR
from energy_assets.schemas import KNOWN_AT, MONITORING, PRIMARY_KEY, TARGET, conform
from energy_assets.sources.profiles import DatasetProfile
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import Parts, read_hours

MONITORED_HOURS = 168
"""The hours before the origin that the monitoring tables cover."""


def course_tables(
    objects: ObjectStore,
    version: pd.DataFrame,
    observations: pd.DataFrame | Parts,
    profile: DatasetProfile,
) -> dict[str, pd.DataFrame | Parts]:
    """The six tables by file name.

    `version` is the forecast, rows of `schemas.PREDICTIONS`; `observations` are what it was made
    from, rows of `schemas.CONSUMPTION_VERSIONS`. If they come in parts, so do their tables. The
    monitoring tables come from the stored `monitoring_metrics`. They hold the newest forecast
    issued for each hour, and the mean percentage error of each hour.
    """

    def by_period(rows: pd.DataFrame) -> pd.DataFrame:
        hours = rows["datetime_utc"].dt.to_period("h")
        numbered = _numbered(rows.assign(datetime_utc=hours), profile)
        return numbered.set_index(list(PRIMARY_KEY)).sort_index()

    def of_observations(cut: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame | Parts:
        if isinstance(observations, pd.DataFrame):
            return cut(by_period(observations))
        return lambda: (cut(by_period(part)) for part in observations())

    scored = _newest_scored(objects, version["origin"].iloc[0].to_pydatetime())
    errors = scored.dropna(subset="ape").groupby("datetime_utc")[["ape"]].mean()
    errors.index = pd.DatetimeIndex(errors.index).to_period("h")
    return {
        "predictions.parquet": by_period(version),
        "X.parquet": of_observations(_keys_as_columns),
        "y.parquet": of_observations(lambda history: history[[TARGET, KNOWN_AT]]),
        "y_monitoring.parquet": by_period(scored.rename(columns={"actual": TARGET}))[[TARGET]],
        "predictions_monitoring.parquet": by_period(scored.rename(columns={"forecast": TARGET}))[
            [TARGET]
        ],
        "metrics_monitoring.parquet": errors.rename(columns={"ape": "MAPE"}),
    }


def _keys_as_columns(history: pd.DataFrame) -> pd.DataFrame:
    return history[[]].assign(
        area_exog=history.index.get_level_values("area"),
        consumer_type_exog=history.index.get_level_values("consumer_type"),
    )


def _newest_scored(objects: ObjectStore, origin: datetime) -> pd.DataFrame:
    """For each observation of the monitored hours, the newest of the forecasts made for it."""
    hours = (origin - back * HOUR for back in range(MONITORED_HOURS))
    rows = read_hours(objects, MONITORING.name, hours)
    scored = conform(rows.reindex(columns=list(MONITORING.dtypes)), MONITORING)
    return scored.sort_values("horizon").drop_duplicates(list(PRIMARY_KEY))


def _numbered(rows: pd.DataFrame, profile: DatasetProfile) -> pd.DataFrame:
    """The rows with the course's numbers as area and consumer type, if the data set has them."""
    if profile.area_numbers is None:
        return rows
    return rows.assign(
        area=rows["area"].map(profile.area_numbers).astype("int64"),
        consumer_type=rows["consumer_type"].astype("int32"),
    )
