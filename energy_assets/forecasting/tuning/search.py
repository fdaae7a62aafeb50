"""Hyperparameter search: which arguments of `GlobalForecaster` forecast best on past days."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd

from energy_assets.errors import ForecastError
from energy_assets.forecasting.models.blas import single_blas_thread
from energy_assets.forecasting.tuning.objective import Objective
from energy_assets.forecasting.tuning.optuna_search import search_with_optuna
from energy_assets.forecasting.tuning.result import Scheme, TuningResult, best_of
from energy_assets.forecasting.tuning.scoring import naive_scores, score_fold
from energy_assets.forecasting.tuning.search_space import SearchSpace


def tune(
    panel: pd.DataFrame,
    space: SearchSpace,
    trials: int = 20,
    seconds: float | None = None,
    scheme: Scheme | None = None,
    arguments: Mapping[str, Any] | None = None,
    seed: int = 0,
    workers: int | None = None,
    search: Callable[[Objective], None] = search_with_optuna,
) -> TuningResult:
    """Search `space` for the configuration that best forecasts the end of `panel`.

    Each configuration is scored on expanding windows, one for each fold of `scheme`: it is fitted
    to the hours up to a cutoff, and forecasts from several origins in the days after it. The first
    trial is the default configuration, scored to its end, so that the result is never worse.
    `search` chooses the others, by calling the objective until it is over. The best complete
    trial wins.

    The search ends after `trials`, when a grid is used up, or after `seconds`. The time is checked
    before each trial and between folds; the default configuration, and folds that have started,
    still finish. `arguments` go to every `GlobalForecaster` (country, timezone, n_jobs, ...).
    `workers` folds are scored at the same time, by default as many as there are cores. With the
    default `search`, the same seed gives the same result for any number of cores, unless the time
    ends the search.

    Each finished trial is logged, with the attributes `trial` (a `Trial`) and `total`.

    Raises ShortHistoryError if the panel is too short for a single fold, ForecastError if
    `scheme` is impossible, nothing was observed in any fold, or LightGBM rejects a value.
    """
    if trials < 1:
        raise ForecastError(f"trials={trials}: the default configuration alone needs one.")
    deadline = math.inf if seconds is None else time.monotonic() + seconds
    scheme = (scheme or Scheme()).on(pd.DatetimeIndex(panel.index.get_level_values(-1)))
    metric = space.metric.name

    # The folds' threads all look up observations. pandas builds an index's lookup table on first
    # use, and that is not safe in several threads at once.
    panel.index.get_indexer(panel.index[:1])

    naives = naive_scores(panel, scheme, metric)
    fixed = {**(arguments or {}), "calibration_days": 0}
    objective = Objective(
        space,
        planned=space.count(trials),
        cutoffs=[pd.Timestamp(cutoff) for cutoff in scheme.cutoffs],
        score_fold=partial(score_fold, panel, scheme, metric, fixed),
        seed=seed,
        deadline=deadline,
        # One thread per fold is faster than several threads within LightGBM, which wait for each
        # other at every step.
        workers=workers or os.cpu_count() or 1,
    )
    # Also between the fits, so that scores do not depend on how many folds run at the same time.
    with single_blas_thread:
        objective(space.default_configuration())
        if not objective.is_over:
            search(objective)
    winner = best_of(objective.trials)
    return TuningResult(
        metric=metric,
        method=space.method,
        seed=seed,
        best_parameters=winner.parameters,
        best_score=winner.score,
        fold_scores=winner.fold_scores,
        default_score=objective.trials[0].score,
        baseline_scores=naives,
        scheme=scheme,
        planned=objective.planned,
        trials=objective.trials,
    )
