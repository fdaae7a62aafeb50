"""The tables that consumers of the batch-serving course read, in the course's layout.

They are indexed by (area, consumer_type, datetime_utc). The time is an hourly period, which Parquet
stores as hours since 1970. For the course's data set, areas and consumer types are its numbers; for
others, which it does not know, they are the codes.
"""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from energy_assets.partitions import HOUR
from energy_assets.schemas import (
    KNOWN_AT,
    MONITORING,
    PRIMARY_KEY,
    SERIES_KEY,
    TARGET,
    conform,
)
from energy_assets.sources.profiles import DatasetProfile
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import read_hours

MONITORED_HOURS = 168
"""The hours before the origin that the monitoring tables cover."""


def course_tables(
    objects: ObjectStore,
    version: pd.DataFrame,
    observations: pd.DataFrame,
    profile: DatasetProfile,
) -> dict[str, pd.DataFrame]:
    """The six tables by file name.

    `version` is the forecast, rows of `schemas.PREDICTIONS`; `observations` are what it was made
    from, see `observation_tables`. The monitoring tables come from the stored
    `monitoring_metrics`. They hold the newest forecast issued for each hour, and the mean
    percentage error of each hour.
    """
    scored = _newest_scored(objects, version["origin"].iloc[0].to_pydatetime())
    errors = scored.dropna(subset="ape").groupby("datetime_utc")[["ape"]].mean()
    errors.index = pd.DatetimeIndex(errors.index).to_period("h")
    observed, forecast = (
        _by_period(scored.rename(columns={name: TARGET}), profile)[[TARGET]]
        for name in ("actual", "forecast")
    )
    return {
        "predictions.parquet": _by_period(version, profile),
        **observation_tables(observations, profile),
        "y_monitoring.parquet": observed,
        "predictions_monitoring.parquet": forecast,
        "metrics_monitoring.parquet": errors.rename(columns={"ape": "MAPE"}),
    }


def observation_tables(
    observations: pd.DataFrame, profile: DatasetProfile
) -> dict[str, pd.DataFrame]:
    """The two tables of observations, or of some of them: rows of `CONSUMPTION_VERSIONS`."""
    history = _by_period(observations, profile)
    keys = {f"{name}_exog": history.index.get_level_values(name) for name in SERIES_KEY}
    return {
        "X.parquet": history[[]].assign(**keys),
        "y.parquet": history[[TARGET, KNOWN_AT]],
    }


def _by_period(rows: pd.DataFrame, profile: DatasetProfile) -> pd.DataFrame:
    hours = rows["datetime_utc"].dt.to_period("h")
    numbered = _numbered(rows.assign(datetime_utc=hours), profile)
    return numbered.set_index(list(PRIMARY_KEY)).sort_index()


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
