"""From the log of an hour's records to the versions of its rows.

The log is judged as it was at each time when something was added to it. What changed between two of
these times gives a version of a row: a value, or none if the row was valid before and no longer is.
The same log always gives the same versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import pandas as pd

from energy_assets.contract.record_log import SEEN_AT, newest_batches, with_times
from energy_assets.contract.rules import ValidatedRecords, quarantine, validate_records
from energy_assets.partitions import hour_of
from energy_assets.schemas import CONSUMPTION_VERSIONS, KNOWN_AT, PRIMARY_KEY, TARGET, conform
from energy_assets.sources.profiles import DatasetProfile
from energy_assets.stores.versions import newest_versions

_HOUR = "_hour"


class JudgedRecords(NamedTuple):
    """What the contract makes of the logs of some hours."""

    versions: pd.DataFrame
    """All versions of the rows: rows of `schemas.CONSUMPTION_VERSIONS`."""
    newest: ValidatedRecords
    """The judgement of the newest records, without those that have been corrected since."""
    quarantine: pd.DataFrame
    """Every record that is invalid, or was when it was corrected."""


def row_versions(logs: Mapping[str, pd.DataFrame], profile: DatasetProfile) -> JudgedRecords:
    """Judge the logs of some partitions, by partition key."""
    records = pd.concat(
        [
            with_times(log).assign(**{_HOUR: pd.Timestamp(hour_of(key))})
            for key, log in logs.items()
        ],
        ignore_index=True,
    )
    records[KNOWN_AT] = records[KNOWN_AT].fillna(records[_HOUR])
    # The first, second, ... time at which something became known of an hour.
    rounds = records.groupby(_HOUR)[KNOWN_AT].rank("dense").astype(int)
    count = rounds.groupby(records[_HOUR]).max()
    reasons = pd.Series(None, index=records.index, dtype="object")
    versions: list[pd.DataFrame] = []
    for number in range(1, max(count, default=0) + 1):
        hours = count.index[count >= number]
        known = records[(rounds <= number) & records[_HOUR].isin(hours)]
        known = newest_batches(known, profile, known[_HOUR])
        validated = validate_records(_published(known), profile, known[_HOUR])
        reasons[known.index] = validated.reasons
        at = records[rounds == number].groupby(_HOUR)[KNOWN_AT].first()
        versions.append(_changes(newest_versions(_joined(versions)), validated.rows, at))
    newest = newest_batches(records, profile, records[_HOUR])
    return JudgedRecords(
        conform(_joined(versions), CONSUMPTION_VERSIONS),
        validate_records(_published(newest), profile, newest[_HOUR]),
        quarantine(_published(records), records[_HOUR], reasons),
    )


def new_versions(computed: pd.DataFrame, stored: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """The computed versions that are not stored yet; a stored version is never changed.

    Where the stored versions of the same hours say something else, because they were made by other
    rules, the newest computed value, or none, is a version known from `now` on.
    """
    key = list(CONSUMPTION_VERSIONS.key)
    is_stored = pd.MultiIndex.from_frame(computed[key]).isin(pd.MultiIndex.from_frame(stored[key]))
    added = computed[~is_stored]
    before, after = newest_versions(_joined([stored, added])), newest_versions(computed)
    hours = pd.concat([before, after])["datetime_utc"].unique()
    return _joined([added, _changes(before, after, pd.Series(pd.Timestamp(now), index=hours))])


def _changes(before: pd.DataFrame, after: pd.DataFrame, at: pd.Series) -> pd.DataFrame:
    """Versions that turn the rows `before` into those `after`, known from `at`, by hour."""
    both = before.merge(after, on=list(PRIMARY_KEY), how="outer", suffixes=("_before", ""))
    both = both[both["datetime_utc"].isin(at.index)]
    old, new = both[f"{TARGET}_before"], both[TARGET]
    changed = both[(old != new) & ~(old.isna() & new.isna())]
    known_at = changed["datetime_utc"].map(at)
    return changed.assign(**{KNOWN_AT: known_at})[list(CONSUMPTION_VERSIONS.dtypes)]


def _joined(versions: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Several frames of versions as one, also if there is none."""
    empty = pd.DataFrame(columns=list(CONSUMPTION_VERSIONS.dtypes))
    frames = [frame.astype(CONSUMPTION_VERSIONS.dtypes) for frame in (empty, *versions)]
    return pd.concat(frames, ignore_index=True)


def _published(records: pd.DataFrame) -> pd.DataFrame:
    return records.drop(columns=[SEEN_AT, KNOWN_AT, _HOUR])
