"""The data contract: published records -> clean rows, and a quarantine with a reason for the rest.

Every rule about what a record may hold stands here, and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from energy_assets.errors import ContractError
from energy_assets.schemas import CONSUMPTION, PRIMARY_KEY, QUARANTINE, SERIES_KEY, TARGET, conform

if TYPE_CHECKING:
    from energy_assets.sources import DatasetProfile

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
class Cleaned:
    """Records judged: each of the `published` records is in exactly one of rows and quarantine."""

    rows: pd.DataFrame
    """The good ones: rows of schemas.CONSUMPTION, sorted by PRIMARY_KEY and unique by it."""
    quarantine: pd.DataFrame
    """The others: columns and dtypes of schemas.QUARANTINE, sorted by hour and record."""
    published: int


def clean(records: pd.DataFrame, profile: DatasetProfile) -> Cleaned:
    """Judge records as published, every column text or None, and convert the good ones to kWh.

    A record with several faults is quarantined with the first reason in the order above. Of equal
    repeats of a key one is kept; of contradicting ones none, since none can be trusted.
    Raises SourceError for a time that cannot be read.
    """
    records = records.reset_index(drop=True).astype(object)
    records = records.mask(records.isna(), other=None)
    times = profile.times(records)
    hours = times.dt.floor("h")
    area = pd.Series(profile.area, index=records.index, dtype="object")
    if profile.area_column is not None:
        area = records[profile.area_column]
    rows = pd.DataFrame(
        {
            "area": area,
            "consumer_type": records[profile.consumer_type_column],
            "datetime_utc": hours,
            TARGET: _numbers(records[profile.value_column]) * profile.kwh_per_unit,
        }
    )
    value = rows[TARGET]
    published_value = records[profile.value_column].fillna("").str.strip()
    reason = _first_reason(
        {
            UNKNOWN_AREA: ~_known(rows["area"], profile.known_areas),
            UNKNOWN_CONSUMER_TYPE: ~_known(rows["consumer_type"], profile.known_consumer_types),
            NOT_ON_THE_HOUR: times != hours,
            MISSING_VALUE: published_value == "",
            NOT_A_NUMBER: value.isna(),
            NEGATIVE: value < 0,
            ABSURD: value > profile.plausible_maximum,
        },
        records.index,
    )
    good = rows[reason.isna()]
    repeated = good[good.duplicated([*PRIMARY_KEY], keep=False)]
    contradicting = repeated.groupby([*PRIMARY_KEY])[TARGET].transform("nunique") > 1
    reason[repeated.index[repeated.duplicated([*PRIMARY_KEY])]] = DUPLICATE
    reason[repeated.index[contradicting]] = CONTRADICTING

    bad = reason.notna()
    quarantine = pd.DataFrame(
        {
            "hour": hours[bad],
            "reason": reason[bad],
            "record": [
                json.dumps(record, ensure_ascii=False)
                for record in records[bad].to_dict(orient="records")
            ],
        }
    )
    return Cleaned(
        rows=conform(rows[~bad], CONSUMPTION),
        quarantine=conform(quarantine, QUARANTINE),
        published=len(records),
    )


def mostly_bad(cleaned: Cleaned) -> list[datetime]:
    """The hours in which more than half of the records are in quarantine, oldest first.

    Equal repeats do not count: a record published three times is no worse than once.
    """
    faults = cleaned.quarantine[cleaned.quarantine["reason"] != DUPLICATE]
    bad = faults.groupby("hour").size()
    good = cleaned.rows.groupby("datetime_utc").size().reindex(bad.index, fill_value=0)
    return list(pd.DatetimeIndex(bad.index[bad > good]).to_pydatetime())


def refuse(cleaned: Cleaned) -> None:
    """Raise ContractError if any hour is mostly bad, naming the hours and the commonest reasons."""
    hours = mostly_bad(cleaned)
    if not hours:
        return
    faults = cleaned.quarantine[cleaned.quarantine["hour"].isin(hours)]
    reasons = ", ".join(
        f"{reason} ({count})" for reason, count in faults["reason"].value_counts().head(3).items()
    )
    named = ", ".join(f"{hour:%Y-%m-%d %H:%M}" for hour in hours[:5])
    more = f" and {len(hours) - 5} more" if len(hours) > 5 else ""
    raise ContractError(
        f"more than half of the records break the contract in {len(hours)} hour(s), "
        f"{named}{more} UTC: {reasons}. Nothing of the run is written downstream. Look at the raw "
        "records of these hours and at ENERGY_DATASET, correct the source, and run them again."
    )


def completeness(
    rows: pd.DataFrame,
    expected_series: Collection[tuple[str, str]],
    hours: pd.DatetimeIndex | None = None,
) -> pd.Series:
    """How many of the expected (area, consumer_type) have no row, for each hour.

    `hours` defaults to every hour from the first to the last of the rows. Returns int64 by hour,
    named `missing`, index `datetime_utc`.
    """
    if hours is None:
        first, last = rows["datetime_utc"].min(), rows["datetime_utc"].max()
        hours = pd.DatetimeIndex([]) if rows.empty else pd.date_range(first, last, freq="h")
    expected = set(expected_series)
    series = pd.MultiIndex.from_frame(rows[list(SERIES_KEY)])
    present = rows[series.isin(expected)].groupby("datetime_utc").size()
    missing = len(expected) - present.reindex(hours, fill_value=0)
    return missing.astype("int64").rename("missing").rename_axis("datetime_utc")


def _known(codes: pd.Series, known: frozenset[str] | None) -> pd.Series:
    """Which codes are in the closed set, or any text that is not blank if there is none."""
    if known is None:
        return codes.fillna("").str.strip() != ""
    return codes.isin(known)


def _numbers(text: pd.Series) -> pd.Series:
    """Numbers with a decimal point or comma as float64; NaN where the text is none.

    Text with both, or with thousands separators, is not guessed at.
    """
    text = text.astype(object).str.strip()
    plain = text.where(text.str.fullmatch(_NUMBER, na=False)).str.replace(",", ".", regex=False)
    return plain.astype("float64")


def _first_reason(rules: dict[str, pd.Series], index: pd.Index) -> pd.Series:
    """The first rule that each record breaks, None where it breaks none."""
    reason = pd.Series(None, index=index, dtype="object")
    for name, broken in reversed(rules.items()):
        reason[broken] = name
    return reason
