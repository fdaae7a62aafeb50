"""The weather as it was known at a time, from the hourly files of the asset `weather`.

The file of an hour holds what was observed in it, and the newest forecast of the hours after it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

import pandas as pd

from energy_assets.partitions import DAY, HOUR
from energy_assets.schemas import TIMESTAMP, WEATHER, WEATHER_VALUES, conform
from energy_assets.settings import Settings, utc_now
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import read_hours
from energy_assets.time_limit import within

ASSET = "weather"

_log = logging.getLogger(__name__)

_FORECASTS_READ = 48
"""If the newest forecasts are missing, those of this many hours before are used."""

_USUAL_HORIZON = 12
"""Half of the hours ahead are forecast for so many hours or more."""

_ROW = ["area", "datetime_utc"]
_FILE = "_file"


SHARE_OF_PATIENCE = 0.5
"""The share of `FORECAST_PATIENCE_SECONDS` that the weather may take. The rest is for the forecast
without it, which would otherwise come from the seasonal naive."""


class KnownWeather:
    """The weather as it was known at some hours, such as those of a run.

    The files of all their windows are read once, when the weather of the first hour is asked for. A
    forecast can be made without weather, so no failure stops one: there are no rows then.
    """

    def __init__(
        self, objects: ObjectStore, origins: Sequence[datetime], settings: Settings
    ) -> None:
        self._objects = objects
        self._first = min(origins) + HOUR - max(settings.days_export * DAY, _FORECASTS_READ * HOUR)
        self._last = max(origins)
        self._settings = settings

    def at(self, origin: datetime, horizon: int) -> pd.DataFrame:
        """What `weather_as_of` returns for the training window of one of the hours."""
        return _as_of(self._rows, origin, self._settings.days_export, horizon)

    def forecast_for(self, origin: datetime) -> pd.DataFrame:
        """The weather of the training window of an hour as it was forecast half a day before.

        A panel like that of `at`, without `horizon`.
        """
        rows = self._rows
        known = rows[(rows[_FILE] <= origin) & (rows["issued_at"] <= origin)]
        first = origin + HOUR - self._settings.days_export * DAY
        return _forecasts(known, first, origin + HOUR, [_USUAL_HORIZON]).droplevel("horizon")

    @cached_property
    def _rows(self) -> pd.DataFrame:
        try:
            return within(
                SHARE_OF_PATIENCE * self._settings.forecast_patience_seconds,
                lambda: _read(self._objects, self._first, self._last),
            )
        except Exception as error:
            _log.warning("the weather up to %s cannot be read (%s)", self._last, error)
            return _nothing()


def weather_as_of(
    objects: ObjectStore, origin: datetime, days: int, horizon: int = 48
) -> pd.DataFrame:
    """The weather of `days` days and the `horizon` hours after `origin`, as it was known then.

    Observations where they were known at `origin`, which is the hour that ends the window, and
    elsewhere the newest forecast that was issued at or before it.

    Returns a panel indexed by (area, datetime_utc), sorted, with the columns `temperature` in
    degrees C, `wind_speed` in m/s, `radiation` in W/m2, `issued_at`, and `horizon`: 0 where
    observed. Hours that nothing is known of are left out. Raises UnreachableError if the store does
    not answer.
    """
    first = origin + HOUR - max(days * DAY, _FORECASTS_READ * HOUR)
    return _as_of(_read(objects, first, origin), origin, days, horizon)


def _as_of(rows: pd.DataFrame, origin: datetime, days: int, horizon: int) -> pd.DataFrame:
    """The same, from the rows of these files and maybe of others."""
    is_forecast, file = rows["horizon"] > 0, rows[_FILE]
    start = origin + HOUR - days * DAY
    oldest = pd.Series(start, index=rows.index).mask(
        is_forecast, origin - (_FORECASTS_READ - 1) * HOUR
    )
    # Not only what was issued by then: a later file may hold what came late.
    known = (file >= oldest) & (file <= origin) & (rows["issued_at"] <= origin)
    wanted = known & rows["datetime_utc"].between(start, origin + horizon * HOUR)
    found = rows[wanted].assign(_forecast=is_forecast[wanted]).drop(columns=_FILE)
    found = found.sort_values(
        [*_ROW, "_forecast", "issued_at"], ascending=[True, True, True, False], kind="stable"
    )
    return found.drop_duplicates(_ROW).drop(columns="_forecast").set_index(_ROW)


def past_forecasts(
    objects: ObjectStore, start: datetime, end: datetime, horizons: Sequence[int]
) -> pd.DataFrame:
    """The weather of the hours [start, end) as it was forecast a number of hours before each.

    A model that is trained on it learns how far a forecast can be trusted, which it would not learn
    from observations. For the horizon `h`, the forecast of an hour is the one known `h` hours
    before it; if that is missing, the newest of the day before.

    Returns a panel indexed by (area, datetime_utc, horizon), sorted, with the columns
    `temperature`, `wind_speed`, `radiation` and `issued_at`. What is missing is left out. Raises
    UnreachableError if the store does not answer.
    """
    rows = _read(objects, start - (max(horizons) + 24) * HOUR, end - HOUR)
    return _forecasts(rows, start, end, horizons)


def _forecasts(
    rows: pd.DataFrame, start: datetime, end: datetime, horizons: Sequence[int]
) -> pd.DataFrame:
    """The same, from the rows of these files and maybe of others."""
    rows = rows[(rows["horizon"] > 0) & rows["datetime_utc"].between(start, end, inclusive="left")]
    rows = rows.sort_values([*_ROW, "horizon"], kind="stable")
    parts = []
    for horizon in horizons:
        known = rows[rows["horizon"].between(horizon, horizon + 24)]
        parts.append(known.drop_duplicates(_ROW).assign(horizon=horizon))
    panel = pd.concat(parts).set_index([*_ROW, "horizon"]).sort_index()
    return panel[[*WEATHER_VALUES, "issued_at"]]


def add_weather(stored: pd.DataFrame | None, new: pd.DataFrame) -> pd.DataFrame | None:
    """What is stored of an hour, and what is new in `new`; None if nothing is.

    Forecasts stay as they were, because others were made with them. An observation that is missing
    or has changed is added, and counts as known from now on.
    """
    if stored is None or stored.empty:
        return new if stored is None or len(new) else None
    forecasts = new[new["horizon"] > 0]
    if (stored["horizon"] > 0).any():
        forecasts = forecasts.iloc[:0]
    observed = new[new["horizon"] == 0]
    known = (
        stored[stored["horizon"] == 0].sort_values("issued_at").drop_duplicates(_ROW, keep="last")
    )
    both = observed.merge(known, on=_ROW, how="left", suffixes=("", "_stored"))
    same = pd.Series(True, index=both.index)
    for name in WEATHER_VALUES:
        before, now = both[f"{name}_stored"], both[name]
        same &= (before == now) | (before.isna() & now.isna())
    same &= both["horizon_stored"].notna()
    observed = observed[~same.to_numpy()].assign(issued_at=pd.Timestamp(utc_now()).floor("us"))
    if observed.empty and forecasts.empty:
        return None
    frames = [frame for frame in (stored, forecasts, observed) if len(frame)]
    return conform(pd.concat(frames), WEATHER)


def _read(objects: ObjectStore, first: datetime, last: datetime) -> pd.DataFrame:
    """The rows of the files from `first` to `last`: rows of `schemas.WEATHER`, and their file."""
    hours = [first + number * HOUR for number in range((last - first) // HOUR + 1)]
    rows = read_hours(objects, ASSET, hours, hour_column=_FILE)
    return _nothing() if rows.empty else rows[[*WEATHER.dtypes, _FILE]].astype(WEATHER.dtypes)


def _nothing() -> pd.DataFrame:
    """What `_read` returns if there is no file."""
    types = {**WEATHER.dtypes, _FILE: TIMESTAMP.pandas}
    return pd.DataFrame(columns=list(types)).astype(types)
