"""The rules: they turn published records into clean rows in kWh, and reject the rest with a reason.

All rules about what a record of consumption may hold are here; those for the weather are in
`weather_rules`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from energy_assets.schemas import CONSUMPTION, PRIMARY_KEY, QUARANTINE, TARGET, conform
from energy_assets.sources.profiles import DatasetProfile
from energy_assets.sources.times import utc_times

UNREADABLE_TIME = "unreadable time"
OTHER_HOUR = "another hour than requested"
UNKNOWN_AREA = "unknown area"
UNKNOWN_CONSUMER_TYPE = "unknown consumer type"
NOT_ON_THE_HOUR = "time not on the full hour"
MISSING_VALUE = "missing value"
NOT_A_NUMBER = "value not a number"
NEGATIVE = "negative value"
ABSURD = "absurd value"
CONTRADICTING = "contradicting duplicate"
DUPLICATE = "duplicate"

_NUMBER = r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?|[+-]?[iI]nf(inity)?"


@dataclass(frozen=True)
class ValidatedRecords:
    """Records after validation: each one is either in `rows` or in `quarantine`."""

    rows: pd.DataFrame
    """The valid records: columns and dtypes of schemas.CONSUMPTION, one row for each PRIMARY_KEY,
    sorted by it."""
    quarantine: pd.DataFrame
    """The invalid records: columns and dtypes of schemas.QUARANTINE, sorted by hour and record."""
    published: int
    """The number of records."""
    reasons: pd.Series
    """Why each record is in quarantine, with the index of the records; None if it is valid."""


def validate_records(
    records: pd.DataFrame, profile: DatasetProfile, requested: pd.Series | None = None
) -> ValidatedRecords:
    """Apply the contract to records as published (text or None), and convert valid ones to kWh.

    A record that breaks several rules is quarantined with the first reason in the order above. If a
    key is repeated with equal values, one record stays valid; if the values differ, none does.
    `requested` is the hour for which each record was fetched; by default, its own hour.
    """
    records = records.astype(object)
    records = records.mask(records.isna(), other=None)
    times = utc_times(records[profile.time_column])
    hours = times.dt.floor("h")
    requested = hours if requested is None else requested
    published_value = pc.utf8_trim_whitespace(
        pa.array(records[profile.value_column], pa.large_string())
    )
    area = pd.Series(profile.area, index=records.index, dtype="object")
    if profile.area_column is not None:
        area = records[profile.area_column]
    rows = pd.DataFrame(
        {
            "area": area,
            "consumer_type": records[profile.consumer_type_column],
            "datetime_utc": hours,
            TARGET: _numbers(published_value, records.index) * profile.kwh_per_unit,
        }
    )
    value = rows[TARGET]
    is_missing = pc.equal(pc.fill_null(published_value, ""), "")
    reason = first_reason(
        {
            UNREADABLE_TIME: times.isna(),
            OTHER_HOUR: hours != requested,
            UNKNOWN_AREA: ~_is_known(rows["area"], profile.known_areas),
            UNKNOWN_CONSUMER_TYPE: ~_is_known(rows["consumer_type"], profile.known_consumer_types),
            NOT_ON_THE_HOUR: times != hours,
            MISSING_VALUE: pd.Series(is_missing.to_numpy(zero_copy_only=False), records.index),
            NOT_A_NUMBER: value.isna(),
            NEGATIVE: value < 0,
            ABSURD: value > profile.plausible_maximum,
        },
        records.index,
    )
    valid = rows[reason.isna()]
    repeated = valid[valid.duplicated([*PRIMARY_KEY], keep=False)]
    contradicting = repeated.groupby([*PRIMARY_KEY])[TARGET].transform("nunique") > 1
    reason[repeated.index[repeated.duplicated([*PRIMARY_KEY])]] = DUPLICATE
    reason[repeated.index[contradicting]] = CONTRADICTING

    return ValidatedRecords(
        rows=conform(rows[reason.isna()], CONSUMPTION),
        quarantine=quarantine(records, requested, reason),
        published=len(records),
        reasons=reason,
    )


def quarantine(records: pd.DataFrame, hours: pd.Series, reasons: pd.Series) -> pd.DataFrame:
    """The records that have a reason, as rows of `schemas.QUARANTINE`, by the `hours` given.

    Values that are not text or numbers, such as times, become text.
    """
    invalid = reasons.notna()
    records = records[invalid].astype(object)
    rows = {
        "hour": hours[invalid],
        "reason": reasons[invalid],
        "record": [
            json.dumps(record, ensure_ascii=False, default=str)
            for record in records.mask(records.isna(), other=None).to_dict(orient="records")
        ],
    }
    return conform(pd.DataFrame(rows), QUARANTINE)


def first_reason(rules: dict[str, pd.Series], index: pd.Index) -> pd.Series:
    """The first rule that each record breaks; None if it breaks no rule."""
    reason = pd.Series(None, index=index, dtype="object")
    for name, broken in reversed(rules.items()):
        reason[broken] = name
    return reason


def mostly_invalid_hours(validated: ValidatedRecords) -> list[datetime]:
    """The hours in which more than half of the records are in quarantine, oldest first.

    Exact repeats do not count: publishing a record three times is no worse than once. Nor do
    records of other hours, which say nothing about this one.
    """
    uncounted = (DUPLICATE, OTHER_HOUR)
    faults = validated.quarantine[~validated.quarantine["reason"].isin(uncounted)]
    invalid = faults.groupby("hour").size()
    valid = validated.rows.groupby("datetime_utc").size().reindex(invalid.index, fill_value=0)
    return list(pd.DatetimeIndex(invalid.index[invalid > valid]).to_pydatetime())


def reason_to_reject(validated: ValidatedRecords) -> str | None:
    """Why the records are rejected: the mostly invalid hours and the most common reasons.

    None if no hour is mostly invalid.
    """
    hours = mostly_invalid_hours(validated)
    if not hours:
        return None
    faults = validated.quarantine[validated.quarantine["hour"].isin(hours)]
    reasons = ", ".join(
        f"{reason} ({count})" for reason, count in faults["reason"].value_counts().head(3).items()
    )
    named = ", ".join(f"{hour:%Y-%m-%d %H:%M}" for hour in hours[:5])
    more = f" and {len(hours) - 5} more" if len(hours) > 5 else ""
    return (
        f"more than half of the records break the contract in {len(hours)} hour(s), "
        f"{named}{more} UTC: {reasons}. None of these hours is written to the feature group. Look "
        "at the raw records of these hours and at ENERGY_DATASET, correct the source, and run the "
        "hours again."
    )


def _is_known(codes: pd.Series, known: frozenset[str] | None) -> pd.Series:
    """Which codes are in the set; without a set, which codes are not blank."""
    if known is None:
        # Each code occurs in every hour, so that looking at each once is many times as fast.
        known = frozenset(code for code in codes.unique() if code is not None and code.strip())
    return codes.isin(known)


def _numbers(text: pa.Array, index: pd.Index) -> pd.Series:
    """Numbers with a decimal point or comma as float64; NaN where the text is not one.

    Text with both, or with thousands separators, is not a number: its value would be a guess.
    `text` is without space around it.
    """
    plain = pc.if_else(pc.match_substring_regex(text, f"^({_NUMBER})$"), text, None)
    numbers = pc.replace_substring(plain, ",", ".").to_numpy(zero_copy_only=False)
    return pd.Series(numbers, index).astype("float64")
