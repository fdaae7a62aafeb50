"""Hours: how many a forecast looks ahead, and how many there must be behind to learn it from."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sktime.forecasting.base import ForecastingHorizon

from energy_assets.errors import ForecastError, ShortHistoryError
from energy_assets.forecasting.panel import DAY, HOUR, HourlyMatrix, Ints


def steps_ahead(fh: ForecastingHorizon, origin: pd.Timestamp, horizon: int) -> Ints:
    """The hours ahead of `origin` that `fh`, relative or absolute, asks for, ascending.

    Raises ForecastError for anything but whole hours from 1 to `horizon`.
    """
    values = fh.to_pandas()
    if isinstance(values, pd.PeriodIndex):
        values = values.to_timestamp()
    if not fh.is_relative:
        values = values - origin
    steps = np.asarray(values / HOUR if isinstance(values, pd.TimedeltaIndex) else values)
    if (steps != np.rint(steps)).any() or steps.min() < 1 or steps.max() > horizon:
        raise ForecastError(
            f"fh asks for {steps.tolist()} hours ahead of {origin}, and horizon={horizon} allows "
            f"whole hours from 1 to {horizon}: ask for those, or fit with another horizon."
        )
    return steps.astype(np.int64)


def require_hours(window: HourlyMatrix, horizon: int, calibration_days: int) -> None:
    """Raise ForecastError if `window` is too short to train on and to hold out days of.

    A day is needed before the first origin, then a whole horizon, then the days held out.
    """
    held_out = DAY * calibration_days
    if 0 < held_out < horizon:
        raise ForecastError(
            f"calibration_days={calibration_days} is shorter than horizon={horizon} hours: hold "
            "out at least as much, or nothing with calibration_days=0."
        )
    needed = DAY + horizon + held_out
    if len(window.hours) < needed:
        raise ShortHistoryError(
            f"The window has {len(window.hours)} hours, from {window.hours[0]} to "
            f"{window.hours[-1]}, and {needed} are needed to train for horizon={horizon} with "
            f"calibration_days={calibration_days}: use a longer window, or hold out fewer days."
        )
