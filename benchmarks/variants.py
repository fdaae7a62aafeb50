"""Variants of `GlobalForecaster` with one thing changed or left out, to see what it contributes.

Parts that no parameter switches off are replaced from here while a variant runs, so that the
package does not carry switches that nobody should use.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from unittest import mock

import lightgbm as lgb
import numpy as np
import pandas as pd

from benchmarks import recursive
from energy_assets.forecasting import GlobalForecaster, fitted
from energy_assets.forecasting.features import feature_matrix, transform
from energy_assets.forecasting.features.feature_matrix import FEATURES, LAGS, FeatureMatrix, View
from energy_assets.forecasting.models import autoregression, trees
from energy_assets.forecasting.models.held_out import Pair
from energy_assets.forecasting.models.training_rows import Sampling
from energy_assets.forecasting.panel.matrix import (
    HOURS_PER_DAY,
    HOURS_PER_WEEK,
    Floats,
    training_window,
)

Change = Callable[[], AbstractContextManager[Any]]
Method = Callable[[pd.DataFrame, int, Mapping[str, Any]], pd.Series]
"""From a window, a horizon in hours and parameters of `GlobalForecaster` to a forecast."""


def global_forecaster(
    window: pd.DataFrame, horizon: int, parameters: Mapping[str, Any]
) -> pd.Series:
    """Fit and forecast without holding out days."""
    fitted = GlobalForecaster(**{"calibration_days": 0, **parameters}).fit(window)
    return fitted.predict(fh=list(range(1, horizon + 1))).iloc[:, 0]


def unbiased(window: pd.DataFrame, horizon: int, parameters: Mapping[str, Any]) -> pd.Series:
    """Subtract each series' median error on the held-out days."""
    fitted = GlobalForecaster(**{"calibration_days": 4, **parameters}).fit(window)
    forecast = fitted.predict(fh=list(range(1, horizon + 1))).iloc[:, 0]
    held_out = fitted.holdout_
    error = np.log(held_out["actual"].clip(lower=1e-9) / held_out["forecast"].clip(lower=1e-9))
    median = error.groupby([held_out[name] for name in window.index.names[:-1]]).median()
    correction = median.reindex(forecast.index.droplevel(-1)).fillna(0)
    return forecast * np.exp(correction.to_numpy())


def recursive_model(window: pd.DataFrame, horizon: int, parameters: Mapping[str, Any]) -> pd.Series:
    """Forecast one hour at a time, with the trees of `GlobalForecaster`'s defaults."""
    defaults = GlobalForecaster().get_params()
    names = (
        *("n_estimators", "learning_rate", "num_leaves", "min_child_samples"),
        *("colsample_bytree", "reg_lambda", "random_state", "n_jobs"),
    )
    return recursive.forecast(
        window, horizon, {name: (defaults | dict(parameters))[name] for name in names}
    )


@dataclass(frozen=True)
class Variant:
    """A way to forecast: parameters, a method, and what is replaced while it runs.

    With several seeds or window lengths (in days, None for the whole window), the forecast is the
    geometric mean.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    changes: Sequence[Change] = ()
    seeds: Sequence[int] = (0,)
    days: Sequence[int | None] = (None,)
    method: Method = global_forecaster
    long_only: bool = False
    """Whether the variant only matters for windows of months."""

    def forecast(
        self, window: pd.DataFrame, horizon: int, place: Mapping[str, Any], threads: int
    ) -> pd.DataFrame:
        """The forecast of the hours after `window`, in the column `forecast`."""
        origin = window.index.get_level_values(-1).max()
        with ExitStack() as stack:
            for change in self.changes:
                stack.enter_context(change())
            forecasts = [
                self.method(
                    window if days is None else training_window(window, origin, days),
                    horizon,
                    {**place, "random_state": seed, "n_jobs": threads, **self.parameters},
                )
                for days, seed in itertools.product(self.days, self.seeds)
            ]
        logs = [np.log(forecast.clip(lower=1e-9)) for forecast in forecasts]
        levels = list(range(1, window.index.nlevels + 1))
        mean = pd.concat(logs, keys=range(len(logs))).groupby(level=levels).mean()
        return np.exp(mean).to_frame("forecast")


def replaced(owner: Any, name: str, value: Any) -> Change:
    """Replace an attribute of a module or class."""
    return lambda: mock.patch.object(owner, name, value)


def features_changed(change: Callable[[FeatureMatrix], FeatureMatrix]) -> Change:
    """Change the feature matrix before any model sees it."""
    build = feature_matrix.build_features

    def changed(*arguments: Any, **named: Any) -> FeatureMatrix:
        return change(build(*arguments, **named))

    return replaced(feature_matrix, "build_features", changed)


def without(*prefixes: str) -> Change:
    """Make the features whose names have one of these prefixes unknown."""
    positions = [at for at, name in enumerate(FEATURES) if name.startswith(prefixes)]

    def blank(matrix: FeatureMatrix) -> FeatureMatrix:
        matrix.features[positions] = np.nan
        return matrix

    return features_changed(blank)


def not_relative() -> Change:
    """Use levels as they are, not relative to their series' mean of the last week."""
    levels = ("lag_", "same_hour_mean", "last_", "day_mean")
    positions = [at for at, name in enumerate(FEATURES) if name.startswith(levels)]

    def absolute(matrix: FeatureMatrix) -> FeatureMatrix:
        matrix.features[positions] += matrix.centre.astype(np.float32)
        return matrix

    return features_changed(absolute)


def yesterday_only(matrix: FeatureMatrix) -> FeatureMatrix:
    """Take the base from the day before alone."""
    day = matrix.features[list(FEATURES).index(f"lag_{HOURS_PER_DAY}")].astype(float)
    return replace(matrix, base=day)


def with_others() -> Change:
    """Add two features: how all series together changed since yesterday and since last week."""

    def change_of_all(view: View, hours: int, lag: int) -> Floats:
        change = view.change(hours, lag)
        observed = np.isfinite(change)
        total = np.where(observed, change, 0.0).sum(axis=0, keepdims=True)
        return total / np.maximum(observed.sum(axis=0, keepdims=True), 1)

    added = {
        "others_1": partial(change_of_all, hours=3, lag=HOURS_PER_DAY),
        "others_6": partial(change_of_all, hours=24, lag=HOURS_PER_WEEK),
    }
    return replaced(feature_matrix, "FEATURES", {**FEATURES, **added})


def loss(objective: str, **parameters: Any) -> Change:
    """Train the trees with another loss of the same target, a difference of logarithms."""
    return replaced(trees, "FIXED", {**trees.FIXED, "objective": objective, **parameters})


def ratio_loss(objective: str) -> Change:
    """Train the trees on the ratio to the base, for losses that are defined for levels only."""
    train, predict = trees.train, trees.predict

    def on_ratio(features: Any, residual: Floats, *others: Any) -> Pair[lgb.Booster]:
        return train(features, np.exp(np.clip(residual, -5, 5)), *others)

    def as_log(*arguments: Any) -> Floats:
        return np.log(np.clip(predict(*arguments), 1e-3, None))

    def change() -> AbstractContextManager[Any]:
        stack = ExitStack()
        stack.enter_context(loss(objective)())
        stack.enter_context(mock.patch.object(trees, "train", on_ratio))
        stack.enter_context(mock.patch.object(trees, "predict", as_log))
        return stack

    return change


def recent_rows_count_more() -> Change:
    """Halve the weight of the trees' training rows with every third of the window's age."""
    train = trees.train

    def weighted(features: Any, residual: Floats, masks: Pair[Any], *others: Any) -> Any:
        age = np.linspace(3, 0, residual.shape[1])[:, None]
        weight = np.broadcast_to(0.5**age, residual.shape)[masks.final]
        with mock.patch.object(lgb, "Dataset", partial(lgb.Dataset, weight=weight)):
            return train(features, residual, masks, *others)

    return replaced(trees, "train", weighted)


def linear_scale() -> Change:
    """Use values relative to their series' mean instead of their logarithms."""

    def change() -> AbstractContextManager[Any]:
        stack = ExitStack()
        stack.enter_context(mock.patch.object(transform, "asinh", lambda y, scale: y / scale))
        stack.enter_context(mock.patch.object(transform, "sinh", lambda y, scale: y * scale))
        return stack

    return change


VARIANTS: dict[str, Variant] = {
    "default": Variant(),
    # Kinds of models
    "LightGBM alone": Variant({"linear_weight": 0.0, "lear_weight": 0.0}),
    "linear model alone": Variant({"linear_weight": 1.0, "lear_weight": 0.0}),
    "autoregression (LEAR) alone": Variant({"lear_weight": 1.0}, long_only=True),
    "without LEAR": Variant({"lear_weight": 0.0}, long_only=True),
    "without LightGBM": Variant({"linear_weight": 1.0}),
    "recursive": Variant(method=recursive_model),
    # Size of the trees and number of rows
    "20 trees": Variant({"n_estimators": 20}),
    "60 trees": Variant({"n_estimators": 60}),
    "200 trees": Variant({"n_estimators": 200}),
    "15 leaves": Variant({"num_leaves": 15}),
    "trees on every row": Variant({"thinning": 1}),
    "origins 13 h apart": Variant({"origin_step": 13}),
    "origins 25 h apart": Variant({"origin_step": 25}),
    "trees and pooled weights from 5 series": Variant(
        changes=[replaced(fitted, "Sampling", partial(Sampling, max_rows=18_000))]
    ),
    # What the models see
    # The effect of holidays is a factor, which only logarithms make a difference of.
    "values, not logarithms": Variant({"country": None}, changes=[linear_scale()]),
    "levels not relative to their series": Variant(changes=[not_relative()]),
    "base of yesterday alone": Variant(changes=[features_changed(yesterday_only)]),
    "no lag of 72 hours or more": Variant(
        changes=[without(*(f"lag_{lag}" for lag in LAGS if lag > 49), "same_hour")]
    ),
    "no values of the last hours": Variant(changes=[without("last_", "mean_", "day_mean_0")]),
    "no holidays": Variant({"country": None}),
    "UTC instead of local time": Variant({"timezone": "UTC"}),
    "without the time of the year": Variant(
        changes=[replaced(autoregression, "YEAR", math.inf)], long_only=True
    ),
    "with how all series moved": Variant(changes=[with_others()]),
    # Loss and weights of the trees
    "squared loss": Variant(changes=[loss("regression")]),
    "Huber loss": Variant(changes=[loss("huber", alpha=0.1)]),
    "MAPE as the loss": Variant(changes=[ratio_loss("mape")]),
    "Tweedie loss": Variant(changes=[ratio_loss("tweedie")]),
    "recent rows count more": Variant(changes=[recent_rows_count_more()]),
    # Averages and corrections
    "mean of 3 seeds": Variant(seeds=(0, 1, 2)),
    "mean of the whole window and 21 days": Variant(days=(None, 21)),
    "mean of the whole window, 21 and 14 days": Variant(days=(None, 21, 14)),
    "less the error of the last 4 days": Variant(method=unbiased),
}
