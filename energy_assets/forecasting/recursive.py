"""The recursive strategy: one hour ahead is learnt, and each forecast is an input of the next.

Trees and forecasts are those of sktime's
`make_reduction(LGBMRegressor(), strategy="recursive", pooling="global")` whose inputs come from a
`WindowSummarizer` and from `DateTimeFeatures`, without its loop over series and its data frame an
hour: the only loop here is the one over the hours ahead, which feed each other.

Belongs here: the rows such a model is trained on, its training and the loop of its forecasts.
Does not belong here: filling gaps, and sktime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from energy_assets.errors import ForecastError, ShortHistoryError
from energy_assets.forecasting.features.matrix import series_scale
from energy_assets.forecasting.models.held_out import HeldOut
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.matrix import DAY, Floats, HourlyMatrix, Ints

_CALENDAR = {"day_of_week": "dayofweek", "hour_of_day": "hour"}
"""sktime's names of the columns, and pandas' names of the attributes of UTC hours."""

# The same trees to the last bit, whatever the number of threads.
_FIXED: dict[str, Any] = {"deterministic": True, "force_col_wise": True, "verbosity": -1}


@dataclass(frozen=True)
class RecursiveFeatures:
    """What a model sees of the hours before the one it forecasts.

    `means` and `stds` (sample standard deviations) are over windows (lag, length), as
    `WindowSummarizer` writes them: `length` hours, of which the last is `lag` hours before the
    forecast hour. The columns come in the order given here: lags, means, stds, codes of the
    series, `calendar`.

    Raises ForecastError if something would look at the forecast hour itself or after it, nothing
    looks back, or a calendar column is unknown.
    """

    lags: tuple[int, ...] = tuple(range(1, 73))
    means: tuple[tuple[int, int], ...] = ((1, 24), (1, 48), (1, 72))
    stds: tuple[tuple[int, int], ...] = ((1, 24), (1, 48))
    calendar: tuple[str, ...] = ("day_of_week", "hour_of_day")

    def __post_init__(self) -> None:
        windows = (*((lag, 1) for lag in self.lags), *self.means, *self.stds)
        if not windows or min(min(window) for window in windows) < 1:
            raise ForecastError(
                "The recursive strategy needs lags or windows of past hours: each lag and each "
                f"window's lag and length must be 1 or more, found {self}."
            )
        if any(length < 2 for _, length in self.stds):
            raise ForecastError(f"A standard deviation needs 2 hours or more, found {self.stds}.")
        if unknown := set(self.calendar) - set(_CALENDAR):
            raise ForecastError(
                f"Unknown calendar columns {sorted(unknown)}: choose of {list(_CALENDAR)}."
            )

    @property
    def window(self) -> int:
        """Hours before the forecast hour that the features look at."""
        windows = (*((lag, 1) for lag in self.lags), *self.means, *self.stds)
        return max(lag + length - 1 for lag, length in windows)

    def names(self, codes: Sequence[str] = ()) -> tuple[str, ...]:
        """The names of the columns, `codes` being those of the series' codes."""
        return (
            *(f"lag_{lag}" for lag in self.lags),
            *(f"mean_{lag}_{length}" for lag, length in self.means),
            *(f"std_{lag}_{length}" for lag, length in self.stds),
            *codes,
            *self.calendar,
        )


DEFAULT = RecursiveFeatures()


@dataclass(frozen=True)
class RecursiveModel:
    """Trees that forecast one hour ahead, and what turns a history into their rows.

    `labels` are those of `key_labels`. `booster` is None where there was nothing to train on: the
    forecast of a series is then the mean of its last hours.
    """

    features: RecursiveFeatures
    labels: list[list[str]]
    booster: lgb.Booster | None = None

    def forecast(self, history: HourlyMatrix, steps: Ints, threads: int | None) -> Floats:
        """Forecasts, shape (series, steps), for the hours after `history`, which is filled."""
        codes = key_codes(history.series, self.labels)
        recent = history.array[:, -self.features.window :]
        if self.booster is None:
            known = np.isfinite(recent)
            total = np.where(known, recent, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
            return np.repeat(total[:, None], len(steps), axis=1)
        predict = partial(self.booster.predict, num_threads=threads or 1)
        made = forecast(predict, recent, history.hours, int(steps.max()), codes, self.features)
        return made[:, steps - 1]


def fit(
    window: HourlyMatrix,
    filled: HourlyMatrix,
    features: RecursiveFeatures,
    parameters: Mapping[str, Any],
    *,
    horizon: int,
    origin_step: int,
    held_out: int,
) -> tuple[RecursiveModel, HeldOut | None]:
    """Fit to a window, and to what is before its last `held_out` hours to forecast those.

    What was filled counts as observed, as it does for sktime.

    Raises ForecastError if LightGBM refuses `parameters`.
    """
    hours = len(window.hours)

    def up_to(end: int) -> RecursiveModel:
        part = HourlyMatrix(filled.array[:, :end], window.hours[:end], window.series)
        labels = key_labels(part.series)
        codes = key_codes(part.series, labels)
        try:
            rows, target = training_rows(part.array, part.hours, codes, features)
        except ShortHistoryError:
            return RecursiveModel(features, labels)
        return RecursiveModel(features, labels, train(rows, target, parameters))

    model = up_to(hours)
    if not held_out or model.booster is None:
        return model, None
    seen = hours - held_out
    unseeing = up_to(seen)
    origins = np.arange(seen - 1, hours - horizon, origin_step)
    steps = np.arange(1, horizon + 1)
    made = [
        unseeing.forecast(
            HourlyMatrix(filled.array[:, : origin + 1], window.hours[: origin + 1], window.series),
            steps,
            parameters.get("n_jobs"),
        )
        for origin in origins
    ]
    return model, HeldOut(
        origins,
        window.array[:, origins[:, None] + steps],
        np.stack(made, axis=1),
        series_scale(window.array, seen)[:, :, None],
    )


def training_rows(
    array: Floats,
    hours: Any,
    codes: Floats | None = None,
    features: RecursiveFeatures = DEFAULT,
) -> tuple[Floats, Floats]:
    """The rows to train on, shape (rows, columns), and their targets, shape (rows,).

    `array` has the shape (series, hours), `codes` the shape (series, code columns). There is a row
    for each hour that is known together with the whole window before it, series by series and in
    the order of time; so a series starts to count `features.window` hours after its first value.

    Raises ShortHistoryError if there is no such hour.
    """
    window = features.window
    if array.shape[1] <= window or not (complete := _complete(array, window + 1)).any():
        raise ShortHistoryError(
            f"No series has {window + 1} known hours in a row, the {window} that the recursive "
            "strategy looks back at and one to forecast: use a longer window, or shorter lags."
        )
    row, hour = np.nonzero(complete)
    hour += window
    # By pandas, like sktime: a sum rounded otherwise in its last bit can put a row on the other
    # side of a split, and the trees after it are others.
    rolling = pd.DataFrame(array.T).rolling
    columns = [
        *(array[row, hour - lag] for lag in features.lags),
        *(rolling(length).mean().to_numpy()[hour - lag, row] for lag, length in features.means),
        *(rolling(length).std().to_numpy()[hour - lag, row] for lag, length in features.stds),
        *(() if codes is None else codes[row].T),
        *_calendar(hours, features)[:, hour],
    ]
    return np.asarray(columns).T, array[row, hour]


def train(rows: Floats, target: Floats, parameters: Mapping[str, Any]) -> lgb.Booster:
    """The trees that `LGBMRegressor(**parameters)` grows, `parameters` under its names.

    Raises ForecastError if LightGBM refuses `parameters`.
    """
    given = {**_FIXED, **parameters}
    rounds = given.pop("n_estimators", 100)
    try:
        return lgb.train(given, lgb.Dataset(rows, label=target, params=given), rounds)
    except lgb.basic.LightGBMError as error:
        raise ForecastError(f"LightGBM cannot train with {dict(parameters)}: {error}") from error


def forecast(
    predict: Callable[[Floats], Any],
    array: Floats,
    hours: Any,
    steps: int,
    codes: Floats | None = None,
    features: RecursiveFeatures = DEFAULT,
) -> Floats:
    """Forecasts of the `steps` hours after the last one of `array`, shape (series, steps).

    `predict` gives the values of rows like those of `training_rows`, for instance a booster's
    `predict`; it is called once for each hour ahead with one row a series. Of `array`, shape
    (series, hours), only the last `features.window` hours count. Those of them that are not known
    count as the mean of the series' known ones (sktime takes zeros); a series of which none is
    known is forecast as NaN.
    """
    window = features.window
    values = np.full((len(array), window + steps), np.nan)
    recent = array[:, -window:]
    values[:, window - recent.shape[1] : window] = recent
    known = np.isfinite(values)
    silent = ~known.any(axis=1)
    level = np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    values = np.where(known, values, level[:, None])

    calendar = _calendar(time_axis.ahead(hours, np.arange(1, steps + 1)), features)
    lags = np.array(features.lags, dtype=np.intp) - 1
    for step in range(steps):
        # Column k is the hour k + 1 before the one to forecast.
        past = values[:, step : step + window][:, ::-1]
        rows = np.column_stack(
            [
                past[:, lags],
                *(_mean(past[:, lag - 1 : lag - 1 + length]) for lag, length in features.means),
                *(_std(past[:, lag - 1 : lag - 1 + length]) for lag, length in features.stds),
                *(() if codes is None else codes.T),
                *(np.full(len(array), value) for value in calendar[:, step]),
            ]
        )
        values[:, window + step] = predict(rows)
    return np.where(silent[:, None], np.nan, values[:, window:])


def key_labels(series: pd.Index | None) -> list[list[str]]:
    """The sorted labels of each level of the series' keys, to be kept with the trees.

    Empty for a level whose labels are all numbers, or read as such ("121"): they are codes.
    """
    if series is None:
        return []
    levels = [series.get_level_values(level).unique() for level in range(series.nlevels)]
    return [[] if _numbers(labels).notna().all() else sorted(map(str, labels)) for labels in levels]


def key_codes(series: pd.Index | None, labels: Sequence[Sequence[str]]) -> Floats:
    """The codes of the series' keys, shape (series, levels), a column for each of `labels`.

    A number is its own code, a label its place from 1 among the sorted ones of its level, so that
    DK1 and DK2 are 1 and 2. One that is not among `labels` comes between its neighbours.
    """
    if series is None:
        return np.empty((1, 0))
    codes = np.empty((len(series), len(labels)))
    for level, sorted_labels in enumerate(labels):
        keys = series.get_level_values(level)
        if not sorted_labels:
            codes[:, level] = _numbers(keys)
            continue
        texts, places = np.array(sorted_labels), keys.astype(str).to_numpy(dtype=str)
        before = np.searchsorted(texts, places)
        codes[:, level] = before + np.where(np.isin(places, texts), 1.0, 0.5)
    return codes


def _complete(array: Floats, length: int) -> Any:
    """Whether the `length` hours up to each are all known, from the first that has as many."""
    known = np.lib.stride_tricks.sliding_window_view(np.isfinite(array), length, axis=1)
    return known.all(axis=2)


def _calendar(hours: Any, features: RecursiveFeatures) -> Floats:
    """The calendar columns, shape (columns, hours); of steps without dates, those of 24 a day."""
    if not isinstance(hours, pd.DatetimeIndex | pd.PeriodIndex):
        step = np.asarray(hours)
        numbers = {"day_of_week": step // DAY % 7, "hour_of_day": step % DAY}
        columns = [numbers[name] for name in features.calendar]
        return np.array(columns, dtype=float).reshape(-1, len(step))
    columns = [getattr(hours, _CALENDAR[name]) for name in features.calendar]
    return np.array(columns, dtype=float).reshape(-1, len(hours))


# Both from the differences to the first value, which are exactly zero where nothing changes: a
# standard deviation of about 1e-17 instead of 0 would take the other side of a split.
def _mean(values: Floats) -> Floats:
    first = values[:, 0]
    return first + (values - first[:, None]).mean(axis=1)


def _std(values: Floats) -> Floats:
    return (values - values[:, :1]).std(axis=1, ddof=1)


def _numbers(labels: pd.Index) -> pd.Series:
    return pd.to_numeric(labels.to_series(), errors="coerce").astype(float)
