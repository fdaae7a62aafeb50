"""The objective of a search: it scores configurations and keeps the trials.

Optuna and a sweep of Weights & Biases choose configurations in different ways. Both call this.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from energy_assets.forecasting.tuning.result import FoldScore, State, Trial, best_of, mean_of_folds
from energy_assets.forecasting.tuning.search_space import Configuration, SearchSpace

PRUNING_MARGIN = 0.06
"""How far a trial may be behind the best one, as a share of its score, with all folds to come.

Compared with Optuna's pruners on two thirds of the series of ConsumptionDE35Hour, with 40 random
configurations each, on 3 folds, in many random orders. This rule never lost the best trial. It
saved 12 and 23 % of the folds with 5 trials, 16 and 28 % with 20. Optuna's median and percentile
pruners saved 41 to 47 % with 20 trials, but lost the best trial in 3 to 7 searches of 10, for one
up to 1.9 % worse. Its Wilcoxon pruner saved 0 to 4 %: three folds are too few for a test. Its
successive halving saved 15 to 22 % with 20 trials and lost nothing, but with 5 trials it lost the
best one in 2 to 4 searches of 100, and saved no more than this rule.
"""

_log = logging.getLogger(__name__)


@dataclass
class Objective:
    """Scores one configuration after another, within the limits of a search.

    A configuration is scored on each fold in turn. It is abandoned when it falls too far behind the
    best trial so far, or when the time is up. The first trial always runs to its end, so that there
    is one to compare with.
    """

    space: SearchSpace
    planned: int
    """The largest number of trials."""
    cutoffs: Sequence[pd.Timestamp]
    """The last hour that each fold is fitted to."""
    score_fold: Callable[[Configuration, pd.Timestamp], FoldScore]
    """The score of a configuration on the fold with a given cutoff; lower is better."""
    seed: int = 0
    """The seed for choosing configurations."""
    deadline: float = math.inf
    """When the search is over, by `clock`. Folds that have started still finish."""
    clock: Callable[[], float] = time.monotonic
    """Seconds since some fixed time."""
    workers: int = 1
    """Folds scored at the same time."""
    trials: list[Trial] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether the trials or the time are used up."""
        if not self.trials:
            return False
        stopped = self.trials[-1].state == "stopped"
        return stopped or len(self.trials) >= self.planned or self.clock() >= self.deadline

    def __call__(self, configuration: Configuration) -> Trial:
        """Score a configuration, and add the trial to `trials`.

        Raises ForecastError if the forecaster rejects the configuration, or if nothing was
        observed in any fold.
        """
        started = self.clock()
        best = best_of(self.trials) if self.trials else None
        scores, state = self._score_folds(configuration, best)
        if best is None or state == "complete":
            score = mean_of_folds(scores)
        else:
            score = _estimate(scores, best)
        trial = Trial(
            number=len(self.trials) + 1,
            parameters=configuration,
            score=score,
            fold_scores=scores,
            seconds=round(self.clock() - started, 3),
            state=state,
        )
        self.trials.append(trial)
        _log.info(
            "trial %d of %d: %s",
            trial.number,
            self.planned,
            trial.outcome,
            extra={"trial": trial, "total": self.planned},
        )
        return trial

    def _score_folds(
        self, configuration: Configuration, best: Trial | None
    ) -> tuple[list[FoldScore], State]:
        """The scores of the folds: all of them, unless the trial is pruned or stopped."""
        score, count = partial(self.score_fold, configuration), len(self.cutoffs)
        scores: list[FoldScore] = []
        with ThreadPoolExecutor(self.workers) as pool:
            for start in range(0, count, self.workers):
                if best is not None and scores and self.clock() >= self.deadline:
                    return scores, "stopped"
                scores += pool.map(score, self.cutoffs[start : start + self.workers])
                # Fold by fold, although several may be new: the result must not depend on how
                # many are scored at a time.
                for scored in range(start + 1, min(len(scores), count - 1) + 1):
                    if best is not None and is_far_behind(scores[:scored], best.fold_scores):
                        return scores[:scored], "pruned"
        return scores, "complete"


def is_far_behind(scores: Sequence[FoldScore], best: Sequence[FoldScore]) -> bool:
    """Whether a trial with `scores` on its first folds is too far behind the `best` trial.

    Both are compared on the same folds, because folds differ more than configurations do. The
    margin shrinks with the share of the folds that are still to come.
    """
    trial_scores, best_scores = _both_observed(scores, best)
    margin = PRUNING_MARGIN * (1 - len(scores) / len(best))
    return sum(trial_scores) > (1 + margin) * sum(best_scores)


def _estimate(scores: Sequence[FoldScore], best: Trial) -> float:
    """The score of a trial with `scores` on its first folds only.

    It is the best trial's score, plus how much worse this one was on the same folds on average.
    """
    trial_scores, best_scores = _both_observed(scores, best.fold_scores)
    return best.score + (sum(trial_scores) - sum(best_scores)) / max(1, len(trial_scores))


def _both_observed(
    scores: Sequence[FoldScore], others: Sequence[FoldScore]
) -> tuple[list[float], list[float]]:
    """The scores of the folds that both trials have and in which something was observed."""
    pairs = [
        (score, other)
        for score, other in zip(scores, others, strict=False)
        if score is not None and other is not None
    ]
    return [score for score, _ in pairs], [other for _, other in pairs]
