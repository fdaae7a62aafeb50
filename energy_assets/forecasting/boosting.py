"""LightGBM: from feature rows to trees, and from trees to forecasts.

Belongs here: everything that is LightGBM's own way. Does not belong here: what the features are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from energy_assets.errors import ForecastError, ShortHistoryError
from energy_assets.forecasting.features import FEATURES, LAGS, Rows
from energy_assets.forecasting.panel import Floats

# The same trees to the last bit, whatever the number of threads.
_FIXED: dict[str, Any] = {
    "objective": "regression_l1",
    "deterministic": True,
    "force_col_wise": True,
    # As good as 255 in backtests, and quicker.
    "max_bin": 63,
    "verbosity": -1,
}


def train(
    rows: Rows,
    residual: Floats,
    chosen: Sequence[npt.NDArray[np.bool_]],
    parameters: Mapping[str, Any],
    rounds: int,
    threads: int | None,
) -> list[lgb.Booster]:
    """Trees for `residual`, shape (series, origins, horizons), NaN where it is not known.

    Each of `chosen`, shape (origins, horizons), says which rows one model may be trained on. The
    models are trained side by side, in one thread each if `threads` is None, which is quicker than
    one after the other in several: LightGBM's threads wait for each other at every step.

    Raises ForecastError if there are no rows, or LightGBM refuses `parameters`.
    """
    each = {**parameters, **_FIXED, "num_threads": max(1, (threads or 1) // len(chosen))}
    with ThreadPoolExecutor(1 if threads == 1 else len(chosen)) as pool:
        return list(pool.map(lambda some: _train(rows, residual, some, each, rounds), chosen))


def _train(
    rows: Rows,
    residual: Floats,
    chosen: npt.NDArray[np.bool_],
    parameters: Mapping[str, Any],
    rounds: int,
) -> lgb.Booster:
    used = chosen & np.isfinite(residual)
    if not used.any():
        raise ShortHistoryError(
            "No hour of the window has an observation both at it and a day before: there is "
            "nothing to train on. Use a longer window or fill it with data first."
        )
    # Rows from before a series' first week are unlike those to be forecast, so that a series
    # trains on them only while it has little else.
    complete = used & np.isfinite(rows.features[FEATURES.index(f"lag_{max(LAGS)}")])
    few = 2 * complete.sum(axis=(1, 2)) < used.sum(axis=(1, 2))
    used = np.where(few[:, None, None], used, complete)
    # One row a feature in memory: transposed it is the column-major form LightGBM reads as is.
    data = lgb.Dataset(
        rows.features[:, used].T,
        label=residual[used],
        feature_name=list(FEATURES),
        params=dict(parameters),
    )
    try:
        return lgb.train(dict(parameters), data, num_boost_round=rounds)
    except lgb.basic.LightGBMError as error:
        raise ForecastError(f"LightGBM cannot train with {dict(parameters)}: {error}") from error


def forecast(booster: lgb.Booster, rows: Rows, threads: int | None) -> Floats:
    """Forecasts in the panel's unit for all rows, shape (series, origins, horizons)."""
    flat = rows.features.reshape(len(FEATURES), -1).T
    residual = np.asarray(booster.predict(flat, num_threads=threads or 1))
    return rows.to_level(residual.reshape(rows.base.shape))
