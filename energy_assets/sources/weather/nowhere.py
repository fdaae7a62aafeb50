"""No weather: the forecasts do without."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from energy_assets.sources.weather.source import COLUMNS


@dataclass(frozen=True)
class NoWeather:
    """A source that has nothing."""

    name: str = "none"
    terms: str = ""
    areas: None = None

    def fetch(self, hour: datetime) -> pd.DataFrame:
        """No rows: see `WeatherSource.fetch`."""
        return pd.DataFrame(columns=list(COLUMNS), dtype="object")

    def check(self) -> str:
        """That there is none."""
        return "no weather is stored"
