"""Hyperparameter search: which arguments of `GlobalForecaster` forecast best on past days.

Each configuration is scored on expanding windows, as often as there are folds: it is fitted to
what is before a cutoff and forecasts from several origins in the days after it.
"""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pandas as pd
from pydantic import BaseModel, NaiveDatetime

from energy_assets.errors import ForecastError
from energy_assets.forecasting import baseline, evaluation
from energy_assets.forecasting.forecaster import GlobalForecaster
from energy_assets.forecasting.panel import DAY, WEEK, training_window
from energy_assets.forecasting.search import Configuration, count, proposals
from energy_assets.forecasting.search_space import SearchSpace


class Scheme(BaseModel):
    """How a configuration is scored: the folds of an expanding window.

    Each fold is fitted to the hours up to and with its cutoff, and forecasts `horizon` hours from
    origins `origin_hours` apart whose targets lie within `fold_days` days after the cutoff. The
    last fold ends where the panel ends; `cutoffs` are UTC.
    """

    folds: int = 3
    fold_days: int = 2
    origin_hours: int = 6
    horizon: int = DAY
    cutoffs: list[NaiveDatetime] = []

    def on(self, hours: pd.DatetimeIndex) -> Scheme:
        """The same scheme with its cutoffs over a panel's `hours`.

        Raises ForecastError if less than a fortnight is left for the first fold to train on.
        """
        last = hours.max()
        first = last - pd.Timedelta(days=self.folds * self.fold_days)
        if self.folds < 1 or self.horizon > DAY * self.fold_days or self.origin_hours < 1:
            raise ForecastError(
                f"folds={self.folds}, fold_days={self.fold_days}, origin_hours={self.origin_hours}"
                f" cannot hold horizon={self.horizon} hours: each must be positive, and a fold "
                "at least as long as the horizon."
            )
        if first - hours.min() < pd.Timedelta(days=14):
            raise ForecastError(
                f"The panel reaches from {hours.min()} to {last}: {self.folds} folds of "
                f"{self.fold_days} days leave less than a fortnight to train on. Use a longer "
                "panel or fewer folds."
            )
        step = pd.Timedelta(days=self.fold_days)
        return self.model_copy(update={"cutoffs": [first + k * step for k in range(self.folds)]})

    def origins(self, cutoff: pd.Timestamp) -> pd.DatetimeIndex:
        """The origins of the fold that is fitted up to `cutoff`."""
        last = cutoff + pd.Timedelta(hours=DAY * self.fold_days - self.horizon)
        return pd.date_range(cutoff, last, freq=f"{self.origin_hours}h")


class Trial(BaseModel):
    """One configuration with its score: the mean of those of the folds.

    A fold in which nothing was observed scores NaN and does not count.
    """

    number: int
    parameters: Configuration
    score: float
    fold_scores: list[float]
    seconds: float


class TuningResult(BaseModel):
    """What a search found. `model_dump_json` and `model_validate_json` write and read it."""

    metric: str
    method: str
    seed: int
    best_parameters: Configuration
    best_score: float
    fold_scores: list[float]
    default_score: float
    baseline_scores: dict[str, float]
    scheme: Scheme
    trials: list[Trial]

    def trials_table(self) -> pd.DataFrame:
        """One row a trial, in order: its parameters, then score, score of each fold, seconds."""
        rows = [
            {"number": trial.number}
            | trial.parameters
            | {"score": trial.score}
            | {f"fold_{k + 1}": score for k, score in enumerate(trial.fold_scores)}
            | {"seconds": trial.seconds}
            for trial in self.trials
        ]
        return pd.DataFrame(rows).set_index("number")


def tune(
    panel: pd.DataFrame,
    space: SearchSpace,
    trials: int = 20,
    seconds: float | None = None,
    scheme: Scheme | None = None,
    arguments: Mapping[str, Any] | None = None,
    seed: int = 0,
    on_trial: Callable[[int, int, float], None] = lambda number, total, score: None,
) -> TuningResult:
    """Search `space` for the configuration that forecasts the end of `panel` best.

    The first trial is always the default configuration, so that the result is never worse than
    it. The search ends after `trials`, with the trial that passes `seconds`, or when a grid is
    exhausted. `arguments` go to every `GlobalForecaster` (country, n_jobs, ...). `on_trial` is
    called after each trial with its number from 1, how many there may be, and its score. The same
    seed and number of trials give the same result.

    Raises ForecastError if the panel is too short for `scheme` or LightGBM refuses a value.
    """
    if trials < 1:
        raise ForecastError(f"trials={trials}: at least one, the default configuration, is run.")
    hours = pd.DatetimeIndex(panel.index.get_level_values(-1))
    scheme = (scheme or Scheme()).on(hours)
    cutoffs = [pd.Timestamp(cutoff) for cutoff in scheme.cutoffs]
    metric = space.metric.name
    fixed = {**(arguments or {}), "calibration_days": 0}
    total = count(space, trials)

    # The folds' threads all look up observations. pandas builds an index's lookup table on first
    # use, which is not safe from several threads at once.
    panel.index.get_indexer(panel.index[:1])

    done: list[Trial] = []
    started = time.monotonic()
    for configuration, tell in itertools.islice(proposals(space, seed), total):
        begun = time.monotonic()
        forecaster = GlobalForecaster(**(fixed | configuration))
        score_fold = partial(_score, panel, _fitted(forecaster), scheme, metric)
        # One thread a fold: quicker than more threads within LightGBM, see `boosting.train`.
        with ThreadPoolExecutor(1 if forecaster.n_jobs == 1 else os.cpu_count()) as pool:
            folds = list(pool.map(score_fold, cutoffs))
        score = _mean(folds)
        done.append(
            Trial(
                number=len(done) + 1,
                parameters=configuration,
                score=score,
                fold_scores=folds,
                seconds=round(time.monotonic() - begun, 3),
            )
        )
        tell(score)
        on_trial(len(done), total, score)
        if seconds is not None and time.monotonic() - started > seconds:
            break
    best = min(done, key=lambda trial: trial.score)
    naives = {
        f"seasonal_naive_{season}": [
            _score(panel, _naive(season), scheme, metric, cutoff) for cutoff in cutoffs
        ]
        for season in (DAY, WEEK)
    }
    return TuningResult(
        metric=metric,
        method=space.method,
        seed=seed,
        best_parameters=best.parameters,
        best_score=best.score,
        fold_scores=best.fold_scores,
        default_score=done[0].score,
        baseline_scores={name: _mean(folds) for name, folds in naives.items()},
        scheme=scheme,
        trials=done,
    )


def _score(
    panel: pd.DataFrame,
    prepare: Callable[[pd.DataFrame], evaluation.Forecast],
    scheme: Scheme,
    metric: str,
    cutoff: pd.Timestamp,
) -> float:
    """The metric of one fold, whose method `prepare` makes from the window up to `cutoff`."""
    times = panel.index.get_level_values(-1)
    days = (times.max() - times.min()).days + 1
    method = prepare(training_window(panel, cutoff, days))
    table = evaluation.rolling_origin(
        panel,
        {"": method},
        scheme.origins(cutoff),
        window_days=days,
        horizon=scheme.horizon,
    )
    return evaluation.summary(table)[metric]


def _mean(folds: list[float]) -> float:
    """The mean of the folds in which something was observed."""
    observed = [score for score in folds if not math.isnan(score)]
    if not observed:
        raise ForecastError(
            "Nothing was observed in any of the folds, so that nothing can be scored: tune on a "
            "panel whose last days hold observations."
        )
    return sum(observed) / len(observed)


def _fitted(forecaster: GlobalForecaster) -> Callable[[pd.DataFrame], evaluation.Forecast]:
    """Fit once to the fold's window, then only move the origin."""

    def prepare(window: pd.DataFrame) -> evaluation.Forecast:
        fitted = forecaster.clone().fit(window)

        def method(newer: pd.DataFrame, horizon: int) -> pd.DataFrame:
            fitted.update(newer, update_params=False)
            return fitted.predict(fh=range(1, horizon + 1)).set_axis(["forecast"], axis=1)

        return method

    return prepare


def _naive(season: int) -> Callable[[pd.DataFrame], evaluation.Forecast]:
    return lambda window: lambda newer, horizon: baseline.forecast(newer, horizon, season)
