"""There is always a forecast: by the newest good model, by an earlier one, or by the baseline."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
import pandas as pd

from energy_assets.errors import ForecastError, StorageError
from energy_assets.forecasting.forecaster import GlobalForecaster
from energy_assets.forecasting.models import seasonal_naive
from energy_assets.forecasting.panel.matrix import ending_at
from energy_assets.schemas import PREDICTIONS, conform

BASELINE = seasonal_naive.SEASONAL_NAIVES[-1]
COVERAGE = 0.8

_log = logging.getLogger(__name__)


class Candidate(Protocol):
    """A stored model that may be used for a forecast."""

    @property
    def version(self) -> str:
        """The name of the model version."""

    @property
    def hour(self) -> datetime:
        """The hour for which the model was trained."""

    def load(self) -> GlobalForecaster:
        """The forecaster, without history; raises StorageError if it cannot be loaded."""


def forecast(
    history: pd.DataFrame,
    candidates: Iterable[Candidate],
    origin: datetime,
    horizon: int,
    max_age: timedelta,
) -> pd.DataFrame:
    """Forecast every series of `history` for the `horizon` hours after `origin`.

    `history` has the index (area, consumer_type, datetime_utc) and one column, with nothing later
    than `origin`. `candidates` are promoted models, newest first. A model that is older than
    `max_age`, cannot be loaded, or gives a forecast that is not finite is skipped. If none is
    left, the seasonal naive forecasts.

    Returns the columns of `schemas.PREDICTIONS`. `quality` is `model` for the model of the origin
    itself, `previous_model` for an earlier one, and `baseline` for the seasonal naive.

    Raises ForecastError only if there is no history at all.
    """
    history = ending_at(history, pd.Timestamp(origin))
    for candidate in candidates:
        if candidate.hour < origin - max_age:
            break
        try:
            values = _by_model(candidate, history, horizon)
        except (StorageError, ForecastError) as error:
            _log.warning("model %s is skipped: %s", candidate.version, error)
            continue
        quality = "model" if candidate.hour == origin else "previous_model"
        return _as_predictions(values, history, origin, candidate.version, quality)
    values = seasonal_naive.forecast(history, horizon, BASELINE.season, COVERAGE)
    return _as_predictions(values, history, origin, BASELINE.name, "baseline")


def _by_model(candidate: Candidate, history: pd.DataFrame, horizon: int) -> pd.DataFrame:
    forecaster = candidate.load()
    forecaster.update(history, update_params=False)
    steps = list(range(1, horizon + 1))
    point = forecaster.predict(fh=steps)
    interval = forecaster.predict_interval(fh=steps, coverage=COVERAGE)
    values = pd.DataFrame(
        {
            "forecast": point.iloc[:, 0],
            "lower": interval.xs("lower", axis=1, level=-1).iloc[:, 0],
            "upper": interval.xs("upper", axis=1, level=-1).iloc[:, 0],
        }
    )
    if not np.isfinite(values.to_numpy()).all():
        raise ForecastError("its forecast is not finite")
    return values


def _as_predictions(
    values: pd.DataFrame, history: pd.DataFrame, origin: datetime, version: str, quality: str
) -> pd.DataFrame:
    """Forecasts with the index levels of the history, as rows of `schemas.PREDICTIONS`."""
    rows = values.rename(columns={"forecast": history.columns[0]}).reset_index()
    time = history.index.names[-1]
    rows["origin"] = pd.Timestamp(origin)
    rows["horizon"] = (rows[time] - rows["origin"]).dt.total_seconds() // 3600
    rows["model_version"] = version
    rows["quality"] = quality
    return conform(rows, PREDICTIONS)
