"""The time axis of a panel: consecutive hours, or the steps of another regular index.

The model is designed for hours. Days, months or plain numbers count as steps, with the same lags
and without a calendar.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from energy_assets.errors import ForecastError

HOUR = pd.Timedelta(hours=1)
DAY = pd.Timedelta(days=1)

Ints = npt.NDArray[np.int64]


def axis_of(times: Any, like: Any = None) -> Any:
    """The regular index from the first to the last of `times`, which are unique and sorted.

    `like` is an index with the same step: a few `times` alone may not reveal it.

    Raises ForecastError unless `times` are tz-naive hours, or steps of at least a day.
    """
    if pd.api.types.is_integer_dtype(times.dtype):
        return pd.RangeIndex(times[0], times[-1] + 1, name=times.name)
    if isinstance(times, pd.PeriodIndex):
        _require_hours_or_days(times.freq)
        return pd.period_range(times[0], times[-1], freq=times.freq, name=times.name)
    if not isinstance(times, pd.DatetimeIndex) or times.tz is not None:
        raise ForecastError(
            f"The last index level must hold tz-naive UTC times, not {times.dtype}: "
            'convert with tz_convert("UTC").tz_localize(None).'
        )
    if times.freq is not None:
        _require_hours_or_days(times.freq)
    step = times.freq or (_step(times) if like is None else like.freq)
    return pd.date_range(times[0], times[-1], freq=step, name=times.name)


def ahead(axis: Any, steps: Any) -> Any:
    """The times `steps` after the end of `axis`."""
    if isinstance(axis, pd.RangeIndex):
        return pd.Index(axis[-1] + steps, name=axis.name)
    if isinstance(axis, pd.DatetimeIndex) and axis.freq == HOUR:
        return pd.DatetimeIndex(axis[-1] + pd.to_timedelta(steps, unit="h"), name=axis.name)
    times = [axis[-1] + int(step) * axis.freq for step in steps]
    return type(axis)(times, name=axis.name)


def joined(axis: Any, other: Any) -> Any:
    """The axis that spans two axes with the same step."""
    first, last = min(axis[0], other[0]), max(axis[-1], other[-1])
    if isinstance(axis, pd.RangeIndex):
        return pd.RangeIndex(first, last + 1, name=other.name)
    if isinstance(axis, pd.PeriodIndex):
        return pd.period_range(first, last, freq=axis.freq, name=other.name)
    return pd.date_range(first, last, freq=axis.freq or other.freq, name=other.name)


def hours_of(axis: Any, before: int, after: int) -> pd.DatetimeIndex | None:
    """The hours of `axis`, extended by `before` hours at the start and `after` at the end.

    None if the steps of `axis` are not hours.
    """
    if isinstance(axis, pd.PeriodIndex) and axis.freq == pd.tseries.offsets.Hour():
        axis = axis.to_timestamp()
    if not isinstance(axis, pd.DatetimeIndex) or axis.freq != HOUR:
        return None
    return pd.date_range(axis[0] - before * HOUR, axis[-1] + after * HOUR, freq="h")


def first_step(axis: Any) -> int:
    """The number of the first hour, counted from 1970, or of the first step of another index.

    Panels that overlap count in the same way: what is fitted to one is right for the other.
    """
    hours = hours_of(axis, 0, 0)
    if hours is not None:
        return int(hours[0].value // HOUR.value)
    if isinstance(axis, pd.RangeIndex):
        return int(axis[0])
    periods = axis if isinstance(axis, pd.PeriodIndex) else axis[:1].to_period()
    step: Any = periods.freq
    return int(periods[0].ordinal // step.n)


def _require_hours_or_days(step: Any) -> None:
    """Raise ForecastError if `step` is shorter than a day and not an hour."""
    if isinstance(step, pd.tseries.offsets.Tick) and step.nanos < DAY.value and step != HOUR:
        raise ForecastError(
            f"The panel is not hourly: its times are {step.freqstr} apart. Aggregate it to hours "
            "first."
        )


def _step(times: pd.DatetimeIndex) -> Any:
    """The step between `times`: an hour, or a day or more as pandas infers it."""
    elapsed: Ints = times.to_numpy().astype("datetime64[ns]").astype(np.int64)
    steps: Ints = elapsed[1:] - elapsed[:-1]
    whole = bool((steps % HOUR.value == 0).all())
    shortest = int(steps.min()) if steps.size else HOUR.value
    if whole and shortest < DAY.value:
        if len(times) > 24 and shortest > HOUR.value:
            raise ForecastError(
                f"The panel is not hourly: its times are {shortest // HOUR.value} hours apart or "
                "more."
            )
        return "h"
    if shortest >= DAY.value:
        step = pd.infer_freq(times) if len(times) > 2 else pd.Timedelta(shortest)
        if step is not None:
            return step
        if (steps % DAY.value == 0).all():
            return "D"
    place = int((steps % HOUR.value != 0).argmax())
    raise ForecastError(
        f"The panel is not hourly: it holds {times[place]} and {times[place + 1]}, which are not "
        "whole hours apart. Aggregate it to hours first."
    )
