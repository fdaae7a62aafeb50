"""Tuning on a small panel: default first, nothing later in a fold, a result that can be kept."""

from types import SimpleNamespace

import pandas as pd
import pytest

from energy_assets.errors import ForecastError, ShortHistoryError
from energy_assets.forecasting import GlobalForecaster
from energy_assets.forecasting.evaluation import scores as evaluation
from energy_assets.forecasting.models import seasonal_naive as baseline
from energy_assets.forecasting.tuning import search as tuning
from energy_assets.forecasting.tuning.result import Scheme, TuningResult, Unsearched, read_result
from energy_assets.forecasting.tuning.search import hopeless, tune
from energy_assets.forecasting.tuning.search_space import SearchSpace

SPACE = SearchSpace.model_validate(
    {
        "method": "grid",
        "parameters": {"n_estimators": {"values": [2, 20]}, "num_leaves": {"value": 7}},
    }
)
SCHEME = Scheme(folds=2, fold_days=2, origin_hours=12)
QUICK = {"n_jobs": 1, "origin_step": 23}
BAYES = SearchSpace.model_validate(
    {
        "method": "bayes",
        "parameters": {
            "n_estimators": {"min": 1, "max": 30},
            "learning_rate": {"min": 0.01, "max": 0.3, "distribution": "log_uniform_values"},
        },
    }
)


def timeless(result: TuningResult) -> TuningResult:
    trials = [trial.model_copy(update={"seconds": 0.0}) for trial in result.trials]
    return result.model_copy(update={"trials": trials})


@pytest.fixture
def scored(monkeypatch):
    """Have the folds of each trial score what is given; each takes a second, in its turn."""

    def give(*trials):
        to_come, now, seconds = iter(trials), [], []

        def score(panel, prepare, scheme, metric, cutoff):
            seconds.append(1)
            fold = scheme.cutoffs.index(cutoff)
            if fold == 0:
                now[:] = next(to_come)
            return now[fold]

        monkeypatch.setattr(tuning, "_score", score)
        monkeypatch.setattr(tuning, "time", SimpleNamespace(monotonic=lambda: sum(seconds)))
        monkeypatch.setattr(tuning.os, "cpu_count", lambda: 1)

    return give


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def result(panel, told):
    return tune(
        panel, SPACE, scheme=SCHEME, arguments=QUICK, on_trial=lambda *news: told.append(news)
    )


def test_tune__default_configuration__is_the_first_trial(result):
    assert result.trials[0].parameters == {"n_estimators": 40, "num_leaves": 31}
    assert result.default_score == result.trials[0].score


def test_tune__best__has_the_lowest_score_and_fits(result, panel):
    complete = [trial.score for trial in result.trials if trial.state == "complete"]
    assert result.best_score == min(complete)
    assert result.best_score <= result.default_score
    GlobalForecaster(**result.best_parameters, **QUICK).fit(panel)


def test_tune__baselines__are_scored_on_the_same_folds(result, panel):
    for season in (24, 168):
        folds = [
            evaluation.summary(
                evaluation.rolling_origin(
                    panel,
                    {
                        "": lambda window, horizon, season=season: baseline.forecast(
                            window, horizon, season
                        )
                    },
                    pd.date_range(cutoff, periods=3, freq="12h"),
                )
            )["mape"]
            for cutoff in result.scheme.cutoffs
        ]
        expected = sum(folds) / len(folds)
        assert result.baseline_scores[f"seasonal_naive_{season}"] == pytest.approx(expected)
    assert result.best_score < result.baseline_scores["seasonal_naive_168"]


def test_tune__progress__is_told_of_every_trial(result, told):
    assert told == [(trial, 3) for trial in result.trials]
    assert [trial.number for trial in result.trials] == [1, 2, 3]


def test_tune__result__survives_json(result):
    again = read_result(result.model_dump_json().encode())
    assert isinstance(again, TuningResult)
    assert again == result
    pd.testing.assert_frame_equal(again.trials_table(), result.trials_table())
    assert list(result.trials_table().columns) == [
        *("n_estimators", "num_leaves", "score", "fold_1", "fold_2", "seconds", "state")
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


def test_tune__two_trees__are_pruned_after_a_fold_and_estimated_from_it(result):
    default, pruned, _ = result.trials
    assert pruned.parameters["n_estimators"] == 2
    assert (pruned.state, len(pruned.fold_scores)) == ("pruned", 1)
    behind = pruned.fold_scores[0] - default.fold_scores[0]
    assert pruned.score == pytest.approx(default.score + behind)
    assert result.trials_table()["fold_2"].isna().tolist() == [False, True, True]


def test_tune__a_fold_at_a_time_or_all_at_once__same_trials(result, panel, monkeypatch):
    monkeypatch.setattr(tuning.os, "cpu_count", lambda: 4)
    at_once = tune(panel, SPACE, scheme=SCHEME, arguments=QUICK | {"n_jobs": None})
    assert timeless(at_once) == timeless(result)


def test_tune__a_pruned_trial__never_wins(panel, scored):
    """Not even where what it has of scores is lower than the default's score over all folds."""
    scored([0.2, 0.5, 0.5], [0.3, 0.0, 0.0], [0.2, 0.5, 0.51])
    made = tune(panel, BAYES, trials=3)
    assert [trial.state for trial in made.trials] == ["complete", "pruned", "complete"]
    assert made.best == made.trials[0]
    assert made.best_score == made.default_score < made.trials[1].score


def test_tune__the_default_configuration__is_never_pruned(panel, scored):
    scored([0.9, 0.9, 0.9], [0.1, 0.1, 0.1], [0.9, 0.9, 0.9])
    made = tune(panel, BAYES, trials=3)
    assert [trial.state for trial in made.trials] == ["complete", "complete", "pruned"]
    assert made.best == made.trials[1]


def test_tune__a_fold_without_observations__has_no_part_in_pruning(panel, scored):
    scored([None, 0.5, 0.5], [None, 0.45, 0.45], [None, 0.9, 0.1])
    made = tune(panel, BAYES, trials=3)
    assert [trial.state for trial in made.trials] == ["complete", "complete", "pruned"]
    assert made.trials[2].fold_scores == [None, 0.9]
    assert made.best_score == pytest.approx(0.45)
    assert made.trials[2].score == pytest.approx(0.45 + 0.9 - 0.45)
    assert read_result(made.model_dump_json().encode()) == made


@pytest.mark.parametrize(
    ("folds", "best", "expected"),
    [
        ([0.103], [0.1, 0.2, 0.1], False),
        ([0.105], [0.1, 0.2, 0.1], True),
        ([0.105, 0.2], [0.1, 0.2, 0.1], False),
        ([0.1, 0.21], [0.1, 0.2, 0.1], True),
        ([None, 0.21], [None, 0.2, 0.1], True),
        ([None], [None, 0.2, 0.1], False),
        ([0.05], [0.0, 0.0], True),
        ([0.0], [0.0, 0.0], False),
    ],
)
def test_hopeless__less_is_forgiven_the_fewer_folds_are_to_come(folds, best, expected):
    assert hopeless(folds, best) == expected


def test_tune__same_seed__same_trials(panel):
    first, again, other = (
        tune(panel, BAYES, trials=4, scheme=SCHEME, arguments=QUICK, seed=seed)
        for seed in (3, 3, 4)
    )
    assert timeless(first) == timeless(again)
    assert first.trials[1].parameters != other.trials[1].parameters


def test_tune__out_of_time__finishes_the_default_configuration_alone(panel):
    stopped = tune(panel, SPACE, seconds=0.0, scheme=SCHEME, arguments=QUICK)
    assert [trial.state for trial in stopped.trials] == ["complete"]
    assert stopped.planned == 3
    assert stopped.best_parameters == {"n_estimators": 40, "num_leaves": 31}


@pytest.mark.parametrize(
    ("seconds", "states"),
    [
        (1, ["complete"]),
        (3, ["complete"]),
        (4, ["complete", "stopped"]),
        (5, ["complete", "stopped"]),
        (6, ["complete", "complete"]),
        (7, ["complete", "complete", "stopped"]),
    ],
)
def test_tune__out_of_time_between_folds__that_trial_cannot_win(panel, scored, seconds, states):
    """A fold takes a second; the default configuration takes its three in any case."""
    scored([0.5, 0.5, 0.5], [0.4, 0.4, 0.4], [0.1, 0.1, 0.1])
    made = tune(panel, BAYES, trials=9, seconds=seconds)
    assert [trial.state for trial in made.trials] == states
    assert made.best == made.trials[states.count("complete") - 1]
    assert sum(len(trial.fold_scores) for trial in made.trials) == max(3, seconds)


class Three:
    """An engine that tries three configurations and favours the second."""

    def __init__(self):
        self.told, self.closed = [], False

    def proposals(self, space, seed, total):
        try:
            for leaves in (31, 7, 8)[:total]:
                yield {"n_estimators": 2, "num_leaves": leaves}, self.told.append
        finally:
            self.closed = True

    def winner(self, trials):
        return trials[1]


def test_tune__another_engine__chooses_what_is_tried_and_what_has_won(panel, scored):
    scored([0.5, 0.5, 0.5], [0.4, 0.4, 0.4], [0.3, 0.3, 0.3])
    engine = Three()
    made = tune(panel, BAYES, trials=3, engine=engine)
    assert [trial.parameters["num_leaves"] for trial in made.trials] == [31, 7, 8]
    assert engine.told == made.trials
    assert made.best == made.trials[1]
    assert (made.best_score, made.default_score) == (pytest.approx(0.4), 0.5)
    assert engine.closed


def test_tune__another_engine__is_not_asked_when_the_time_is_over_and_is_always_closed(
    panel, scored
):
    scored([0.5, 0.5, 0.5], [0.4, 0.4, 0.4])
    engine = Three()
    made = tune(panel, BAYES, trials=3, seconds=6, engine=engine)
    assert engine.told == made.trials
    assert len(made.trials) == 2
    assert engine.closed

    failing = Three()
    with pytest.raises(RuntimeError):
        tune(panel, BAYES, trials=3, engine=failing)  # there are no scores left to give
    assert failing.closed


def test_tune__a_day_without_observations__does_not_count(panel):
    times = panel.index.get_level_values(-1)
    last = times.max()
    fold = (times > last - pd.Timedelta(days=4)) & (times <= last - pd.Timedelta(days=2))
    made = tune(panel[~fold], SPACE, trials=1, scheme=SCHEME, arguments=QUICK)
    assert made.best_score == made.fold_scores[1]


@pytest.mark.parametrize(("days", "folds"), [(9, 1), (16, 1), (18, 2), (20, 3), (28, 3)])
def test_scheme__short_panel__has_fewer_folds(days, folds):
    hours = pd.date_range("2023-02-01", periods=24 * days, freq="h")
    scheme = Scheme().on(hours)
    assert scheme.folds == len(scheme.cutoffs) == folds
    assert scheme.cutoffs[-1] + pd.Timedelta(days=2) == hours[-1]
    trained_on = (scheme.cutoffs[0] - hours[0]) / pd.Timedelta(hours=1) + 1
    assert trained_on >= 24 * (14 if days >= 16 else 7)


def test_tune__shortest_panel__is_searched(panel):
    hours = panel.index.get_level_values(-1)
    made = tune(panel[hours < "2023-02-10"], SPACE, trials=1, arguments=QUICK)
    assert made.scheme.folds == 1
    assert made.best_score > 0


def test_tune__panel_too_short__error_says_how_many_hours_are_needed(panel):
    short = panel[panel.index.get_level_values(-1) < "2023-02-09"]
    with pytest.raises(ShortHistoryError, match=r"192 hours.*216 are needed"):
        tune(short, SPACE)


def test_unsearched__is_the_default_configuration_and_survives_json():
    kept = Unsearched.because("too short", SPACE)
    assert kept.best_parameters == {"n_estimators": 40, "num_leaves": 31}
    assert read_result(kept.model_dump_json().encode()) == kept


@pytest.mark.parametrize("scheme", [Scheme(folds=0), Scheme(fold_days=1, horizon=48)])
def test_tune__impossible_scheme__error(panel, scheme):
    with pytest.raises(ForecastError, match="cannot hold"):
        tune(panel, SPACE, scheme=scheme)


def test_tune__no_trials__error(panel):
    with pytest.raises(ForecastError, match="trials=0"):
        tune(panel, SPACE, trials=0)
