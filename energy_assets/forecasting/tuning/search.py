"""Hyperparameter search: which arguments of `GlobalForecaster` forecast best on past days.

Each configuration is scored on expanding windows, as often as there are folds: it is fitted to
what is before a cutoff and forecasts from several origins in the days after it. One that falls
behind the best so far is not scored to its end. Which configurations are tried is up to an engine:
the one that comes with the package, or one that is handed in.
"""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any, Protocol

import pandas as pd

from energy_assets.errors import ForecastError
from energy_assets.forecasting.evaluation import scores as evaluation
from energy_assets.forecasting.forecaster import GlobalForecaster
from energy_assets.forecasting.models import seasonal_naive as baseline
from energy_assets.forecasting.panel.matrix import DAY, WEEK, training_window
from energy_assets.forecasting.tuning.proposals import Configuration, count, proposals
from energy_assets.forecasting.tuning.result import (
    FoldScore,
    Scheme,
    State,
    Trial,
    TuningResult,
    best_of,
)
from energy_assets.forecasting.tuning.search_space import SearchSpace

CATCH_UP = 0.06
"""By what share of the best score a trial can still catch up, if all of its folds were to come.

Of 462 pairs of configurations tried on a third of the series of ConsumptionDE35Hour it would have
pruned 15 % after one fold of three and 22 % after two. Of the first one in 17, and of the second
none, would have been the better of its pair, by at most 1.2 % of the score.
"""

OnTrial = Callable[[Trial, int], None]
"""Is told of each trial when it ends, and how many there may be."""

Proposal = tuple[Configuration, Callable[[Trial], None]]
"""A configuration to try, and the function that is told what came of it."""


class Engine(Protocol):
    """Chooses the configurations of a search, and the one that has won."""

    def proposals(self, space: SearchSpace, seed: int, total: int) -> Generator[Proposal]:
        """At most `total` configurations in the order to try them, the default one first.

        Each is told of before the next is asked for, but for one whose trial raised an error.
        """

    def winner(self, trials: Sequence[Trial]) -> Trial:
        """The best of those that are complete; the first one, the default, always is."""


class Embedded:
    """The engine that comes with the package, see `search`."""

    def proposals(self, space: SearchSpace, seed: int, total: int) -> Generator[Proposal]:
        """Those of `search.proposals`."""
        for configuration, tell in itertools.islice(proposals(space, seed), total):
            yield configuration, partial(_tell_score, tell)

    def winner(self, trials: Sequence[Trial]) -> Trial:
        """The one with the lowest score."""
        return best_of(trials)


def _tell_score(tell: Callable[[float], None], trial: Trial) -> None:
    tell(trial.score)


def tune(
    panel: pd.DataFrame,
    space: SearchSpace,
    trials: int = 20,
    seconds: float | None = None,
    scheme: Scheme | None = None,
    arguments: Mapping[str, Any] | None = None,
    seed: int = 0,
    on_trial: OnTrial = lambda trial, total: None,
    engine: Engine | None = None,
) -> TuningResult:
    """Search `space` for the configuration that forecasts the end of `panel` best.

    The first trial is always the default configuration, scored to its end, so that the result is
    never worse than it. The search ends after `trials`, when a grid is exhausted, or when
    `seconds` have passed, which is looked at before each trial and between folds: only the
    default configuration, and folds under way, go on after it. `arguments` go to every
    `GlobalForecaster` (country, n_jobs, ...). `engine` chooses the configurations; with the one
    that comes with the package the same seed and number of trials give the same result on any
    number of cores, unless the time ends the search.

    Raises ShortHistoryError if the panel is too short for a single fold, ForecastError if
    `scheme` is impossible, nothing was observed in any fold, or LightGBM refuses a value.
    """
    if trials < 1:
        raise ForecastError(f"trials={trials}: at least one, the default configuration, is run.")
    deadline = math.inf if seconds is None else time.monotonic() + seconds
    scheme = (scheme or Scheme()).on(pd.DatetimeIndex(panel.index.get_level_values(-1)))
    metric = space.metric.name
    fixed = {**(arguments or {}), "calibration_days": 0}
    total = count(space, trials)
    engine = engine or Embedded()

    # The folds' threads all look up observations. pandas builds an index's lookup table on first
    # use, which is not safe from several threads at once.
    panel.index.get_indexer(panel.index[:1])

    naives = _naive_scores(panel, scheme, metric)
    done: list[Trial] = []
    with closing(engine.proposals(space, seed, total)) as proposed:
        for configuration, tell in proposed:
            begun = time.monotonic()
            forecaster = GlobalForecaster(**(fixed | configuration))
            best = best_of(done) if done else None
            folds, state = _run_folds(
                partial(_score, panel, _fitted(forecaster), scheme, metric),
                [pd.Timestamp(cutoff) for cutoff in scheme.cutoffs],
                # One thread a fold: quicker than more threads within LightGBM, see
                # `boosting.train`.
                workers=1 if forecaster.n_jobs == 1 else os.cpu_count() or 1,
                best=best.fold_scores if best else None,
                deadline=deadline if done else math.inf,
            )
            trial = Trial(
                number=len(done) + 1,
                parameters=configuration,
                score=_mean(folds)
                if best is None or state == "complete"
                else _estimate(folds, best),
                fold_scores=folds,
                seconds=round(time.monotonic() - begun, 3),
                state=state,
            )
            done.append(trial)
            tell(trial)
            on_trial(trial, total)
            if state == "stopped" or time.monotonic() >= deadline:
                break
    winner = engine.winner(done)
    return TuningResult(
        metric=metric,
        method=space.method,
        seed=seed,
        best_parameters=winner.parameters,
        best_score=winner.score,
        fold_scores=winner.fold_scores,
        default_score=done[0].score,
        baseline_scores=naives,
        scheme=scheme,
        planned=total,
        trials=done,
    )


def hopeless(folds: Sequence[FoldScore], best: Sequence[FoldScore]) -> bool:
    """Whether a trial with the scores `folds` so far is too far behind the `best` trial.

    Both are compared on the same folds, because folds differ more than configurations do. That
    is also why this is none of optuna's pruners: its percentiles take the lowest of a trial's
    scores so far, so that an easy fold shields whatever comes after it, and need more trials than
    a short search has; its Wilcoxon test cannot decide on three folds.
    """
    own, its = _compared(folds, best)
    to_come = 1 - len(folds) / len(best)
    return sum(own) > (1 + CATCH_UP * to_come) * sum(its)


def _run_folds(
    score: Callable[[pd.Timestamp], FoldScore],
    cutoffs: Sequence[pd.Timestamp],
    workers: int,
    best: Sequence[FoldScore] | None,
    deadline: float,
) -> tuple[list[FoldScore], State]:
    """The scores of a trial's folds, of all of them unless it is hopeless or the time is over.

    As many folds at a time as there are `workers`: with two of them and three folds, a trial that
    goes to its end takes no longer than if all had been started at once.
    """
    scores: list[FoldScore] = []
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(cutoffs), workers):
            if scores and time.monotonic() >= deadline:
                return scores, "stopped"
            scores += pool.map(score, cutoffs[start : start + workers])
            # Fold by fold also where several are known, so that the number of cores, and with it
            # of folds at a time, has no part in the result.
            for known in range(start + 1, min(len(scores), len(cutoffs) - 1) + 1):
                if best is not None and hopeless(scores[:known], best):
                    return scores[:known], "pruned"
    return scores, "complete"


def _compared(
    folds: Sequence[FoldScore], others: Sequence[FoldScore]
) -> tuple[list[float], list[float]]:
    """The scores of the folds that both have and in which something was observed."""
    pairs = [
        (own, other)
        for own, other in zip(folds, others, strict=False)
        if own is not None and other is not None
    ]
    return [own for own, _ in pairs], [other for _, other in pairs]


def _estimate(folds: Sequence[FoldScore], best: Trial) -> float:
    """The score of a trial of which only the first `folds` are known."""
    own, its = _compared(folds, best.fold_scores)
    return best.score + (sum(own) - sum(its)) / max(1, len(own))


def _mean(folds: Sequence[FoldScore]) -> float:
    """The mean of the folds in which something was observed."""
    observed = [score for score in folds if score is not None]
    if not observed:
        raise ForecastError(
            "Nothing was observed in any of the folds, so that nothing can be scored: tune on a "
            "panel whose last days hold observations."
        )
    return sum(observed) / len(observed)


def _score(
    panel: pd.DataFrame,
    prepare: Callable[[pd.DataFrame], evaluation.Forecast],
    scheme: Scheme,
    metric: str,
    cutoff: pd.Timestamp,
) -> FoldScore:
    """The metric of one fold, whose method `prepare` makes from the window up to `cutoff`."""
    method = prepare(training_window(panel, cutoff, _days(panel)))
    return _known(evaluation.summary(_forecasts(panel, {"": method}, scheme, cutoff))[metric])


def _naive_scores(panel: pd.DataFrame, scheme: Scheme, metric: str) -> dict[str, float]:
    """The metric of both seasonal naives over all folds."""
    naives = {f"seasonal_naive_{season}": partial(_naive, season) for season in (DAY, WEEK)}
    tables = [_forecasts(panel, naives, scheme, pd.Timestamp(at)) for at in scheme.cutoffs]
    return {
        name: _mean(
            [_known(evaluation.summary(table[table["method"] == name])[metric]) for table in tables]
        )
        for name in naives
    }


def _forecasts(
    panel: pd.DataFrame,
    methods: Mapping[str, evaluation.Forecast],
    scheme: Scheme,
    cutoff: pd.Timestamp,
) -> pd.DataFrame:
    """The table of forecasts of one fold."""
    return evaluation.rolling_origin(
        panel,
        methods,
        scheme.origins(cutoff),
        window_days=_days(panel),
        horizon=scheme.horizon,
    )


def _days(panel: pd.DataFrame) -> int:
    """The length of the panel in days, rounded up: a window that holds all there is."""
    times = panel.index.get_level_values(-1)
    return (times.max() - times.min()).days + 1


def _known(score: float) -> FoldScore:
    return None if math.isnan(score) else score


def _naive(season: int, window: pd.DataFrame, horizon: int) -> pd.DataFrame:
    return baseline.forecast(window, horizon, season)


def _fitted(forecaster: GlobalForecaster) -> Callable[[pd.DataFrame], evaluation.Forecast]:
    """Fit once to the fold's window, then only move the origin."""

    def prepare(window: pd.DataFrame) -> evaluation.Forecast:
        fitted = forecaster.clone().fit(window)

        def method(newer: pd.DataFrame, horizon: int) -> pd.DataFrame:
            fitted.update(newer, update_params=False)
            return fitted.predict(fh=range(1, horizon + 1)).set_axis(["forecast"], axis=1)

        return method

    return prepare
