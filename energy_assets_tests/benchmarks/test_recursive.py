"""The recursive model against sktime's own pipeline, which is slow and shares no code with it."""

import warnings

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest

from benchmarks import course, recursive
from energy_assets.forecasting.panel.matrix import to_matrix
from energy_assets.forecasting.panel.time_axis import HOUR

HOURS = 400
PARAMETERS = {
    "n_estimators": 25,
    "learning_rate": 0.15,
    "num_leaves": 15,
    "min_child_samples": 10,
    "colsample_bytree": 0.5,
    "random_state": 3,
    "n_jobs": 1,
}


class RecordingRegressor(lgb.LGBMRegressor):
    """Keeps what sktime trains it on."""

    def fit(self, X, y):
        self.rows_, self.target_ = X, y
        return super().fit(X, y)


@pytest.fixture(scope="module")
def history(panel):
    """Four series without gaps, one of which starts late."""
    start = panel.index[0][-1]
    history = panel[panel.index.get_level_values(-1) < start + HOURS * HOUR]
    return history.drop(history.index[HOURS : HOURS + 150])


def exogenous(index):
    """The codes of the series, which sktime needs as columns."""
    keys = [pd.factorize(index.get_level_values(level), sort=True)[0] for level in (0, 1)]
    return pd.DataFrame({"area_exog": keys[0], "consumer_type_exog": keys[1]}, index=index)


def test_forecasts_are_those_of_sktimes_reduction(history):
    regressor = RecordingRegressor(
        **PARAMETERS, deterministic=True, force_col_wise=True, verbosity=-1
    )
    ahead = pd.date_range(history.index[-1][-1] + HOUR, periods=24, freq="h")
    # sktime's own warnings do not matter here. It also sets filters, hence `record`.
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("ignore")
        pipeline = course.pipeline(regressor, deviations=(24, 48))
        pipeline.fit(history, X=exogenous(history.index), fh=list(range(1, 25)))
        slow = pipeline.predict(X=exogenous(to_matrix(history).index(ahead)))
    # The order of sktime's columns differs between machines, and the sampling of columns depends
    # on it.
    columns = pipeline.steps_[-1][1].estimator_.rows_.columns
    names = [str(name).rsplit("consumption_", 1)[-1].split("_") for name in columns]
    lags, means, stds = (
        tuple(tuple(map(int, numbers)) for kind, *numbers in names if kind == wanted)
        for wanted in ("lag", "mean", "std")
    )
    features = recursive.Features(tuple(lag for (lag,) in lags), means, stds)
    fast = recursive.forecast(history, 24, PARAMETERS, features)
    np.testing.assert_allclose(fast, slow.iloc[:, 0], rtol=1e-6)


def test_training_rows_do_not_see_their_target_or_later_hours(history):
    matrix = to_matrix(history)
    codes = recursive.series_codes(matrix.series)
    rows, _ = recursive.training_rows(matrix, codes)
    matrix.array[:, 300:] *= 3
    changed, _ = recursive.training_rows(matrix, codes)
    unseen = 300 - recursive.DEFAULT.window + 1
    np.testing.assert_array_equal(rows[:unseen], changed[:unseen])
    assert (rows[unseen : HOURS - 72, 0] != changed[unseen : HOURS - 72, 0]).all()
