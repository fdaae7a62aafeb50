"""Hours: how many a forecast looks ahead, and how many there must be behind to learn it from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sktime.forecasting.base import ForecastingHorizon

from energy_assets.errors import ForecastError, ShortHistoryError
from energy_assets.forecasting.panel.matrix import DAY, HOUR, HourlyMatrix, Ints


def steps_ahead(fh: ForecastingHorizon, cutoff: Any, horizon: int) -> Ints:
    """The hours ahead of `cutoff` that `fh`, relative or absolute, asks for, ascending.

    Raises ForecastError for anything but whole hours from 1 to `horizon`.
    """
    relative = fh.to_relative(cutoff).to_pandas()
    if isinstance(relative, pd.TimedeltaIndex):
        relative = relative / (cutoff.freq or HOUR)
    steps = np.asarray(relative, dtype=float)
    if (steps != np.rint(steps)).any() or steps.min() < 1 or steps.max() > horizon:
        raise ForecastError(
            f"fh asks for {steps.tolist()} hours ahead of {cutoff[0]}, and horizon={horizon} "
            f"allows whole hours from 1 to {horizon}: ask for those, or fit with another horizon."
        )
    return steps.astype(np.int64)


def check_lengths(horizon: int, calibration_days: int) -> None:
    """Raise ForecastError if the days held out could not hold a whole horizon."""
    if 0 < DAY * calibration_days < horizon:
        raise ForecastError(
            f"calibration_days={calibration_days} is shorter than horizon={horizon} hours: hold "
            "out at least as much, or nothing with calibration_days=0."
        )


def require_hours(window: HourlyMatrix, horizon: int, calibration_days: int) -> None:
    """Raise ShortHistoryError if `window` is too short to train on and to hold out days of.

    A day is needed before the first origin, then a whole horizon, then the days held out.
    """
    needed = DAY * (1 + calibration_days) + horizon
    if len(window.hours) < needed:
        raise ShortHistoryError(
            f"The window has {len(window.hours)} hours, from {window.hours[0]} to "
            f"{window.hours[-1]}, and {needed} are needed to train for horizon={horizon} with "
            f"calibration_days={calibration_days}: use a longer window, or hold out fewer days."
        )
