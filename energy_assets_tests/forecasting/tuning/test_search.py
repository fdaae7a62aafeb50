"""A search on a small panel: the default first, no leak into a fold, the same result again."""

from __future__ import annotations

import pandas as pd
import pytest

from energy_assets.errors import ForecastError, ShortHistoryError
from energy_assets.forecasting import GlobalForecaster
from energy_assets.forecasting.evaluation import scores as evaluation
from energy_assets.forecasting.evaluation.rolling_origin import rolling_origin
from energy_assets.forecasting.models import seasonal_naive
from energy_assets.forecasting.models.seasonal_naive import SEASONAL_NAIVES, SeasonalNaive
from energy_assets.forecasting.tuning.objective import Objective
from energy_assets.forecasting.tuning.result import Scheme, TuningResult, best_of
from energy_assets.forecasting.tuning.search import tune
from energy_assets.forecasting.tuning.search_space import SearchSpace

SPACE = SearchSpace.model_validate(
    {
        "method": "grid",
        "parameters": {"n_estimators": {"values": [2, 20]}, "num_leaves": {"value": 7}},
    }
)
SCHEME = Scheme(folds=2, fold_days=2, origin_hours=12)
QUICK = {"n_jobs": 1, "origin_step": 23}


def without_seconds(result: TuningResult) -> TuningResult:
    trials = [trial.model_copy(update={"seconds": 0.0}) for trial in result.trials]
    return result.model_copy(update={"trials": trials})


@pytest.fixture(scope="module")
def result(panel: pd.DataFrame) -> TuningResult:
    return tune(panel, SPACE, scheme=SCHEME, arguments=QUICK, workers=1)


def test_the_first_trial_is_the_default_configuration(result: TuningResult) -> None:
    assert result.trials[0].parameters == {"n_estimators": 40, "num_leaves": 31}
    assert result.default_score == result.trials[0].score
    assert [trial.number for trial in result.trials] == [1, 2, 3]
    assert result.planned == 3


def test_the_best_complete_trial_wins_and_can_be_fitted(
    result: TuningResult, panel: pd.DataFrame
) -> None:
    complete = [trial.score for trial in result.trials if trial.state == "complete"]
    assert result.best_score == min(complete)
    assert result.best == best_of(result.trials)
    GlobalForecaster(**result.best_parameters, **QUICK).fit(panel)


def test_two_trees_are_pruned_after_a_fold(result: TuningResult) -> None:
    pruned = result.trials[1]
    assert pruned.parameters["n_estimators"] == 2
    assert (pruned.state, len(pruned.fold_scores)) == ("pruned", 1)


@pytest.mark.parametrize("naive", SEASONAL_NAIVES, ids=lambda naive: naive.name)
def test_the_seasonal_naives_are_scored_on_the_same_folds(
    result: TuningResult, panel: pd.DataFrame, naive: SeasonalNaive
) -> None:
    def forecast(window: pd.DataFrame, horizon: int) -> pd.DataFrame:
        return seasonal_naive.forecast(window, horizon, naive.season)

    folds = [
        evaluation.summary(
            rolling_origin(panel, {"": forecast}, pd.date_range(cutoff, periods=3, freq="12h"))
        )["mape"]
        for cutoff in result.scheme.cutoffs
    ]
    assert result.baseline_scores[naive.name] == pytest.approx(sum(folds) / len(folds))
    assert result.best_score < result.baseline_scores[naive.name]


def test_the_folds_are_the_last_days_of_the_panel(
    result: TuningResult, panel: pd.DataFrame
) -> None:
    last = panel.index[-1][-1]
    assert [last - cutoff for cutoff in result.scheme.cutoffs] == [
        *(pd.Timedelta(days=4), pd.Timedelta(days=2))
    ]


def test_hours_after_a_fold_have_no_influence_on_its_score(
    result: TuningResult, panel: pd.DataFrame
) -> None:
    changed = panel.copy()
    changed[panel.index.get_level_values(-1) > result.scheme.cutoffs[1]] *= 2
    again = tune(changed, SPACE, trials=1, scheme=SCHEME, arguments=QUICK)
    assert again.trials[0].fold_scores[0] == result.trials[0].fold_scores[0]
    assert again.trials[0].fold_scores[1] != result.trials[0].fold_scores[1]


def test_the_result_does_not_depend_on_the_number_of_folds_at_a_time(
    result: TuningResult, panel: pd.DataFrame
) -> None:
    arguments = {**QUICK, "n_jobs": None}
    at_once = tune(panel, SPACE, scheme=SCHEME, arguments=arguments, workers=4)
    assert without_seconds(at_once) == without_seconds(result)


def test_the_same_seed_gives_the_same_trials(panel: pd.DataFrame) -> None:
    space = SearchSpace.model_validate(
        {
            "method": "bayes",
            "parameters": {
                "n_estimators": {"min": 1, "max": 30},
                "learning_rate": {"min": 0.01, "max": 0.3, "distribution": "log_uniform_values"},
            },
        }
    )
    first, again, other = (
        tune(panel, space, trials=4, scheme=SCHEME, arguments=QUICK, seed=seed)
        for seed in (3, 3, 4)
    )
    assert without_seconds(first) == without_seconds(again)
    assert first.trials[1].parameters != other.trials[1].parameters


def test_out_of_time_a_search_has_the_default_configuration_alone(panel: pd.DataFrame) -> None:
    result = tune(panel, SPACE, seconds=0.0, scheme=SCHEME, arguments=QUICK)
    assert [trial.state for trial in result.trials] == ["complete"]
    assert result.planned == 3


def test_another_search_chooses_the_configurations_after_the_default(panel: pd.DataFrame) -> None:
    def search(objective: Objective) -> None:
        assert len(objective.trials) == 1
        objective({"n_estimators": 30, "num_leaves": 31})

    result = tune(panel, SPACE, scheme=SCHEME, arguments=QUICK, search=search)
    assert [trial.parameters["n_estimators"] for trial in result.trials] == [40, 30]


def test_a_fold_without_observations_does_not_count(panel: pd.DataFrame) -> None:
    times = panel.index.get_level_values(-1)
    last = times.max()
    fold = (times > last - pd.Timedelta(days=4)) & (times <= last - pd.Timedelta(days=2))
    result = tune(panel[~fold], SPACE, trials=1, scheme=SCHEME, arguments=QUICK)
    assert result.fold_scores[0] is None
    assert result.best_score == result.fold_scores[1]


def test_nine_days_are_enough_for_a_search(panel: pd.DataFrame) -> None:
    hours = panel.index.get_level_values(-1)
    result = tune(panel[hours < "2023-02-10"], SPACE, trials=1, arguments=QUICK)
    assert result.scheme.folds == 1
    assert result.best_score > 0


def test_a_shorter_panel_is_an_error_that_says_how_many_hours_are_needed(
    panel: pd.DataFrame,
) -> None:
    short = panel[panel.index.get_level_values(-1) < "2023-02-09"]
    with pytest.raises(ShortHistoryError, match=r"192 hours.*216 are needed"):
        tune(short, SPACE)


def test_a_search_needs_at_least_one_trial(panel: pd.DataFrame) -> None:
    with pytest.raises(ForecastError, match="trials=0"):
        tune(panel, SPACE, trials=0)
