"""The log of an hour's records: everything that was ever published for it, as published.

Fetching an hour again adds what is new or changed and removes nothing. Besides the published
columns, each record has `seen_at`, when it was first seen, and `known_at`, from when on it counts
as known: its own hour, if no forecast was made without it, else the time when it was seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from energy_assets.partitions import hour_of
from energy_assets.schemas import KNOWN_AT
from energy_assets.sources.profiles import DatasetProfile
from energy_assets.sources.times import utc_times

SEEN_AT = "seen_at"
_TIMES = (SEEN_AT, KNOWN_AT)


def by_requested_hour(
    records: pd.DataFrame, profile: DatasetProfile, keys: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """The records of each requested partition.

    A record of an hour that was not requested, or whose time cannot be read, goes to the first
    partition, where the contract puts it in quarantine.
    """
    hours = utc_times(records[profile.time_column]).dt.floor("h")
    partitions = hours.map({pd.Timestamp(hour_of(key)): key for key in keys}).fillna(keys[0])
    groups = dict(tuple(records.groupby(partitions)))
    return {key: groups.get(key, records.iloc[:0]).reset_index(drop=True) for key in keys}


def seen(records: pd.DataFrame, hour: datetime, seen_at: datetime, late: bool) -> pd.DataFrame:
    """Records of an hour with the times at which they were seen and became known."""
    times = {SEEN_AT: seen_at, KNOWN_AT: seen_at if late else hour}
    return records.assign(**{name: pd.Timestamp(time) for name, time in times.items()})


def add_records(
    stored: pd.DataFrame | None, new: pd.DataFrame, profile: DatasetProfile
) -> pd.DataFrame | None:
    """The log with the new records; None if they say nothing new.

    All records about the same thing that are seen at the same time belong together. They are added
    if they differ from the newest of the log, and count as known from when they were seen if there
    are any.
    """
    if stored is None:
        return new
    if stored.empty:  # nothing had been published yet
        return None if new.empty else new
    stored = with_times(stored)
    current = _by_subject(newest_batches(stored, profile), profile)
    published = _by_subject(new, profile)
    changed = {
        key
        for key, records in published.items()
        if sorted(records, key=repr) != sorted(current.get(key, []), key=repr)
    }
    if not changed:
        return None
    added = new[[key in changed for key in _subjects(new, profile)]].copy()
    # Records seen at the same time would be taken for one batch.
    added[SEEN_AT] = max(added[SEEN_AT].max(), stored[SEEN_AT].max() + pd.Timedelta(microseconds=1))
    corrected = np.array([key in current for key in _subjects(added, profile)])
    added[KNOWN_AT] = added[KNOWN_AT].mask(corrected, added[SEEN_AT])
    log = pd.concat([frame.drop(columns=KNOWN_AT) for frame in (stored, added)], ignore_index=True)
    # On its own, because pandas warns if one of the two is missing throughout.
    times = [frame[KNOWN_AT].to_numpy("datetime64[ns]") for frame in (stored, added)]
    return log.assign(known_at=np.concatenate(times))


def newest_batches(
    log: pd.DataFrame, profile: DatasetProfile, hours: pd.Series | None = None
) -> pd.DataFrame:
    """The records that are the newest about what they are about; `hours` tell logs apart."""
    keys = subjects(log, profile)
    if hours is not None:
        keys = keys.assign(**{"hour of the log": hours})
    newest = log[SEEN_AT].groupby([keys[name] for name in keys], dropna=False).transform("max")
    return log[log[SEEN_AT] == newest]


def subjects(records: pd.DataFrame, profile: DatasetProfile) -> pd.DataFrame:
    """What each record is about: its key, with the time in one form, however it is written."""
    keys = records[list(profile.key_columns)].astype(object)
    keys = keys.mask(keys.isna(), other=None)
    times = utc_times(keys[profile.time_column])
    written = keys[profile.time_column].where(times.isna(), times.astype("int64"))
    return keys.assign(**{profile.time_column: written})


def with_times(log: pd.DataFrame) -> pd.DataFrame:
    """Give the records of the first release, which did not say, the oldest time as `seen_at`.

    Their `known_at` stays missing, which means their own hour.
    """
    if SEEN_AT in log:
        return log
    return log.assign(seen_at=pd.Timestamp(0), known_at=np.datetime64("NaT", "ns"))


def _subjects(records: pd.DataFrame, profile: DatasetProfile) -> list[tuple[object, ...]]:
    return list(subjects(records, profile).itertuples(index=False, name=None))


def _by_subject(
    records: pd.DataFrame, profile: DatasetProfile
) -> dict[tuple[object, ...], list[tuple[object, ...]]]:
    """The content of the records about each thing; the order of columns does not count."""
    content = records.drop(columns=[*_TIMES]).sort_index(axis=1).astype(object)
    rows = content.mask(content.isna(), other=None).itertuples(index=False, name=None)
    groups = defaultdict(list)
    for key, row in zip(_subjects(records, profile), rows, strict=True):
        groups[key].append(row)
    return groups
