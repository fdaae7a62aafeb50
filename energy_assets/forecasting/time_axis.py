"""The time axis of a panel: consecutive hours, or the steps of any other regular index.

The model is made for hours. Days, months or plain numbers count as steps: they get the same lags,
and no calendar.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from energy_assets.errors import ForecastError

HOUR = pd.Timedelta(hours=1)
DAY_OF_HOURS = pd.Timedelta(days=1)


def axis_of(times: Any, like: Any = None) -> Any:
    """The regular index from the first to the last of `times`, which are unique and sorted.

    `like` is another index with the same step, which a few `times` may not show.

    Raises ForecastError if they are not tz-naive hours, nor the steps of another regular index of
    at least a day.
    """
    if isinstance(times, pd.PeriodIndex):
        if times.freq != pd.tseries.offsets.Hour() and _short(times.freq):
            raise ForecastError(
                f"The panel is not hourly: its periods are {times.freq.freqstr}. Aggregate it to "
                "hours first."
            )
        return pd.period_range(times[0], times[-1], freq=times.freq, name=times.name)
    if pd.api.types.is_integer_dtype(times.dtype):
        return pd.RangeIndex(times[0], times[-1] + 1, name=times.name)
    if not isinstance(times, pd.DatetimeIndex) or times.tz is not None:
        raise ForecastError(
            f"The last index level must hold tz-naive UTC times, found {times.dtype}: "
            'convert with tz_convert("UTC").tz_localize(None).'
        )
    if times.freq is not None and times.freq != HOUR and _short(times.freq):
        raise ForecastError(
            f"The panel is not hourly: its times are {times.freq.freqstr} apart. Aggregate it to "
            "hours first."
        )
    step = times.freq or (step_of(times) if like is None else like.freq)
    return pd.date_range(times[0], times[-1], freq=step, name=times.name)


def ahead(axis: Any, steps: Any) -> Any:
    """The times that are `steps` after the last one of `axis`."""
    if isinstance(axis, pd.RangeIndex):
        return pd.Index(axis[-1] + steps, name=axis.name)
    if isinstance(axis, pd.DatetimeIndex) and axis.freq == HOUR:
        return pd.DatetimeIndex(axis[-1] + pd.to_timedelta(steps, unit="h"), name=axis.name)
    times = [axis[-1] + int(step) * axis.freq for step in steps]
    return type(axis)(times, name=axis.name)


def joined(axis: Any, other: Any) -> Any:
    """The axis from the earlier start to the later end of two axes of one step."""
    first, last = min(axis[0], other[0]), max(axis[-1], other[-1])
    if isinstance(axis, pd.RangeIndex):
        return pd.RangeIndex(first, last + 1, name=other.name)
    if isinstance(axis, pd.PeriodIndex):
        return pd.period_range(first, last, freq=axis.freq, name=other.name)
    return pd.date_range(first, last, freq=axis.freq or other.freq, name=other.name)


def hours_of(axis: Any, before: int, after: int) -> pd.DatetimeIndex | None:
    """The hours of `axis`, with `before` more ahead of them and `after` more behind.

    None if its steps are not hours.
    """
    if isinstance(axis, pd.PeriodIndex) and axis.freq == pd.tseries.offsets.Hour():
        axis = axis.to_timestamp()
    if not isinstance(axis, pd.DatetimeIndex) or axis.freq != HOUR:
        return None
    return pd.date_range(axis[0] - before * HOUR, axis[-1] + after * HOUR, freq="h")


def _short(step: Any) -> bool:
    """Whether a step is a fixed length of less than a day."""
    return isinstance(step, pd.tseries.offsets.Tick) and pd.Timedelta(step) < DAY_OF_HOURS


def step_of(times: pd.DatetimeIndex) -> Any:
    """The step between `times`: an hour, or what pandas finds from a day up."""
    apart = times.to_series().diff().dropna()
    if apart.empty or (apart % HOUR == pd.Timedelta(0)).all() and apart.min() < DAY_OF_HOURS:
        if len(times) > 24 and apart.min() > HOUR:
            raise ForecastError(
                f"The panel is not hourly: all its times are {apart.min() / HOUR:g} hours apart "
                "or more."
            )
        return "h"
    if apart.min() >= DAY_OF_HOURS:
        found = pd.infer_freq(times) if len(times) > 2 else apart.min()
        if found is not None:
            return found
        if (apart % DAY_OF_HOURS == pd.Timedelta(0)).all():
            return "D"
    shortest = times.get_indexer([apart.idxmin()])[0]
    raise ForecastError(
        f"The panel is not hourly: it holds {times[shortest - 1]} and {times[shortest]}, which are "
        "not whole hours apart. Aggregate it to hours first."
    )
