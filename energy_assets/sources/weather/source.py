"""What every source of weather offers."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

import pandas as pd

HORIZON = 48
"""Hours ahead for which a weather forecast is kept."""

COLUMNS = ("area", "datetime_utc", "issued_at", "temperature", "wind_speed", "radiation")
"""What a source says of an hour: see `WeatherSource.fetch`."""


class WeatherSource(Protocol):
    """A publisher of hourly weather. All times are naive UTC."""

    @property
    def name(self) -> str:
        """The value of WEATHER_SOURCE that chooses this source."""

    @property
    def terms(self) -> str:
        """The licence of its data, and whom to name; empty if there is nothing to say."""

    @property
    def areas(self) -> Collection[str] | None:
        """The areas that it has; None: whatever it names."""

    def fetch(self, hour: datetime) -> pd.DataFrame:
        """What became known at an hour, and the newest forecast of the hours after it.

        The columns are COLUMNS, with values as published: text, numbers or times. Observations are
        of `hour` itself, and of earlier hours that became known lately. Forecasts are of the next
        HORIZON hours, and were issued at or before `hour`. `issued_at` is None for an observation
        that counts as known from its own hour on.

        No rows if the source has nothing of the hour. Raises SourceError or SettingsError, with
        advice, if the source cannot be used.
        """

    def check(self) -> str:
        """Describe it for a person; raises as `fetch` does if it cannot be used."""
