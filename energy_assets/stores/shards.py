"""Shards: which of the groups of series, that are read by themselves, a series belongs to.

It follows from the codes of the series alone, so a new series moves no other.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
import pandas as pd

from energy_assets.schemas import SERIES_KEY

SHARD = "shard"
"""The column of a table that is divided into shards."""


def shard_of(rows: pd.DataFrame, count: int) -> np.ndarray:
    """The shard, 0 to `count` - 1, of the series of each row; int32."""
    series = rows.groupby(list(SERIES_KEY), sort=False, observed=True)
    keys = series.size().index
    shards = [crc32("\n".join(key).encode()) % count for key in keys]
    return np.array(shards, dtype=np.int32)[series.ngroup().to_numpy()]
