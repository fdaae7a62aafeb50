"""Variants of `GlobalForecaster`: one thing changed or left out, to see what it brings.

Parts that no parameter switches off are changed from here, by replacing what the forecaster calls
for as long as a variant runs: the package need not carry switches that nobody should use.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest import mock

import lightgbm as lgb
import numpy as np
import pandas as pd

from energy_assets.forecasting import GlobalForecaster
from energy_assets.forecasting.features import matrix as features
from energy_assets.forecasting.models import autoregression as lear
from energy_assets.forecasting.models import blend as direct
from energy_assets.forecasting.models import trees as boosting
from energy_assets.forecasting.panel.matrix import DAY, WEEK, Floats, training_window

Change = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Variant:
    """Parameters, changes while it runs, and what its forecast is the (geometric) mean of."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    changes: Sequence[Change] = ()
    seeds: Sequence[int] = (0,)
    days: Sequence[int | None] = (None,)
    """Lengths of the windows, None for the whole."""
    unbiased: bool = False
    """Whether each series' median error of the held-out days is taken off."""
    long_only: bool = False
    """Whether it says something only about windows of months."""

    def forecast(
        self, window: pd.DataFrame, horizon: int, place: Mapping[str, Any], threads: int
    ) -> pd.DataFrame:
        """The forecast of the hours after `window`, a column `forecast`."""
        origin = window.index.get_level_values(-1).max()
        with ExitStack() as stack:
            for change in self.changes:
                stack.enter_context(change())
            made = [
                self._one(
                    window if days is None else training_window(window, origin, days),
                    horizon,
                    {**place, "random_state": seed},
                    threads,
                )
                for days, seed in itertools.product(self.days, self.seeds)
            ]
        logs = pd.concat([np.log(one.clip(lower=1e-9)) for one in made], keys=range(len(made)))
        levels = list(range(1, window.index.nlevels + 1))
        return np.exp(logs.groupby(level=levels).mean()).to_frame("forecast")

    def _one(
        self, window: pd.DataFrame, horizon: int, place: Mapping[str, Any], threads: int
    ) -> pd.Series:
        forecaster = GlobalForecaster(
            **{**place, **self.parameters},
            calibration_days=4 if self.unbiased else 0,
            n_jobs=threads,
        ).fit(window)
        made = forecaster.predict(fh=list(range(1, horizon + 1))).iloc[:, 0]
        if self.unbiased:
            seen = forecaster.holdout_
            series = list(window.index.names[:-1])
            error = np.log(seen["actual"].clip(lower=1e-9) / seen["forecast"].clip(lower=1e-9))
            median = error.groupby([seen[name] for name in series]).median()
            own = made.index.droplevel(-1)
            made = made * np.exp(median.reindex(own).fillna(0).to_numpy())
        return made


def replaced(owner: Any, name: str, value: Any) -> Change:
    """An attribute of a module or class replaced."""
    return lambda: mock.patch.object(owner, name, value)


def rows_changed(change: Callable[[features.Rows], features.Rows]) -> Change:
    """What is made of the rows of features before any model sees them."""
    build = features.build_rows

    def changed(*arguments: Any) -> features.Rows:
        return change(build(*arguments))

    return replaced(features, "build_rows", changed)


def without(*prefixes: str) -> Change:
    """The features with these beginnings unknown."""
    places = [at for at, name in enumerate(features.FEATURES) if name.startswith(prefixes)]

    def blank(rows: features.Rows) -> features.Rows:
        rows.features[places] = np.nan
        return rows

    return rows_changed(blank)


def not_relative() -> Change:
    """Levels as they are, not relative to their series' mean of the last week."""
    levels = ("lag_", "same_hour_mean", "last_", "day_mean")
    places = [at for at, name in enumerate(features.FEATURES) if name.startswith(levels)]

    def absolute(rows: features.Rows) -> features.Rows:
        rows.features[places] += rows.centre.astype(np.float32)
        return rows

    return rows_changed(absolute)


def yesterday_only(rows: features.Rows) -> features.Rows:
    """The base without the value of a week ago."""
    day = rows.features[features.FEATURES.index(f"lag_{DAY}")].astype(float)
    return features.Rows(rows.features, day, rows.centre, rows.scale, rows.hour_of_week)


def pooled_mean(values: Floats) -> Floats:
    """The mean over series of what is known, 0 where nothing is."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=0, keepdims=True)
    return total / np.maximum(known.sum(axis=0, keepdims=True), 1)


OTHERS = ("others_1", "others_6")


def with_others() -> Change:
    """Two more features: how all series together moved against yesterday and last week."""
    build, names = features.build_rows, direct.Design.names.fget

    def widened(*arguments: Any) -> features.Rows:
        rows = build(*arguments)
        moved = [
            pooled_mean(rows.features[features.FEATURES.index(name)])
            for name in (f"mean_3_minus_lag_{DAY}", f"mean_24_minus_lag_{WEEK}")
        ]
        shape = (len(moved), *rows.base.shape)
        more = np.broadcast_to(np.stack(moved), shape).astype(np.float32)
        wide = np.concatenate([rows.features, more])
        return features.Rows(wide, rows.base, rows.centre, rows.scale, rows.hour_of_week)

    def change() -> AbstractContextManager[Any]:
        stack = ExitStack()
        stack.enter_context(mock.patch.object(features, "build_rows", widened))
        more = property(lambda design: [*names(design), *OTHERS])
        stack.enter_context(mock.patch.object(direct.Design, "names", more))
        return stack

    return change


def loss(objective: str, **parameters: Any) -> Change:
    """Trees with another loss of the same target, a difference of logarithms."""
    return replaced(boosting, "FIXED", {**boosting.FIXED, "objective": objective, **parameters})


def ratio_loss(objective: str) -> Change:
    """Trees that learn the ratio to the base, for losses that know levels only."""
    train, predict = boosting.train, boosting.predict

    def on_ratio(rows: Any, residual: Floats, *others: Any) -> list[lgb.Booster]:
        return train(rows, np.exp(np.clip(residual, -5, 5)), *others)

    def as_log(*arguments: Any) -> Floats:
        return np.log(np.clip(predict(*arguments), 1e-3, None))

    def change() -> AbstractContextManager[Any]:
        stack = ExitStack()
        stack.enter_context(loss(objective)())
        stack.enter_context(mock.patch.object(boosting, "train", on_ratio))
        stack.enter_context(mock.patch.object(boosting, "predict", as_log))
        return stack

    return change


def recent_rows_count_more() -> Change:
    """Trees' training rows that weigh half as much with every third of the window they are old."""
    train = boosting.train

    def weighted(rows: Any, residual: Floats, chosen: Any, *others: Any) -> list[lgb.Booster]:
        age = np.linspace(3, 0, residual.shape[1])[:, None]
        (used,) = chosen
        weight = np.broadcast_to(0.5**age, residual.shape)[used]
        with mock.patch.object(lgb, "Dataset", partial(lgb.Dataset, weight=weight)):
            return train(rows, residual, chosen, *others)

    return replaced(boosting, "train", weighted)


def linear_scale() -> Change:
    """Values relative to their series' mean instead of their logarithms."""

    def change() -> AbstractContextManager[Any]:
        stack = ExitStack()
        stack.enter_context(mock.patch.object(features, "to_log", lambda y, scale: y / scale))
        stack.enter_context(mock.patch.object(features, "from_log", lambda y, scale: y * scale))
        return stack

    return change


LINEAR_ALONE = {"linear_weight": 1.0, "lear_weight": 0.0}

VARIANTS: dict[str, Variant] = {
    "default": Variant(),
    # Kinds of models
    "LightGBM alone": Variant({"linear_weight": 0.0, "lear_weight": 0.0}),
    "linear model alone": Variant(LINEAR_ALONE),
    "autoregression (LEAR) alone": Variant({"lear_weight": 1.0}, long_only=True),
    "without LEAR": Variant({"lear_weight": 0.0}, long_only=True),
    "without LightGBM": Variant({"linear_weight": 1.0}),
    "recursive": Variant({"strategy": "recursive"}),
    # Size of the trees and number of rows
    "20 trees": Variant({"n_estimators": 20}),
    "60 trees": Variant({"n_estimators": 60}),
    "200 trees": Variant({"n_estimators": 200}),
    "15 leaves": Variant({"num_leaves": 15}),
    "trees on every row": Variant({"thinning": 1}),
    "origins 13 h apart": Variant({"origin_step": 13}),
    "origins 25 h apart": Variant({"origin_step": 25}),
    "trees and pooled weights from 5 series": Variant(
        changes=[replaced(direct, "MAX_ROWS", 18_000)]
    ),
    # What the models see
    "values, not logarithms": Variant(changes=[linear_scale()]),
    "levels not relative to their series": Variant(changes=[not_relative()]),
    "base of yesterday alone": Variant(changes=[rows_changed(yesterday_only)]),
    "no lag of 72 hours or more": Variant(
        changes=[without(*(f"lag_{lag}" for lag in features.LAGS if lag > 49), "same_hour")]
    ),
    "no values of the last hours": Variant(changes=[without("last_", "mean_", "day_mean_0")]),
    "no holidays": Variant({"country": None}),
    "UTC instead of local time": Variant({"timezone": "UTC"}),
    "without the time of the year": Variant(
        changes=[replaced(lear, "YEAR", math.inf)], long_only=True
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
    "less the error of the last 4 days": Variant(unbiased=True),
}
