"""The simulated weather, which belongs to the simulated consumption."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np
import pandas as pd

from energy_assets.sources import weather_model as model
from energy_assets.sources.noise import Hours
from energy_assets.sources.weather.source import COLUMNS, HORIZON

ISSUED_EVERY = 3
"""Hours from one forecast to the next."""

_AREAS = len(model.AREAS)
_EPOCH = datetime(1970, 1, 1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class SimulatedWeather:
    """The numbers of `weather_model`, observed each hour and forecast every three."""

    name: str = "simulator"
    terms: str = ""
    areas: Collection[str] = frozenset(model.AREAS)

    def fetch(self, hour: datetime) -> pd.DataFrame:
        """The weather known at an hour: see `WeatherSource.fetch`."""
        now = (hour - _EPOCH) // _HOUR
        past, since_issue = now % 24, now % ISSUED_EVERY
        observed = _observed(now - past)[past * _AREAS : (past + 1) * _AREAS]
        forecast = _forecast(now - since_issue)[since_issue * _AREAS :][: HORIZON * _AREAS]
        return pd.concat([observed, forecast], ignore_index=True)

    def check(self) -> str:
        """What it has."""
        return f"made-up weather for {', '.join(model.AREAS)}"


@lru_cache(maxsize=4)
def _observed(first: int) -> pd.DataFrame:
    """The observations of a day from the hour `first` on, each known from its own hour on."""
    hours = np.arange(first, first + 24)
    rows = _table(hours, model.weather(hours))
    return rows.assign(issued_at=rows["datetime_utc"])[list(COLUMNS)]


@lru_cache(maxsize=4)
def _forecast(issued: int) -> pd.DataFrame:
    """What was forecast at the hour `issued`, until the next forecast for HORIZON hours ahead."""
    hours = np.arange(issued + 1, issued + ISSUED_EVERY + HORIZON)
    rows = _table(hours, model.forecast(issued, hours))
    return rows.assign(issued_at=pd.Timestamp(_EPOCH + issued * _HOUR))[list(COLUMNS)]


def _table(hours: Hours, weather: model.Weather) -> pd.DataFrame:
    """The weather as rows, rounded as published."""
    times = hours.astype("datetime64[h]").astype("datetime64[ns]")
    return pd.DataFrame(
        {
            "area": np.tile(np.array(model.AREAS, dtype=object), len(hours)),
            "datetime_utc": np.repeat(times, len(model.AREAS)),
            "temperature": weather.temperature.round(1).ravel(),
            "wind_speed": weather.wind_speed.round(1).ravel(),
            "radiation": weather.radiation.round().ravel(),
        }
    )
