"""`GlobalForecaster` passes sktime's checks and works with its tools."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sktime.forecasting.compose import TransformedTargetForecaster
from sktime.forecasting.model_evaluation import evaluate
from sktime.forecasting.model_selection import ForecastingGridSearchCV
from sktime.performance_metrics.forecasting import MeanAbsolutePercentageError
from sktime.split import ExpandingWindowSplitter
from sktime.transformations.boxcox import LogTransformer
from sktime.utils.estimator_checks import check_estimator

from energy_assets.forecasting import GlobalForecaster


@pytest.fixture
def cv():
    return ExpandingWindowSplitter(fh=list(range(1, 25)), initial_window=24 * 21, step_length=48)


@pytest.fixture
def one(panel):
    series = panel.xs(("DK1", "111"))["energy_consumption"]
    return series.asfreq("h")


def test_all_of_sktimes_checks_pass():
    # The warnings of sktime's own checks do not matter here; it also sets filters.
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("ignore")
        results = check_estimator(GlobalForecaster, raise_exceptions=False, verbose=False)
    assert {name: result for name, result in results.items() if result != "PASSED"} == {}
    assert len(results) > 800


def quietly(call, **arguments):
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("ignore")
        return call(**arguments)


def test_evaluate_scores_every_fold_of_a_panel(panel, small, cv):
    scoring = MeanAbsolutePercentageError()
    table = quietly(evaluate, forecaster=small, y=panel, cv=cv, scoring=scoring)
    assert len(table) == 4
    assert table["test_MeanAbsolutePercentageError"].max() < 0.06


def test_evaluate_without_refitting_only_moves_the_origin(one, small, cv):
    table = quietly(evaluate, forecaster=small, y=one, cv=cv, strategy="no-update_params")
    assert len(table) == 4


def test_a_grid_search_finds_the_learning_rate_that_learns(one, small, cv):
    grid = {"learning_rate": [30.0, 0.1], "linear_weight": [0.0]}
    search = quietly(
        lambda: ForecastingGridSearchCV(
            small, cv, grid, scoring=MeanAbsolutePercentageError(), backend=None
        ).fit(one)
    )
    assert search.best_params_ == {"learning_rate": 0.1, "linear_weight": 0.0}


def test_a_pipeline_with_logarithms_forecasts_in_the_unit_of_the_panel(panel, small):
    steps = [("log", LogTransformer()), ("forecast", small)]
    forecast = quietly(lambda: TransformedTargetForecaster(steps).fit(panel).predict(fh=[1, 24]))
    alone = small.clone().fit(panel).predict(fh=[1, 24])
    assert isinstance(forecast.index, pd.MultiIndex)
    np.testing.assert_allclose(forecast, alone, rtol=0.25)
