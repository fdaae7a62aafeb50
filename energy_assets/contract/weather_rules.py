"""The rules for the weather: what was published becomes rows, or is rejected with a reason."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd

from energy_assets.contract.rules import (
    ABSURD,
    CONTRADICTING,
    DUPLICATE,
    MISSING_VALUE,
    NOT_A_NUMBER,
    NOT_ON_THE_HOUR,
    UNKNOWN_AREA,
    UNREADABLE_TIME,
    first_reason,
    quarantine,
)
from energy_assets.partitions import key_of, split_by_hour
from energy_assets.schemas import WEATHER, WEATHER_VALUES
from energy_assets.sources.times import utc_times

FOLDER = "weather_quarantine"
"""Where the quarantined records are in the object store."""

UNREADABLE_ISSUE = "unreadable time of issue"
TOO_LATE = "issued after the hour it was asked for"
PASSED = "forecast of an hour that had passed"

LIMITS = {"temperature": (-60.0, 60.0), "wind_speed": (0.0, 100.0), "radiation": (0.0, 1500.0)}
"""Smallest and largest plausible values, in degrees C, m/s and W/m2."""


class ValidatedWeather(NamedTuple):
    """The weather of some hours after validation: each record is in one of the two."""

    rows: dict[str, pd.DataFrame]
    """The valid records of each partition: rows of `schemas.WEATHER`."""
    quarantine: pd.DataFrame
    """The others, with the reason: rows of `schemas.QUARANTINE`."""


def validate_weather(
    published: Mapping[datetime, pd.DataFrame], areas: Collection[str] | None
) -> ValidatedWeather:
    """Apply the rules to what a source published as known at some hours.

    `published` has the answer of `WeatherSource.fetch` for each hour; there is at least one.
    `areas` are the known ones; None: any that is not blank. A record needs a temperature; wind
    speed and radiation may be missing. If several records say the same of an hour, one stays; if
    they contradict each other, none does.
    """
    records = pd.concat([of_hour.astype("object") for of_hour in published.values()])
    records = records.reset_index(drop=True)
    lengths = [len(of_hour) for of_hour in published.values()]
    hours = pd.Series(np.repeat(np.array([*published], dtype="datetime64[ns]"), lengths))
    times, issued = utc_times(records["datetime_utc"]), utc_times(records["issued_at"])
    values = {name: _without_space(records[name]) for name in WEATHER_VALUES}
    rows = pd.DataFrame(
        {
            "area": records["area"],
            "datetime_utc": times,
            **{name: pd.to_numeric(text, errors="coerce") for name, text in values.items()},
            # An observation counts as known from its own hour on, unless its source says otherwise.
            "issued_at": issued.fillna(times),
            "horizon": ((times - hours).dt.total_seconds() // 3600).clip(lower=0).fillna(0),
        }
    )
    reason = first_reason(
        {
            UNREADABLE_TIME: times.isna(),
            UNREADABLE_ISSUE: issued.isna() & records["issued_at"].notna(),
            UNKNOWN_AREA: ~_is_known(records["area"], areas),
            NOT_ON_THE_HOUR: times != times.dt.floor("h"),
            TOO_LATE: rows["issued_at"] > hours,
            PASSED: (times <= hours) & (rows["issued_at"] < times),
            NOT_A_NUMBER: _any(text.notna() & rows[name].isna() for name, text in values.items()),
            MISSING_VALUE: rows["temperature"].isna(),
            ABSURD: _any(
                (rows[name] < least) | (rows[name] > most) for name, (least, most) in LIMITS.items()
            ),
        },
        records.index,
    )
    _reject_repeated(rows.assign(hour=hours), reason)
    valid = rows[reason.isna()].astype(WEATHER.dtypes)
    valid = valid.sort_values(list(WEATHER.key), kind="stable")
    return ValidatedWeather(
        split_by_hour(valid, hours[valid.index], [*map(key_of, published)]),
        quarantine(records, hours, reason),
    )


def _reject_repeated(rows: pd.DataFrame, reason: pd.Series) -> None:
    """Set the reasons of valid rows that say the same of an hour, or contradict each other."""
    key = ["hour", *WEATHER.key]
    valid = rows[reason.isna()]
    repeated = valid[valid.duplicated(key, keep=False)]
    different = repeated.groupby(key)[list(WEATHER_VALUES)].transform("nunique", dropna=False) > 1
    reason[repeated.index[repeated.duplicated(key)]] = DUPLICATE
    reason[repeated.index[different.any(axis=1)]] = CONTRADICTING


def _is_known(area: pd.Series, areas: Collection[str] | None) -> pd.Series:
    if areas is None:
        return area.map(lambda name: isinstance(name, str) and bool(name.strip())).astype(bool)
    return area.isin(list(areas))


def _without_space(values: pd.Series) -> pd.Series:
    """The values with None where there is none, and text without space around it."""
    is_text = values.map(lambda value: isinstance(value, str))
    values = values.mask(is_text, values[is_text].str.strip().replace("", None))
    return values.mask(values.isna(), other=None)


def _any(conditions: Iterable[pd.Series]) -> pd.Series:
    return pd.concat(list(conditions), axis=1).any(axis=1)
