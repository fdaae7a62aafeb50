"""The stored forecasts of all origins, read when they are asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import numpy as np
import pandas as pd
from cachetools import LRUCache

from energy_assets.forecasts.versions import as_of, first_issued, newest, read_if_possible
from energy_assets.partitions import HOUR
from energy_assets.serving.data.forecast import Forecast, forecast_of
from energy_assets.stores.object_store import ObjectStore

_WORKERS = 4
_ORIGINS_SEARCHED = 7 * 24
"""How far before a time `known_at` looks for a forecast."""


class ForecastArchive:
    """The versions of each origin's forecast; those read last are kept in memory."""

    def __init__(self, objects: ObjectStore, memory: int = 200_000_000) -> None:
        self._objects = objects
        self._issued: LRUCache[datetime, Forecast] = LRUCache(memory, getsizeof=_size)
        self._lock = threading.Lock()

    def read(
        self, origin: datetime, known_by: datetime | None = None, made_at: datetime | None = None
    ) -> Forecast | None:
        """A version of the forecast from an origin; None if there is none.

        The newest; with `known_by`, the newest that had been made by then; with `made_at`, that
        very one.
        """
        versions = read_if_possible(self._objects, origin)
        if versions is None:
            return None
        if made_at is not None:
            version = versions[versions["made_at"] == pd.Timestamp(made_at)]
        else:
            version = newest(versions) if known_by is None else as_of(versions, known_by)
        return forecast_of(version) if len(version) else None

    def known_at(self, time: datetime, first_origin: datetime) -> Forecast | None:
        """The newest forecast that had been made by a time, by origin from `first_origin` back."""
        for back in range(_ORIGINS_SEARCHED):
            forecast = self.read(first_origin - back * HOUR, known_by=time)
            if forecast is not None:
                return forecast
        return None

    def issued(self, origins: Iterable[datetime]) -> list[Forecast]:
        """The forecasts that were issued first for these origins; those without one are left out.

        What was issued never changes, so it is read once.
        """
        with ThreadPoolExecutor(_WORKERS) as pool:
            found = list(pool.map(self._first, origins))
        return [forecast for forecast in found if forecast is not None]

    def at_horizon(self, hours: np.ndarray, horizon: int) -> list[Forecast]:
        """The forecasts that were issued `horizon` hours before each of the hours."""
        return self.issued(hour.astype(datetime) - horizon * HOUR for hour in hours)

    def _first(self, origin: datetime) -> Forecast | None:
        with self._lock:
            if (forecast := self._issued.get(origin)) is not None:
                return forecast
        versions = read_if_possible(self._objects, origin)
        if versions is None:
            return None
        forecast = forecast_of(first_issued(versions))
        if _size(forecast) <= self._issued.maxsize:
            with self._lock:
                self._issued[origin] = forecast
        return forecast


def _size(forecast: Forecast) -> int:
    """The bytes that a forecast takes in memory."""
    return forecast.point.nbytes + forecast.quantiles.array.nbytes
