"""There is always a forecast: the newest good model's, or an earlier one's, or the baseline's."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
import pandas as pd

from energy_assets.errors import ForecastError, StorageError
from energy_assets.forecasting.forecaster import GlobalForecaster
from energy_assets.forecasting.models import seasonal_naive as baseline
from energy_assets.forecasting.panel.matrix import ending_at
from energy_assets.schemas import PREDICTIONS, conform

BASELINE = "seasonal_naive_168"
COVERAGE = 0.8

_log = logging.getLogger(__name__)


class Candidate(Protocol):
    """A stored model that may be used."""

    @property
    def version(self) -> str:
        """Its name."""

    @property
    def hour(self) -> datetime:
        """The hour whose training gave it."""

    def load(self) -> GlobalForecaster:
        """The forecaster, without history; raises StorageError if there is none that works."""


def forecast(
    history: pd.DataFrame,
    candidates: Iterable[Candidate],
    origin: datetime,
    horizon: int,
    max_age: timedelta,
) -> pd.DataFrame:
    """Forecast every series of `history` for the `horizon` hours after `origin`.

    `history`: index (area, consumer_type, datetime_utc), one column, nothing later than `origin`.
    `candidates`: promoted models, newest first. One that is older than `max_age`, broken, or whose
    forecast is not finite is passed over; with none left the seasonal naive forecasts.

    Raises ForecastError only where there is no history at all.

    Returns the columns of `schemas.PREDICTIONS`; `quality` is `model` for the origin's own model,
    `previous_model` for an earlier one, `baseline` for the seasonal naive.
    """
    history = ending_at(history, pd.Timestamp(origin))
    for candidate in candidates:
        if candidate.hour < origin - max_age:
            break
        try:
            made = _by_model(candidate, history, horizon)
        except (StorageError, ForecastError) as error:
            _log.warning("model %s is passed over: %s", candidate.version, error)
            continue
        quality = "model" if candidate.hour == origin else "previous_model"
        return _table(made, history, origin, candidate.version, quality)
    made = baseline.forecast(history, horizon=horizon, season=168)
    return _table(made, history, origin, BASELINE, "baseline")


def _by_model(candidate: Candidate, history: pd.DataFrame, horizon: int) -> pd.DataFrame:
    forecaster = candidate.load()
    forecaster.update(history, update_params=False)
    ahead = list(range(1, horizon + 1))
    point = forecaster.predict(fh=ahead)
    interval = forecaster.predict_interval(fh=ahead, coverage=COVERAGE)
    made = pd.DataFrame(
        {
            "forecast": point.iloc[:, 0],
            "lower": interval.xs("lower", axis=1, level=-1).iloc[:, 0],
            "upper": interval.xs("upper", axis=1, level=-1).iloc[:, 0],
        }
    )
    if not np.isfinite(made.to_numpy()).all():
        raise ForecastError("its forecast is not finite")
    return made


def _table(
    made: pd.DataFrame, history: pd.DataFrame, origin: datetime, version: str, quality: str
) -> pd.DataFrame:
    """Forecasts indexed as the history, as rows of `schemas.PREDICTIONS`."""
    rows = made.rename(columns={"forecast": history.columns[0]}).reset_index()
    time = history.index.names[-1]
    rows["origin"] = pd.Timestamp(origin)
    rows["horizon"] = (rows[time] - rows["origin"]).dt.total_seconds() // 3600
    rows["model_version"] = version
    rows["quality"] = quality
    return conform(rows, PREDICTIONS)
