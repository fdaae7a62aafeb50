"""The folds of a search over a panel, and results that survive being stored."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting.tuning.result import (
    NotTuned,
    Scheme,
    Trial,
    TuningResult,
    read_result,
)
from energy_assets.forecasting.tuning.search_space import SearchSpace

SCHEME = Scheme(folds=2).on(pd.date_range("2023-02-01", periods=24 * 28, freq="h"))
TRIALS = [
    Trial(number=1, parameters={"num_leaves": 31}, score=0.5, fold_scores=[0.4, 0.6], seconds=1.5),
    Trial(
        number=2,
        parameters={"num_leaves": 7},
        score=0.9,
        fold_scores=[0.8],
        seconds=0.5,
        state="pruned",
    ),
]
RESULT = TuningResult(
    metric="mape",
    method="grid",
    seed=0,
    best_parameters={"num_leaves": 31},
    best_score=0.5,
    fold_scores=[0.4, 0.6],
    default_score=0.5,
    baseline_scores={"seasonal_naive_24": 0.7},
    scheme=SCHEME,
    planned=3,
    trials=TRIALS,
)


@pytest.mark.parametrize(("days", "folds"), [(9, 1), (16, 1), (18, 2), (20, 3), (28, 3)])
def test_a_short_panel_has_fewer_folds(days: int, folds: int) -> None:
    hours = pd.date_range("2023-02-01", periods=24 * days, freq="h")
    scheme = Scheme().on(hours)
    assert scheme.folds == len(scheme.cutoffs) == folds
    assert scheme.cutoffs[-1] + pd.Timedelta(days=2) == hours[-1]
    training_hours = (scheme.cutoffs[0] - hours[0]) / pd.Timedelta(hours=1) + 1
    assert training_hours >= 24 * (14 if days >= 16 else 7)


@pytest.mark.parametrize("scheme", [Scheme(folds=0), Scheme(fold_days=1, horizon=48)])
def test_an_impossible_scheme_is_an_error(scheme: Scheme) -> None:
    with pytest.raises(ForecastError, match="cannot hold"):
        scheme.on(pd.date_range("2023-02-01", periods=24 * 28, freq="h"))


def test_the_targets_of_all_origins_lie_within_the_fold() -> None:
    cutoff = pd.Timestamp(SCHEME.cutoffs[0])
    origins = SCHEME.origins(cutoff)
    assert list(origins) == [cutoff + pd.Timedelta(hours=hours) for hours in (0, 6, 12, 18, 24)]


def test_a_result_is_the_same_after_being_stored() -> None:
    again = read_result(RESULT.model_dump_json().encode())
    assert isinstance(again, TuningResult)
    assert again == RESULT
    pd.testing.assert_frame_equal(again.trials_table(), RESULT.trials_table())


def test_the_table_of_trials_has_empty_cells_for_folds_that_were_not_reached() -> None:
    table = RESULT.trials_table()
    assert list(table.columns) == ["num_leaves", "score", "fold_1", "fold_2", "seconds", "state"]
    assert table["fold_2"].isna().tolist() == [False, True]
    assert RESULT.scores_table().to_dict("list") == {
        "method": ["best", "default", "seasonal_naive_24"],
        "mape": [0.5, 0.5, 0.7],
    }


def test_the_hour_of_a_configuration_is_not_stored_in_it() -> None:
    later = RESULT.model_copy(update={"hour": "2023-03-01-00:00"})
    assert "hour" not in json.loads(later.model_dump_json())


def test_a_result_without_pruning_or_planned_trials_is_still_read() -> None:
    """The first files had neither `planned` nor `state`."""
    document = RESULT.model_dump(mode="json")
    del document["planned"]
    for trial in document["trials"]:
        del trial["state"]
    old = read_result(json.dumps(document).encode())
    assert old.best_parameters == {"num_leaves": 31}


def test_without_a_search_the_default_configuration_is_stored_with_the_reason() -> None:
    space = SearchSpace.model_validate(
        {"method": "grid", "parameters": {"n_estimators": {"values": [2]}}}
    )
    default = NotTuned.because("too short", space)
    assert default.best_parameters == {"n_estimators": 40}
    assert read_result(default.model_dump_json().encode()) == default
    assert json.loads(default.model_dump_json()) == {
        "best_parameters": {"n_estimators": 40},
        "unsearched": "too short",
    }


def test_other_json_is_not_a_result() -> None:
    with pytest.raises(ValueError, match="best_parameters"):
        read_result(b'{"forecast": 1}')
