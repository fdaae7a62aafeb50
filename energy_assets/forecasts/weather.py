"""The weather as models see it: a table of columns known ahead, for every series of its area."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pandas as pd

from energy_assets.forecasting.sharded import Columns
from energy_assets.schemas import SERIES_KEY, WEATHER_VALUES

ENOUGH = 0.9
"""The share of the hours ahead whose weather must be known, in every area that had weather."""


def columns_of(known: pd.DataFrame, expected: pd.DataFrame) -> Columns | None:
    """What gives the columns of any series to train with; None if nothing is known of the weather.

    `known` is the weather of the training window as it was known at its end, `expected` as it was
    forecast; both are indexed by (area, datetime_utc). Columns of which nothing is known are left
    out.
    """
    names = [name for name in WEATHER_VALUES if name in known and known[name].notna().any()]
    if not names:
        return None
    # Sent to where shards are trained, so not more than is needed.
    return partial(_of_series, known[names], expected.reindex(columns=names))


def _of_series(
    known: pd.DataFrame, expected: pd.DataFrame, series: pd.Index
) -> tuple[pd.DataFrame, pd.DataFrame]:
    return by_series(known, series), by_series(expected, series)


def by_series(weather: pd.DataFrame, series: pd.Index) -> pd.DataFrame:
    """The weather of each of the series (area, consumer_type).

    `weather` is indexed by (area, datetime_utc), the result by (area, consumer_type, datetime_utc).
    A series whose area has no weather has no rows.
    """
    rows = series.to_frame(index=False).merge(weather.reset_index(), on=SERIES_KEY[0])
    return rows.set_index([*SERIES_KEY, weather.index.names[-1]])


def is_known_ahead(weather: pd.DataFrame, origin: datetime, horizon: int) -> bool:
    """Whether the temperature of the hours after the origin is known, in all areas."""
    hours = weather.index.get_level_values(-1)
    ahead = (hours > origin) & (hours <= origin + timedelta(hours=horizon))
    areas = weather.index.get_level_values(0).unique()
    known = weather["temperature"][ahead].groupby(level=0).count().reindex(areas, fill_value=0)
    return len(areas) > 0 and int(known.min()) >= ENOUGH * horizon
