"""The weather as models see it: a table of columns known ahead, for every series of its area."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pandas as pd

from energy_assets.schemas import SERIES_KEY, WEATHER_VALUES

ENOUGH = 0.9
"""The share of the hours ahead whose weather must be known, in every area that had weather."""


def by_series(
    weather: pd.DataFrame, panel: pd.DataFrame, columns: Sequence[str] | None = None
) -> pd.DataFrame | None:
    """The columns of the weather for each series of a panel; None if there is no weather.

    `weather` is indexed by (area, datetime_utc), as `weather_as_of` returns it, and the panel by
    (area, consumer_type, datetime_utc). A series whose area has no weather has no rows. `columns`
    are those that a model needs; by default, all of which something is known.
    """
    if columns is None:
        columns = [
            name for name in WEATHER_VALUES if name in weather and weather[name].notna().any()
        ]
    series = panel.index.droplevel(-1).unique()
    areas = {
        area: rows.droplevel(0)
        for area, rows in weather.reindex(columns=list(columns)).groupby(level=0)
    }
    tables = {key: areas[key[0]] for key in series if key[0] in areas}
    if not columns or not tables:
        return None
    return pd.concat(tables, names=[*SERIES_KEY, weather.index.names[-1]])


def is_known_ahead(weather: pd.DataFrame, origin: datetime, horizon: int) -> bool:
    """Whether the temperature of the hours after the origin is known, in all areas."""
    hours = weather.index.get_level_values(-1)
    ahead = (hours > origin) & (hours <= origin + timedelta(hours=horizon))
    areas = weather.index.get_level_values(0).unique()
    known = weather["temperature"][ahead].groupby(level=0).count().reindex(areas, fill_value=0)
    return len(areas) > 0 and int(known.min()) >= ENOUGH * horizon
