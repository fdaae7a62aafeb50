"""How far ahead a forecast may look, and how much history training needs for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from energy_assets.errors import ForecastError, ShortHistoryError
from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, Ints, PanelMatrix
from energy_assets.forecasting.panel.time_axis import HOUR

if TYPE_CHECKING:
    from sktime.forecasting.base import ForecastingHorizon


def steps_ahead(fh: ForecastingHorizon, cutoff: Any, horizon: int) -> Ints:
    """The hours after `cutoff` in `fh`, which may be relative or absolute, in ascending order.

    Raises ForecastError unless all are whole hours from 1 to `horizon`.
    """
    relative = fh.to_relative(cutoff).to_pandas()
    if isinstance(relative, pd.TimedeltaIndex):
        relative = relative / (cutoff.freq or HOUR)
    steps = np.asarray(relative, dtype=float)
    if (steps != np.rint(steps)).any() or steps.min() < 1 or steps.max() > horizon:
        raise _beyond(steps.tolist(), horizon)
    return steps.astype(np.int64)


def steps_until(hours: int, horizon: int) -> Ints:
    """The steps 1 to `hours`; raises ForecastError if that is longer than `horizon`."""
    if not 1 <= hours <= horizon:
        raise _beyond(hours, horizon)
    return np.arange(1, hours + 1, dtype=np.int64)


def _beyond(steps: object, horizon: int) -> ForecastError:
    return ForecastError(
        f"A forecast of {steps} hours ahead is asked for, but horizon={horizon} allows whole hours "
        f"from 1 to {horizon}: ask for those, or fit with another horizon."
    )


def check_lengths(horizon: int, calibration_days: int) -> None:
    """Raise ForecastError if the held-out days are shorter than the horizon."""
    if 0 < HOURS_PER_DAY * calibration_days < horizon:
        raise ForecastError(
            f"calibration_days={calibration_days} is shorter than horizon={horizon} hours: hold "
            "out at least one horizon, or nothing with calibration_days=0."
        )


def required_hours(horizon: int, calibration_days: int) -> int:
    """The shortest window: a day before the first origin, one horizon, and the held-out days."""
    return HOURS_PER_DAY * (1 + calibration_days) + horizon


def require_hours(window: PanelMatrix, horizon: int, calibration_days: int) -> None:
    """Raise ShortHistoryError if `window` is too short to train on and to hold out days."""
    required = required_hours(horizon, calibration_days)
    if len(window.hours) < required:
        raise ShortHistoryError(
            f"The window has {len(window.hours)} hours, from {window.hours[0]} to "
            f"{window.hours[-1]}, but training with horizon={horizon} and "
            f"calibration_days={calibration_days} needs {required}: use a longer window, or hold "
            "out fewer days."
        )
