"""The recursive strategy against sktime's own pipeline, which is slow and knows nothing of ours."""

import warnings
from datetime import datetime

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest

from benchmarks import course
from energy_assets.errors import ForecastError, ShortHistoryError
from energy_assets.forecasting import GlobalForecaster, recursive
from energy_assets.forecasting.panel.matrix import HOUR, HourlyMatrix, fill_gaps, to_matrix
from energy_assets.forecasting.recursive import RecursiveFeatures
from energy_assets.sources.simulator import Simulator

HOURS = 400
LATE = 150
PARAMETERS = {
    "n_estimators": 25,
    "learning_rate": 0.15,
    "num_leaves": 15,
    "min_child_samples": 10,
    "colsample_bytree": 0.5,
    "reg_lambda": 0.01,
    "random_state": 3,
    "n_jobs": 1,
}


class Recording(lgb.LGBMRegressor):
    """Keeps what sktime trains it on."""

    def fit(self, X, y):
        self.rows_, self.target_ = X, y
        return super().fit(X, y)


def pipeline():
    regressor = Recording(**PARAMETERS, deterministic=True, force_col_wise=True, verbosity=-1)
    return course.pipeline(regressor, deviations=(24, 48))


def exogenous(index):
    """What the pipeline is told of a series: its codes as numbers."""
    X = pd.DataFrame(index=index)
    if index.nlevels > 1:
        X["area_exog"] = index.get_level_values(0).str[-1].astype(int)
        X["consumer_type_exog"] = index.get_level_values(1).astype(int)
    return X


class Oracle:
    """The pipeline fitted to a matrix without gaps, and its forecasts."""

    def __init__(self, matrix, steps):
        observed = pd.DataFrame(
            {"energy_consumption": matrix.array.ravel()}, index=matrix.index(matrix.hours)
        ).dropna()
        if matrix.series is None:
            observed.index.freq = "h"
        ahead = pd.date_range(matrix.hours[-1] + HOUR, periods=steps, freq="h")
        # What sktime warns of is its own affair. It also sets filters, hence `record`.
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("ignore")
            fh = list(range(1, steps + 1))
            fitted = pipeline().fit(observed, X=exogenous(observed.index), fh=fh)
            made = fitted.predict(X=exogenous(matrix.index(ahead)))
        self.forecast = made.to_numpy().reshape(-1, steps)
        self.regressor = fitted.steps_[-1][1].estimator_
        # sktime sorts its columns unstably, so that their order is the machine's.
        named = [str(name).rsplit("consumption_", 1)[-1] for name in self.regressor.rows_.columns]

        def of(kind):
            split = [name.split("_") for name in named if name.startswith(f"{kind}_")]
            return tuple(tuple(map(int, numbers)) for _, *numbers in split)

        self.features = RecursiveFeatures(tuple(lag for (lag,) in of("lag")), of("mean"), of("std"))
        self.names = tuple(named)


@pytest.fixture(scope="module")
def matrix():
    """Three simulated series and one of another size that starts late, with gaps filled."""
    fetched = Simulator().fetch(datetime(2023, 1, 1), datetime(2023, 1, 17, 16))
    panel = pd.DataFrame(
        {"energy_consumption": fetched["TotalCon"].astype(float).to_numpy()},
        index=pd.MultiIndex.from_arrays(
            [
                fetched["PriceArea"],
                fetched["ConsumerType_DE35"],
                pd.to_datetime(fetched["HourUTC"]).rename("datetime_utc"),
            ]
        ),
    )
    keys = [("DK1", "111"), ("DK1", "431"), ("DK2", "111")]
    simulated = to_matrix(panel[panel.index.droplevel(-1).isin(keys)])
    rng = np.random.default_rng(5)
    small = 0.02 * (2 + np.sin(np.arange(HOURS) / 12 * np.pi)) * rng.lognormal(0, 0.05, HOURS)
    small[:LATE] = np.nan
    simulated.array[1, 200:230] = np.nan
    late = pd.MultiIndex.from_tuples([("DK2", "450")], names=simulated.series.names)
    array = fill_gaps(np.vstack([simulated.array, small]))
    return HourlyMatrix(array, simulated.hours, simulated.series.append(late))


@pytest.fixture(scope="module")
def codes(matrix):
    return recursive.key_codes(matrix.series, recursive.key_labels(matrix.series))


@pytest.fixture(scope="module")
def oracle(matrix):
    return Oracle(matrix, 24)


def trees(booster):
    """What the booster says of its trees, from the first on, without its parameters."""
    text = booster.model_to_string()
    return text[text.index("Tree=0") : text.index("feature_importances")]


def test_training_rows__as_sktime_makes_them__to_the_last_bit(matrix, codes, oracle):
    rows, target = recursive.training_rows(matrix.array, matrix.hours, codes, oracle.features)
    assert rows.shape == (4 * (HOURS - 72) - LATE, 81)
    assert oracle.features.names(["area_exog", "consumer_type_exog"]) == oracle.names
    np.testing.assert_array_equal(rows, oracle.regressor.rows_.to_numpy())
    np.testing.assert_array_equal(target, oracle.regressor.target_)


def test_train__parameters_of_the_scikit_learn_interface__the_same_trees(matrix, codes, oracle):
    rows, target = recursive.training_rows(matrix.array, matrix.hours, codes, oracle.features)
    booster = recursive.train(rows, target, PARAMETERS)
    assert trees(booster) == trees(oracle.regressor.booster_)
    assert booster.num_trees() == 25


def test_forecast__a_day_ahead__is_sktimes(matrix, codes, oracle):
    rows, target = recursive.training_rows(matrix.array, matrix.hours, codes, oracle.features)
    booster = recursive.train(rows, target, PARAMETERS)
    made = recursive.forecast(
        booster.predict, matrix.array, matrix.hours, 24, codes, oracle.features
    )
    np.testing.assert_allclose(made, oracle.forecast, rtol=1e-6)
    assert len(np.unique(made)) > 4 * 12  # The forecasts are no constants.


def test_forecast__single_series__is_sktimes(matrix):
    alone = HourlyMatrix(matrix.array[:1], matrix.hours, None)
    oracle = Oracle(alone, 5)
    rows, target = recursive.training_rows(alone.array, alone.hours, features=oracle.features)
    np.testing.assert_array_equal(rows, oracle.regressor.rows_.to_numpy())
    booster = recursive.train(rows, target, PARAMETERS)
    made = recursive.forecast(
        booster.predict, alone.array, alone.hours, 5, features=oracle.features
    )
    np.testing.assert_allclose(made, oracle.forecast, rtol=1e-6)


def test_forecast__rows__are_those_one_would_train_on(matrix, codes):
    rows, _ = recursive.training_rows(matrix.array, matrix.hours, codes)
    last = rows[np.cumsum([HOURS - 72, HOURS - 72, HOURS - 72, HOURS - 72 - LATE]) - 1]
    seen = []

    def predict(given):
        seen.append(given.copy())
        return given[:, 0]

    recursive.forecast(predict, matrix.array[:, :-1], matrix.hours[:-1], 1, codes)
    np.testing.assert_allclose(seen[0], last, rtol=1e-9)


def test_forecast__each_hour__feeds_the_next():
    features = RecursiveFeatures(lags=(2, 1), means=(), stds=(), calendar=())
    hours = pd.date_range("2023", periods=2, freq="h")
    made = recursive.forecast(
        lambda rows: rows.sum(axis=1), np.array([[1.0, 1.0], [2.0, 1.0]]), hours, 6, None, features
    )
    assert made.tolist() == [[2, 3, 5, 8, 13, 21], [3, 4, 7, 11, 18, 29]]


def test_forecast__calendar__is_of_the_hour_that_is_forecast():
    features = RecursiveFeatures(lags=(1,), means=(), stds=())
    seen = []

    def predict(rows):
        seen.append(rows[0, 1:].tolist())
        return rows[:, 0]

    hours = pd.date_range("2023-01-01 22:00", periods=1, freq="h")  # a Sunday
    recursive.forecast(predict, np.ones((1, 1)), hours, 2, None, features)
    assert seen == [[6, 23], [0, 0]]


def test_training_rows__an_hour_and_later_ones_changed__its_inputs_do_not(matrix, codes):
    changed = matrix.array.copy()
    changed[:, 300:] *= 3
    first, second = (
        recursive.training_rows(array, matrix.hours, codes)[0] for array in (matrix.array, changed)
    )
    size = HOURS - 72
    np.testing.assert_array_equal(first[: 300 - 72 + 1], second[: 300 - 72 + 1])
    assert (first[300 - 72 + 1 : size, 0] != second[300 - 72 + 1 : size, 0]).all()


def test_training_rows__later_hours_absent__the_same_rows(matrix, codes):
    rows, target = recursive.training_rows(matrix.array[:1], matrix.hours, codes[:1])
    early, early_target = recursive.training_rows(
        matrix.array[:1, :300], matrix.hours[:300], codes[:1]
    )
    np.testing.assert_array_equal(rows[: len(early)], early)
    np.testing.assert_array_equal(target[: len(early)], early_target)


def test_forecast__hours_before_the_window__do_not_count(matrix, codes):
    def predict(rows):
        return rows[:, :77].mean(axis=1)

    whole = recursive.forecast(predict, matrix.array, matrix.hours, 24, codes)
    part = recursive.forecast(predict, matrix.array[:, -72:], matrix.hours[-72:], 24, codes)
    np.testing.assert_array_equal(whole, part)


def test_rows__constant_series__mean_and_deviation_are_exact():
    array = np.full((1, 100), 0.1)
    hours = pd.date_range("2023", periods=100, freq="h")
    seen = []

    def predict(rows):
        seen.append(rows[0, 72:77].tolist())
        return np.array([0.1])

    recursive.forecast(predict, array, hours, 2)
    rows, _ = recursive.training_rows(array, hours)
    assert [*seen, *rows[:, 72:77].tolist()] == [[0.1, 0.1, 0.1, 0.0, 0.0]] * (2 + 28)


def test_training_rows__gap_left_open__no_row_sees_it(matrix):
    array = matrix.array.copy()
    array[0, 200] = np.nan
    rows, target = recursive.training_rows(array, matrix.hours)
    assert np.isfinite(rows).all()
    assert len(rows) == len(target) == 4 * (HOURS - 72) - LATE - 73


@pytest.mark.parametrize("known", [1, 30, 71])
def test_forecast__less_history_than_the_window__is_near_the_level(matrix, codes, known):
    rows, target = recursive.training_rows(matrix.array, matrix.hours, codes)
    booster = recursive.train(rows, target, PARAMETERS)
    array = matrix.array.copy()
    array[0, :-known] = np.nan
    array[1] = np.nan
    made = recursive.forecast(booster.predict, array, matrix.hours, 24, codes)
    level = matrix.array[0].mean()
    assert ((made[0] > 0.3 * level) & (made[0] < 3 * level)).all()
    assert np.isnan(made[1]).all()
    whole = recursive.forecast(booster.predict, matrix.array, matrix.hours, 24, codes)
    np.testing.assert_array_equal(made[2:], whole[2:])


@pytest.mark.parametrize("hours", [10, 72])
def test_training_rows__too_short__error_says_how_long(matrix, hours):
    with pytest.raises(ShortHistoryError, match="73 known hours in a row"):
        recursive.training_rows(matrix.array[:, :hours], matrix.hours[:hours])


def test_training_rows__no_series_with_enough__error(matrix):
    array = matrix.array.copy()
    array[:, ::50] = np.nan
    with pytest.raises(ShortHistoryError, match="73 known hours in a row"):
        recursive.training_rows(array, matrix.hours)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lags": (0, 1)}, "must be 1 or more"),
        ({"means": ((0, 24),)}, "must be 1 or more"),
        ({"lags": (), "means": (), "stds": ()}, "needs lags or windows"),
        ({"stds": ((1, 1),)}, "needs 2 hours or more"),
        ({"calendar": ("moon",)}, r"\['moon'\]: choose of"),
    ],
)
def test_features__that_cannot_be__error_names_them(given, message):
    with pytest.raises(ForecastError, match=message):
        RecursiveFeatures(**given)


def test_features__window__reaches_to_the_furthest_hour():
    assert RecursiveFeatures().window == 72
    assert RecursiveFeatures(lags=(5,), means=((24, 10),), stds=()).window == 33


def test_train__parameters_lightgbm_refuses__error_names_them(matrix):
    rows, target = recursive.training_rows(matrix.array, matrix.hours)
    with pytest.raises(ForecastError, match=r"cannot train with.*num_leaves"):
        recursive.train(rows, target, {"num_leaves": 1})


def test_key_codes__numbers_and_labels__each_level_its_own():
    series = pd.MultiIndex.from_tuples([("DK1", "111"), ("DK1", "215"), ("DK2", "111")])
    labels = recursive.key_labels(series)
    assert labels == [["DK1", "DK2"], []]
    assert recursive.key_codes(series, labels).tolist() == [[1, 111], [1, 215], [2, 111]]


def test_key_codes__never_seen__comes_between_its_neighbours():
    labels = recursive.key_labels(pd.Index(["b", "d"]))
    assert recursive.key_codes(pd.Index(["a", "b", "c", "d", "e"]), labels).ravel().tolist() == [
        *(0.5, 1, 1.5, 2, 2.5)
    ]
    assert recursive.key_codes(pd.Index([7, 3]), []).shape == (2, 0)
    assert recursive.key_codes(None, recursive.key_labels(None)).shape == (1, 0)


def test_global_forecaster__recursive__is_sktimes(matrix, oracle):
    """The course's model, from fit to forecast."""
    panel = pd.DataFrame({"y": matrix.array.ravel()}, index=matrix.index(matrix.hours)).dropna()
    forecaster = GlobalForecaster(
        strategy="recursive",
        recursive_features=oracle.features,
        calibration_days=0,
        **PARAMETERS,
    )
    made = forecaster.fit(panel).predict(fh=list(range(1, 25)))
    np.testing.assert_allclose(made.to_numpy().reshape(-1, 24), oracle.forecast, rtol=1e-6)
