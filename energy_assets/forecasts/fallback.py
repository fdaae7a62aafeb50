"""There is always a forecast: a ladder of ways to make one, each tried when the one above fails.

1. the model of the hour itself, with the weather
2. the model that was trained beside it without the weather, if that is not known
3. the newest earlier model that passed its gate
4. the seasonal naive
5. the last forecast that was stored, carried over

The first three need the model registry, the first four the feature store. Neither may hold a
forecast up: each has a time limit, and any failure moves on to the next rung.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeAlias

import numpy as np
import pandas as pd

from energy_assets.errors import ForecastError, NotFoundError, ShortHistoryError
from energy_assets.forecasting.fitted import Fitted
from energy_assets.forecasting.models import seasonal_naive
from energy_assets.forecasting.panel.matrix import ending_at
from energy_assets.forecasting.sharded import Apply
from energy_assets.forecasts.quality import (
    BASELINE,
    CARRIED_OVER,
    MODEL,
    NEW_SERIES,
    PREVIOUS_MODEL,
    WITHOUT_WEATHER,
)
from energy_assets.forecasts.weather import by_series, is_known_ahead
from energy_assets.schemas import FORECASTS, PRIMARY_KEY, QUANTILES, SERIES_KEY, as_panel, conform
from energy_assets.time_limit import within
from energy_assets.workers import Shared

NAIVE = seasonal_naive.SEASONAL_NAIVES[-1]

ReadHistory: TypeAlias = Callable[[], pd.DataFrame]
ReadWeather: TypeAlias = Callable[[], pd.DataFrame]
ReadPanel: TypeAlias = Callable[[], pd.DataFrame | None]
Rung: TypeAlias = Callable[[ReadPanel], pd.DataFrame | None]
"""Makes the forecast of some series."""

_log = logging.getLogger(__name__)


class Candidate(Protocol):
    """A stored model that may be used for a forecast."""

    @property
    def version(self) -> str:
        """The name of the model version."""

    @property
    def hour(self) -> datetime:
        """The hour for which the model was trained."""

    def load(self) -> Fitted:
        """The forecaster, without history; raises StorageError if it cannot be loaded."""


@dataclass(frozen=True)
class Limits:
    """What a forecast may use, and how long it waits for it."""

    horizon: int
    max_age: timedelta
    """Models of hours older than this, before the origin, are not used."""
    patience: float
    """Seconds to wait for the feature store, and again for the model registry."""


def forecast(
    origin: datetime,
    histories: Sequence[ReadHistory],
    candidates: Iterable[Candidate],
    read_last_forecast: Callable[[], pd.DataFrame],
    limits: Limits,
    apply: Apply = map,
    weather: ReadWeather | None = None,
) -> pd.DataFrame:
    """Forecast every series for the hours after `origin`, by the first rung that succeeds.

    Each of the `histories` gives the rows of `schemas.CONSUMPTION` up to `origin` of some series,
    which are forecast by themselves; `apply` works like the built-in `map`. `candidates` are
    promoted models, newest first. `read_last_forecast` gives the newest forecast stored for an
    origin before this one, as rows of `schemas.PREDICTIONS`; it raises NotFoundError if there is
    none.

    `weather` gives what was known of it at the origin, indexed by (area, datetime_utc), for the
    hours of the histories and those ahead. It is asked once for all of them, and for a single one
    only if a model needs it.

    Returns the columns of `schemas.FORECASTS`. `quality` names the rung, and marks
    series that are new to the model.

    Raises the feature store's error if it cannot be read and there is no forecast to carry over.
    """
    if len(histories) == 1:  # it is read once for all rungs
        try:
            panel = within(limits.patience, lambda: _panel(origin, histories[0]))
        except Exception as error:
            return _without_history(origin, read_last_forecast, limits.horizon, error)
        reads: Sequence[ReadPanel] = [lambda: panel]
        apply = map
    else:
        reads = [partial(_panel, origin, read) for read in histories]

    def every(rung: Rung) -> pd.DataFrame:
        """The forecasts of all series by one rung."""
        found = [part for part in apply(rung, reads) if part is not None]
        if not found:
            raise _NoHistoryError(
                ShortHistoryError(f"there are no observations in the window up to {origin}")
            )
        return conform(pd.concat(found), FORECASTS) if len(found) > 1 else found[0]

    def by_models() -> pd.DataFrame:
        # Shards may be forecast elsewhere: what is known of the weather is sent along.
        known = weather().copy if weather and len(reads) > 1 else weather
        return _by_models(origin, every, candidates, limits, known)

    patience = limits.patience * len(histories)
    try:
        try:
            return within(patience, by_models)
        except _NoHistoryError:
            raise
        except Exception as error:
            _log.warning("%s: no model makes the forecast (%s)", origin, _reason(error))
        return within(patience, lambda: every(partial(_by_naive, origin, limits.horizon)))
    except _NoHistoryError as error:
        return _without_history(origin, read_last_forecast, limits.horizon, error)
    except Exception as error:
        _log.warning("%s: the seasonal naive fails too (%s)", origin, _reason(error))
        return _carried_over(origin, read_last_forecast, limits.horizon, error)


def _by_models(
    origin: datetime,
    every: Callable[[Rung], pd.DataFrame],
    candidates: Iterable[Candidate],
    limits: Limits,
    weather: ReadWeather | None,
) -> pd.DataFrame:
    """The forecast of the newest model that gives one; raises NotFoundError if none does."""
    for candidate in candidates:
        if candidate.hour > origin:
            _log.warning("model %s is skipped: it is of a later hour", candidate.version)
            continue
        if candidate.hour < origin - limits.max_age:
            break
        quality = MODEL if candidate.hour == origin else PREVIOUS_MODEL
        try:
            model = Shared(candidate.load)
            named = candidate.version, quality
            return every(partial(_by_model, origin, limits.horizon, model, *named, weather))
        except _NoHistoryError:
            raise
        except Exception as error:
            _log.warning("model %s is skipped: %s", candidate.version, _reason(error))
    raise NotFoundError("there is no promoted model that is new enough")


def _by_model(
    origin: datetime,
    horizon: int,
    shared: Shared[Fitted],
    version: str,
    quality: str,
    weather: ReadWeather | None,
    read: ReadPanel,
) -> pd.DataFrame | None:
    """The forecast of a model; None if there is no history.

    Raises ForecastError if it needs the weather, which is not known, or if it is not finite.
    """
    if (panel := read()) is None:
        return None
    model, X = shared.get(), None
    if model.response is not None:
        known = weather() if weather else None
        if known is not None and is_known_ahead(known, origin, horizon):
            known = known.reindex(columns=list(model.response.names))
            X = by_series(known, panel.index.droplevel(-1).unique())
        if X is None and model.plain is not None:
            model, quality = model.plain, WITHOUT_WEATHER if quality == MODEL else quality
    model = model.updated(panel, X)
    values = model.predict(horizon, QUANTILES, X)
    if not np.isfinite(values.to_numpy()).all():
        raise ForecastError("its forecast is not finite")
    share = model.exogenous_effect(horizon, X)
    effect = np.nan if share is None else share * values["forecast"].to_numpy()
    rows = _as_forecast(values.assign(weather_effect=effect), panel, origin, version, quality)
    return _with_new_series(rows, model)


def _with_new_series(rows: pd.DataFrame, model: Fitted) -> pd.DataFrame:
    """The same forecast, with new series marked, unless all are as new as the store."""
    little = model.little_history
    if little.empty:
        return rows
    new = pd.MultiIndex.from_frame(little[list(SERIES_KEY)])
    marked = pd.MultiIndex.from_frame(rows[list(SERIES_KEY)]).isin(new)
    return rows if marked.all() else rows.assign(quality=rows["quality"].mask(marked, NEW_SERIES))


def _by_naive(origin: datetime, horizon: int, read: ReadPanel) -> pd.DataFrame | None:
    """The forecast of the seasonal naive; None if there is no history."""
    if (panel := read()) is None:
        return None
    values = seasonal_naive.forecast(panel, horizon, NAIVE.season, QUANTILES)
    values["weather_effect"] = np.nan
    return _as_forecast(values, panel, origin, NAIVE.name, BASELINE)


def _panel(origin: datetime, read: ReadHistory) -> pd.DataFrame | None:
    """The history as a panel that ends at the origin; None if it has no rows.

    Raises _NoHistoryError if it cannot be read.
    """
    try:
        rows = read()
    except Exception as error:
        raise _NoHistoryError(error) from error
    return None if rows.empty else ending_at(as_panel(rows), pd.Timestamp(origin))


class _NoHistoryError(Exception):
    """The history cannot be read, for this reason, or there is none: no model can help."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(reason)
        self.reason = reason


def _without_history(
    origin: datetime, read_last_forecast: Callable[[], pd.DataFrame], horizon: int, cause: Exception
) -> pd.DataFrame:
    cause = cause.reason if isinstance(cause, _NoHistoryError) else cause
    _log.warning("%s: no history to forecast from (%s)", origin, _reason(cause))
    return _carried_over(origin, read_last_forecast, horizon, cause)


def _as_forecast(
    values: pd.DataFrame, panel: pd.DataFrame, origin: datetime, version: str, quality: str
) -> pd.DataFrame:
    """Forecasts with the index levels of the panel, as rows of `schemas.FORECASTS`."""
    rows = values.rename(columns={"forecast": panel.columns[0]}).reset_index()
    rows["origin"] = pd.Timestamp(origin)
    rows["horizon"] = (rows["datetime_utc"] - rows["origin"]).dt.total_seconds() // 3600
    return conform(rows.assign(model_version=version, quality=quality), FORECASTS)


def _carried_over(
    origin: datetime,
    read_last_forecast: Callable[[], pd.DataFrame],
    horizon: int,
    cause: Exception,
) -> pd.DataFrame:
    """The last forecast as one from `origin`.

    Its own values where it reaches that far; after its end, those of the same hours of its last
    day.
    """
    try:
        last = read_last_forecast()
    except NotFoundError:
        raise cause from None
    by_hour = last.set_index([*SERIES_KEY, "datetime_utc"])
    series = last[list(SERIES_KEY)].drop_duplicates()
    hours = pd.date_range(origin, periods=horizon + 1, freq="h", name="datetime_utc")[1:]
    rows = series.merge(hours.to_frame(index=False), how="cross")
    end, day = last["datetime_utc"].max(), pd.Timedelta(days=1)
    days_after = np.ceil((rows["datetime_utc"] - end) / day).clip(lower=0)
    source = rows.assign(datetime_utc=rows["datetime_utc"] - days_after * day)
    values = by_hour.reindex(pd.MultiIndex.from_frame(source[list(PRIMARY_KEY)]))
    copied = values.reset_index(drop=True).drop(columns=["horizon", "origin", "quality"])
    rows = pd.concat([rows.reset_index(drop=True), copied], axis=1)
    rows["origin"] = pd.Timestamp(origin)
    rows["horizon"] = (rows["datetime_utc"] - rows["origin"]).dt.total_seconds() // 3600
    return conform(rows.assign(quality=CARRIED_OVER), FORECASTS)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
