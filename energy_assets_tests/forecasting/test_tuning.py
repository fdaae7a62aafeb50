"""Tuning on a small panel: default first, nothing later in a fold, a result that can be kept."""

import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting import GlobalForecaster
from energy_assets.forecasting.search_space import SearchSpace
from energy_assets.forecasting.tuning import Scheme, TuningResult, tune

SPACE = SearchSpace.model_validate(
    {
        "method": "grid",
        "parameters": {"n_estimators": {"values": [2, 20]}, "num_leaves": {"value": 7}},
    }
)
SCHEME = Scheme(folds=2, fold_days=2, origin_hours=12)
QUICK = {"n_jobs": 1, "origin_step": 23}


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def result(panel, told):
    return tune(
        panel, SPACE, scheme=SCHEME, arguments=QUICK, on_trial=lambda *news: told.append(news)
    )


def test_tune__default_configuration__is_the_first_trial(result):
    assert result.trials[0].parameters == {"n_estimators": 100, "num_leaves": 31}
    assert result.default_score == result.trials[0].score


def test_tune__best__has_the_lowest_score_and_fits(result, panel):
    assert result.best_score == min(trial.score for trial in result.trials)
    assert result.best_score <= result.default_score
    GlobalForecaster(**result.best_parameters, **QUICK).fit(panel)


def test_tune__baselines__are_scored_on_the_same_folds(result):
    assert set(result.baseline_scores) == {"seasonal_naive_24", "seasonal_naive_168"}
    assert result.best_score < result.baseline_scores["seasonal_naive_168"]


def test_tune__progress__is_told_of_every_trial(result, told):
    assert told == [(n, 3, trial.score) for n, trial in enumerate(result.trials, start=1)]


def test_tune__result__survives_json(result):
    again = TuningResult.model_validate_json(result.model_dump_json())
    assert again == result
    pd.testing.assert_frame_equal(again.trials_table(), result.trials_table())
    assert list(result.trials_table().columns) == [
        *("n_estimators", "num_leaves", "score", "fold_1", "fold_2", "seconds")
    ]


def test_tune__cutoffs__leave_the_folds_after_them(result, panel):
    last = panel.index[-1][-1]
    assert [last - cutoff for cutoff in result.scheme.cutoffs] == [
        *(pd.Timedelta(days=4), pd.Timedelta(days=2))
    ]


def test_tune__hours_after_the_first_fold_changed__its_score_is_the_same(result, panel):
    changed = panel.copy()
    end = result.scheme.cutoffs[1]
    changed[panel.index.get_level_values(-1) > end] *= 2
    again = tune(changed, SPACE, trials=1, scheme=SCHEME, arguments=QUICK)
    assert again.trials[0].fold_scores[0] == result.trials[0].fold_scores[0]
    assert again.trials[0].fold_scores[1] != result.trials[0].fold_scores[1]


def test_tune__out_of_time__stops_after_the_trial_that_took_it(panel):
    stopped = tune(panel, SPACE, seconds=0.0, scheme=SCHEME, arguments=QUICK)
    assert len(stopped.trials) == 1


def test_tune__a_day_without_observations__does_not_count(panel):
    times = panel.index.get_level_values(-1)
    last = times.max()
    fold = (times > last - pd.Timedelta(days=4)) & (times <= last - pd.Timedelta(days=2))
    made = tune(panel[~fold], SPACE, trials=1, scheme=SCHEME, arguments=QUICK)
    assert made.best_score == made.fold_scores[1]


def test_tune__panel_too_short__error_says_so(panel):
    short = panel[panel.index.get_level_values(-1) < "2023-02-15"]
    with pytest.raises(ForecastError, match="less than a fortnight"):
        tune(short, SPACE, scheme=SCHEME)


@pytest.mark.parametrize("scheme", [Scheme(folds=0), Scheme(fold_days=1, horizon=48)])
def test_tune__impossible_scheme__error(panel, scheme):
    with pytest.raises(ForecastError, match="cannot hold"):
        tune(panel, SPACE, scheme=scheme)


def test_tune__no_trials__error(panel):
    with pytest.raises(ForecastError, match="trials=0"):
        tune(panel, SPACE, trials=0)
