"""Versions of consumption rows: which a store takes, and which of them hold at a time."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from energy_assets.errors import ContractError
from energy_assets.schemas import (
    CONSUMPTION,
    CONSUMPTION_VERSIONS,
    KNOWN_AT,
    SERIES_KEY,
    TARGET,
    Table,
)

Ints = npt.NDArray[np.int64]

_STORED_TYPES = {"datetime_utc": "datetime64[us]", TARGET: "float64", KNOWN_AT: "datetime64[us]"}


def storable(versions: pd.DataFrame) -> pd.DataFrame:
    """The columns of `CONSUMPTION_VERSIONS`, with the times in microseconds, as tables keep them.

    Raises ContractError if part of a key is missing, or if a key occurs twice: a merge would store
    both versions.
    """
    key = list(CONSUMPTION_VERSIONS.key)
    stored = versions[list(CONSUMPTION_VERSIONS.dtypes)].astype(_STORED_TYPES)
    for faulty, fault in (
        (stored[key].isna().any(axis=1), "have no complete key"),
        (stored.duplicated(key), "repeat a key"),
    ):
        if faulty.any():
            first = ", ".join(map(str, stored.loc[faulty, key].iloc[0]))
            raise ContractError(
                f"{int(faulty.sum())} versions {fault}, first ({first}); pass each "
                f"({', '.join(key)}) once"
            )
    return stored


def with_known_at(versions: pd.DataFrame) -> pd.DataFrame:
    """Versions of which some have no `known_at`, being from an earlier release.

    They count as known from their own hour on.
    """
    if KNOWN_AT not in versions:
        return versions.assign(**{KNOWN_AT: versions["datetime_utc"]})
    if versions[KNOWN_AT].hasnans:
        return versions.assign(**{KNOWN_AT: versions[KNOWN_AT].fillna(versions["datetime_utc"])})
    return versions


def newest_versions(
    versions: pd.DataFrame, known_by: datetime | None = None, table: Table = CONSUMPTION
) -> pd.DataFrame:
    """The rows that hold by `known_by`, sorted by key.

    They have the columns of `table`, which `CONSUMPTION_VERSIONS` adds their `known_at` to.
    """
    newest = _newest(versions, known_by)
    rows = versions[list(table.dtypes)].iloc[newest].astype(table.dtypes)
    rows.index = pd.RangeIndex(len(rows))  # resetting it would copy the rows
    return rows


def count_newest_versions(versions: pd.DataFrame, known_by: datetime | None = None) -> int:
    """How many rows hold by `known_by`."""
    return len(_newest(versions, known_by))


def _newest(versions: pd.DataFrame, known_by: datetime | None) -> Ints:
    """The positions of the versions that hold by `known_by`, sorted by key."""
    candidates = np.arange(len(versions))
    known_at = versions[KNOWN_AT].to_numpy()
    if known_by is not None:
        candidates = np.flatnonzero(known_at <= np.datetime64(known_by))
    key = _row_numbers(versions)[candidates]
    order = np.argsort(key)
    if len(key) > 1 and (np.diff(key[order]) == 0).any():
        order = np.lexsort((known_at[candidates], key))
    key = key[order]
    last = np.append(key[1:] != key[:-1], True)[: len(key)]
    newest = candidates[order[last]]
    return newest[versions[TARGET].notna().to_numpy()[newest]]


def _row_numbers(versions: pd.DataFrame) -> Ints:
    """A number for each version: the same for those of the same row, and ordered like the key."""
    hours = versions["datetime_utc"].to_numpy("datetime64[h]").astype(np.int64)
    numbers = np.zeros(len(versions), dtype=np.int64)
    for name in SERIES_KEY:
        codes, values = pd.factorize(versions[name], sort=True)
        numbers = numbers * len(values) + codes
    first = hours.min(initial=0)
    return numbers * (hours.max(initial=0) - first + 1) + hours - first
