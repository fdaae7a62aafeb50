"""LightGBM: from feature rows to trees, and from trees to what they say of other rows.

Belongs here: everything that is LightGBM's own way. Does not belong here: what the features are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from energy_assets.errors import ForecastError
from energy_assets.forecasting.panel.matrix import Floats

# The same trees to the last bit, whatever the number of threads.
FIXED: dict[str, Any] = {
    "objective": "regression_l1",
    "deterministic": True,
    "force_col_wise": True,
    # As good as 255 in backtests, and quicker.
    "max_bin": 63,
    "verbosity": -1,
}


def train(
    features: npt.NDArray[np.float32],
    residual: Floats,
    chosen: Sequence[npt.NDArray[np.bool_]],
    names: Sequence[str],
    parameters: Mapping[str, Any],
    threads: int | None,
) -> list[lgb.Booster]:
    """Trees for `residual`, shape (series, origins, horizons), one model for each of `chosen`.

    Each of `chosen`, shaped like `residual`, says which rows a model is trained on. `features` has
    the shape (features, series, origins, horizons). `parameters` are LightGBM's own. The models
    are trained side by side, in one thread each if `threads` is None, which is quicker than one
    after the other in several: LightGBM's threads wait for each other at every step.

    Raises ForecastError if LightGBM refuses `parameters`.
    """
    given = {**parameters, **FIXED, "num_threads": max(1, (threads or 1) // len(chosen))}
    rounds = given.pop("num_iterations")

    def one(used: npt.NDArray[np.bool_]) -> lgb.Booster:
        # One row a feature in memory: transposed it is the column-major form LightGBM reads as is.
        data = lgb.Dataset(
            features[:, used].T, label=residual[used], feature_name=list(names), params=given
        )
        return lgb.train(given, data, num_boost_round=rounds)

    try:
        with ThreadPoolExecutor(1 if threads == 1 else len(chosen)) as pool:
            return list(pool.map(one, chosen))
    except lgb.basic.LightGBMError as error:
        raise ForecastError(f"LightGBM cannot train with {dict(parameters)}: {error}") from error


def predict(booster: lgb.Booster, features: npt.NDArray[np.float32], threads: int | None) -> Floats:
    """What the trees say of all rows, shape (series, origins, horizons)."""
    flat = features.reshape(len(features), -1).T
    return np.asarray(booster.predict(flat, num_threads=threads or 1)).reshape(features.shape[1:])
