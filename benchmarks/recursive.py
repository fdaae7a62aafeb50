"""A recursive model: one hour ahead is learnt, and each forecast is an input of the next.

It gives the forecasts of the model in `course` with LightGBM, without sktime's loop over series and
its data frame per hour. It is the variant "recursive" of `variants`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.matrix import Floats, PanelMatrix, fill_gaps, to_matrix


@dataclass(frozen=True)
class Features:
    """What the model sees of the hours before the target.

    `means` and `stds` (sample standard deviations) are over windows (lag, length) as in sktime's
    `WindowSummarizer`: `length` hours, the last of them `lag` hours before the target.
    """

    lags: tuple[int, ...] = tuple(range(1, 73))
    means: tuple[tuple[int, int], ...] = ((1, 24), (1, 48), (1, 72))
    stds: tuple[tuple[int, int], ...] = ((1, 24), (1, 48))

    @property
    def window(self) -> int:
        """Hours before the target that the features look at."""
        windows = (*((lag, 1) for lag in self.lags), *self.means, *self.stds)
        return max(lag + length - 1 for lag, length in windows)


DEFAULT = Features()


def forecast(
    panel: pd.DataFrame, horizon: int, parameters: dict[str, Any], features: Features = DEFAULT
) -> pd.Series:
    """Fit to `panel` and forecast every series for the `horizon` hours after it.

    `parameters` are those of `LGBMRegressor`. Every series needs a value in the last hours.
    """
    observed = to_matrix(panel)
    matrix = PanelMatrix(fill_gaps(observed.array), observed.hours, observed.series)
    codes = series_codes(matrix.series)
    rows, target = training_rows(matrix, codes, features)
    # The same trees to the last bit, for any number of threads.
    settings = {"deterministic": True, "force_col_wise": True, "verbosity": -1, **parameters}
    rounds = settings.pop("n_estimators")
    booster = lgb.train(settings, lgb.Dataset(rows, label=target, params=settings), rounds)
    hours = time_axis.ahead(matrix.hours, np.arange(1, horizon + 1))
    values = recurse(booster, matrix, codes, hours, features)
    return pd.Series(values.ravel(), matrix.index(hours))


def series_codes(series: pd.Index | None) -> Floats:
    """A number for each level of each series' key, by sorted order; shape (series, levels)."""
    if series is None:
        return np.empty((1, 0))
    levels = [series.get_level_values(level) for level in range(series.nlevels)]
    return np.column_stack([pd.factorize(level, sort=True)[0] for level in levels]).astype(float)


def training_rows(
    matrix: PanelMatrix, codes: Floats, features: Features = DEFAULT
) -> tuple[Floats, Floats]:
    """The rows to train on, shape (rows, columns), and their targets, shape (rows,).

    There is a row for every hour that is known together with the whole window before it.
    """
    array, window = matrix.array, features.window
    observed = np.lib.stride_tricks.sliding_window_view(np.isfinite(array), window + 1, axis=1)
    row, hour = np.nonzero(observed.all(axis=2))
    hour += window
    # By pandas, like sktime: a sum rounded differently in its last bit can put a row on the other
    # side of a split.
    rolling = pd.DataFrame(array.T).rolling
    columns = [
        *(array[row, hour - lag] for lag in features.lags),
        *(rolling(length).mean().to_numpy()[hour - lag, row] for lag, length in features.means),
        *(rolling(length).std().to_numpy()[hour - lag, row] for lag, length in features.stds),
        *codes[row].T,
        matrix.hours.dayofweek.to_numpy()[hour],
        matrix.hours.hour.to_numpy()[hour],
    ]
    return np.asarray(columns, dtype=float).T, array[row, hour]


def recurse(
    booster: lgb.Booster,
    matrix: PanelMatrix,
    codes: Floats,
    hours: pd.DatetimeIndex,
    features: Features = DEFAULT,
) -> Floats:
    """Forecasts for `hours`, which follow the panel, shape (series, hours).

    Unknown hours in the window before them count as the mean of the known ones.
    """
    window = features.window
    recent = pd.DataFrame(matrix.array[:, -window:])
    recent = recent.T.fillna(recent.mean(axis=1)).T.to_numpy()
    values = np.hstack([recent, np.empty((len(recent), len(hours)))])
    lags = np.array(features.lags) - 1
    for step, hour in enumerate(hours):
        # Column k is k + 1 hours before the target.
        past = values[:, step : step + window][:, ::-1]
        rows = np.column_stack(
            [
                past[:, lags],
                *(_mean(past[:, lag - 1 : lag - 1 + length]) for lag, length in features.means),
                *(_std(past[:, lag - 1 : lag - 1 + length]) for lag, length in features.stds),
                codes,
                np.full(len(past), hour.dayofweek),
                np.full(len(past), hour.hour),
            ]
        )
        values[:, window + step] = booster.predict(rows, num_threads=1)
    return values[:, window:]


# Both from differences to the first value, which are exactly 0 for a constant series: a standard
# deviation of 1e-17 instead of 0 would take the other side of a split.
def _mean(values: Floats) -> Floats:
    first = values[:, 0]
    return first + (values - first[:, None]).mean(axis=1)


def _std(values: Floats) -> Floats:
    return (values - values[:, :1]).std(axis=1, ddof=1)
