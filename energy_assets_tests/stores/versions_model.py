"""The slow oracle of the feature stores: a dictionary of versions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from energy_assets.schemas import CONSUMPTION, CONSUMPTION_VERSIONS

Version = tuple[str, str, datetime, datetime]
"""Area, consumer type, hour, known_at."""


@dataclass
class VersionsModel:
    """What a feature store should hold, worked out one version at a time."""

    stored: dict[Version, float] = field(default_factory=dict)

    def upsert(self, versions: pd.DataFrame) -> VersionsModel:
        """The model after some versions were added."""
        added = {
            (row.area, row.consumer_type, row.datetime_utc, row.known_at): row.energy_consumption
            for row in versions.itertuples()
        }
        return VersionsModel({**self.stored, **added})

    def read(self, start: datetime, end: datetime, known_by: datetime | None) -> pd.DataFrame:
        newest: dict[tuple[str, str, datetime], tuple[datetime, float]] = {}
        for (area, code, hour, known_at), value in self.stored.items():
            key = (area, code, hour)
            if not start <= hour < end or (known_by is not None and known_at > known_by):
                continue
            if key not in newest or known_at > newest[key][0]:
                newest[key] = (known_at, value)
        rows = [
            (*key, value) for key, (_, value) in sorted(newest.items()) if not math.isnan(value)
        ]
        return pd.DataFrame(rows, columns=list(CONSUMPTION.dtypes)).astype(CONSUMPTION.dtypes)

    def read_versions(self, start: datetime, end: datetime) -> pd.DataFrame:
        versions = [
            (area, code, hour, value, known_at)
            for (area, code, hour, known_at), value in sorted(self.stored.items())
            if start <= hour < end
        ]
        columns = list(CONSUMPTION_VERSIONS.dtypes)
        return pd.DataFrame(versions, columns=columns).astype(CONSUMPTION_VERSIONS.dtypes)
