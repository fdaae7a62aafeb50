"""Versions of consumption rows: which a store takes, and which of them hold at a time."""

from __future__ import annotations

from datetime import datetime

import numpy as np
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
    if known_by is not None:
        versions = versions[versions[KNOWN_AT] <= known_by]
    series = versions.groupby(list(SERIES_KEY)).ngroup().to_numpy()
    hours = versions["datetime_utc"].to_numpy()
    order = np.lexsort((versions[KNOWN_AT].to_numpy(), hours, series))
    series, hours = series[order], hours[order]
    last = np.append((series[1:] != series[:-1]) | (hours[1:] != hours[:-1]), True)[: len(order)]
    newest = order[last]
    open_rows = newest[versions[TARGET].notna().to_numpy()[newest]]
    rows = versions[list(table.dtypes)].iloc[open_rows]
    return rows.astype(table.dtypes).reset_index(drop=True)
