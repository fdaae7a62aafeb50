"""LightGBM: training trees on feature rows, and predicting with them.

Everything specific to LightGBM belongs here. Does not belong here: the features.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from energy_assets.errors import ForecastError
from energy_assets.forecasting.models.held_out import Pair
from energy_assets.forecasting.panel.matrix import Bools, Floats

# The first three give the same trees, to the last bit, for any number of threads.
FIXED: dict[str, Any] = {
    "objective": "regression_l1",
    "deterministic": True,
    "force_col_wise": True,
    # As accurate as 255 in backtests, and faster.
    "max_bin": 63,
    "verbosity": -1,
}


@dataclass(frozen=True)
class TreeParameters:
    """LightGBM's parameters, under the names of its scikit-learn interface."""

    n_estimators: int
    learning_rate: float
    num_leaves: int
    min_child_samples: int
    colsample_bytree: float
    reg_lambda: float
    random_state: int


def train(
    features: npt.NDArray[np.float32],
    residual: Floats,
    masks: Pair[Bools],
    names: Sequence[str],
    parameters: TreeParameters,
    threads: int | None,
) -> Pair[lgb.Booster]:
    """Train trees to predict `residual`, on the rows in each of `masks`.

    `features` has the shape (features, series, origins, horizons); `residual` and the masks have
    the shape (series, origins, horizons).

    If `threads` is None, both models are trained in parallel in one thread each. This is faster
    than one after the other in several threads, because LightGBM's threads wait for each other at
    every step.

    Raises ForecastError if LightGBM rejects `parameters`.
    """
    jobs = len(masks.parts)
    settings = {**asdict(parameters), **FIXED, "n_jobs": max(1, (threads or 1) // jobs)}
    rounds = settings.pop("n_estimators")

    def fit(mask: Bools) -> lgb.Booster:
        # Each feature is contiguous in memory: the transpose is column-major, which LightGBM reads
        # without a copy.
        data = lgb.Dataset(
            features[:, mask].T, label=residual[mask], feature_name=list(names), params=settings
        )
        return lgb.train(settings, data, num_boost_round=rounds)

    try:
        with ThreadPoolExecutor(1 if threads == 1 else jobs) as pool:
            return masks.map(fit, apply=pool.map)
    except lgb.basic.LightGBMError as error:
        raise ForecastError(f"LightGBM cannot train with {asdict(parameters)}: {error}") from error


def predict(booster: lgb.Booster, features: npt.NDArray[np.float32], threads: int | None) -> Floats:
    """The predicted residuals of all rows, shape (series, origins, horizons)."""
    flat = features.reshape(len(features), -1).T
    return np.asarray(booster.predict(flat, num_threads=threads or 1)).reshape(features.shape[1:])
