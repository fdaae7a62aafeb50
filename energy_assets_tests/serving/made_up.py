"""A deployment's stores filled with made-up forecasts, observations and scores: quick to make."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from energy_assets.commands.deployment import Deployment
from energy_assets.forecasts.course_files import course_tables
from energy_assets.forecasts.publishing import Published, publish
from energy_assets.forecasts.quality import NEW_SERIES
from energy_assets.forecasts.scoring import score_forecasts
from energy_assets.forecasts.versions import ASSET, add_version, first_issued, newest
from energy_assets.partitions import HORIZON, HOUR
from energy_assets.schemas import (
    CONSUMPTION_VERSIONS,
    MONITORING,
    PREDICTIONS,
    PRIMARY_KEY,
    QUANTILES,
    TARGET,
)
from energy_assets.serving.app import create_app
from energy_assets.serving.service import Service
from energy_assets.settings import Settings, read_settings
from energy_assets.sources import source_id
from energy_assets.sources.profiles import DE35
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.opening import Stores, open_stores
from energy_assets.stores.parquet import encode
from energy_assets.stores.paths import hour_path
from energy_assets_tests.serving.loopback import serving

SPRING = datetime(2023, 3, 26, 21)
"""An origin in a local day of 23 hours."""

SERIES = [("DK1", "111"), ("DK1", "121"), ("DK1", "999"), ("DK2", "111"), ("DK2", "121")]
KINDS = ("model", "without_weather", "previous_model", "baseline", "carried_over")
"""The qualities that successive origins take in turn."""


@dataclass(repr=False, eq=False)
class MadeUp:
    """Stores in which the hours from `first` to `last` were observed, and none was forecast yet."""

    root: Path
    first: datetime
    last: datetime
    objects: ObjectStore | None = None
    changed: dict[str, Any] = field(default_factory=dict)
    """Settings."""
    forecasts: dict[datetime, pd.DataFrame] = field(default_factory=dict)
    """All versions from each origin."""

    def __post_init__(self) -> None:
        self.settings: Settings = read_settings(
            _env_file=None,
            **{"storage_root": self.root, "energy_source": "simulator", **self.changed},
        )
        stores = open_stores(self.settings, source_id(self.settings))
        if self.objects is not None:
            stores = Stores(stores.feature_store, stores.model_registry, self.objects)
        self.stores = stores
        self.rng = np.random.default_rng(7)
        count = (self.last - self.first) // HOUR + 1 + HORIZON
        self.hours = pd.date_range(self.first, periods=count, freq="h")
        level = np.array([1000.0, 400, 50, 700, 250])[:, None]
        day = 1 + 0.3 * np.sin(np.arange(count) * np.pi / 12)
        self.truth = (level * day * self.rng.normal(1, 0.02, (len(SERIES), count))).round(3)
        known = self._rows(slice(0, count - HORIZON), self.truth)
        known = known.assign(known_at=known["datetime_utc"] + HOUR)
        corrected = known[known["datetime_utc"].dt.hour == 5].assign(
            known_at=lambda rows: rows["known_at"] + 7 * HOUR,
            energy_consumption=lambda rows: rows[TARGET] + 1000,
        )
        after_the_last = known.tail(1).assign(
            known_at=self.last + 3 * HOUR, energy_consumption=77_777.0
        )
        versions = pd.concat([known, corrected, after_the_last])
        self.known = versions[list(CONSUMPTION_VERSIONS.dtypes)].astype(CONSUMPTION_VERSIONS.dtypes)
        self.stores.feature_store.upsert(self.known)

    def _rows(self, hours: slice, values: np.ndarray) -> pd.DataFrame:
        times, values = self.hours[hours], values[:, hours]
        return pd.DataFrame(
            {
                "area": np.repeat([area for area, _ in SERIES], len(times)),
                "consumer_type": np.repeat([code for _, code in SERIES], len(times)),
                "datetime_utc": np.tile(times, len(SERIES)),
                TARGET: values.ravel(),
            }
        )

    def observed(self, known_by: datetime, start: datetime, end: datetime) -> pd.DataFrame:
        """The versions of the rows of [start, end) that held at a time."""
        hours = self.known["datetime_utc"]
        rows = self.known[(hours >= start) & (hours < end) & (self.known["known_at"] <= known_by)]
        rows = rows.sort_values("known_at").drop_duplicates(list(PRIMARY_KEY), keep="last")
        return rows.sort_values(list(PRIMARY_KEY), ignore_index=True)

    def forecast(
        self, origin: datetime, made_at: datetime | None = None, quantiles: bool = True
    ) -> pd.DataFrame:
        """Store a version of the forecast from an origin, and return it.

        The errors of all series have a part in common.
        """
        begin = (origin - self.first) // HOUR + 1
        error = self.rng.normal(1, 0.04) * self.rng.normal(1, 0.02, (len(SERIES), 1))
        rows = self._rows(slice(begin, begin + HORIZON), self.truth * error)
        spread = 0.05 * rows[TARGET]
        shares = np.linspace(-2, 2, len(QUANTILES)) + 0.1
        kind = KINDS[int(origin.timestamp() // 3600) % len(KINDS)]
        last = NEW_SERIES if kind in KINDS[:3] else kind
        version = rows.assign(
            **{
                name: rows[TARGET] + share * spread
                for name, share in zip(QUANTILES.values(), shares, strict=True)
            },
            horizon=np.tile(np.arange(1, HORIZON + 1), len(SERIES)),
            origin=origin,
            model_version=f"{kind}-{origin:%H}",
            weather_effect=np.nan,
            # A model knows little of the last series.
            quality=np.repeat([kind] * (len(SERIES) - 1) + [last], HORIZON),
            made_at=made_at or origin + HOUR + HOUR / 12,
        )
        version = version[list(PREDICTIONS.dtypes)].astype(PREDICTIONS.dtypes)
        if not quantiles:
            others = [name for name in QUANTILES.values() if name not in ("lower", "upper")]
            version = version.assign(**dict.fromkeys(others, np.nan))
        together = add_version(self.forecasts.get(origin), version)
        assert together is not None
        self.forecasts[origin] = together
        self.write(ASSET, origin, together)
        return newest(together)

    def score(self, hour: datetime) -> None:
        """Score the forecasts that were issued for an hour."""
        origins = [hour - ahead * HOUR for ahead in range(1, HORIZON + 1)]
        issued = [
            first_issued(versions[versions["datetime_utc"] == hour])
            for versions in (self.forecasts[o] for o in origins if o in self.forecasts)
        ]
        rows = self.observed(hour + 2 * HOUR, hour, hour + HOUR)
        self.write(MONITORING.name, hour, score_forecasts(rows.drop(columns="known_at"), issued))

    def publish(self, version: pd.DataFrame) -> Published:
        """Publish a forecast with what was known when it was due."""
        origin = version["origin"].iloc[0].to_pydatetime()
        known = self.observed(origin + HOUR, origin - 239 * HOUR, origin + HOUR)
        objects = self.stores.object_store
        return publish(objects, version, course_tables(objects, version, known, DE35), "simulator")

    def write(self, asset: str, hour: datetime, frame: pd.DataFrame) -> None:
        """Store the file of an asset's hour."""
        self.stores.object_store.write(hour_path(asset, hour, "parquet"), encode(frame, {}))

    def run(self, first: datetime, last: datetime) -> None:
        """Forecast each hour and score it; publish the last forecast."""
        for number in range((last - first) // HOUR + 1):
            origin = first + number * HOUR
            version = self.forecast(origin)
            if number:
                self.score(origin)
        self.publish(version)


def keyed(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows by series and hour, sorted."""
    return rows.set_index(list(PRIMARY_KEY)).sort_index()


def opened(deployment: Deployment) -> Stores:
    """The stores of a deployment."""
    return Stores(deployment.feature_store, deployment.model_registry, deployment.object_store)


@contextmanager
def client_of(stored: MadeUp | Deployment, wait: bool = True) -> Iterator[httpx.Client]:
    """A client of a service over stores; unless told not to, it waits until something is served."""
    stores = stored.stores if isinstance(stored, MadeUp) else opened(stored)
    service = Service.of(stored.settings, stores)
    if wait:
        service.watcher.look()
    with (
        serving(create_app(service)) as address,
        httpx.Client(base_url=address, timeout=30) as client,
    ):
        yield client
