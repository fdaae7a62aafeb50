"""Training on a sample of the series, and with parameters that LightGBM rejects."""

from dataclasses import replace

import numpy as np
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.models import trees
from energy_assets.forecasting.models.blend import Shares
from energy_assets.forecasting.models.held_out import Pair
from energy_assets.forecasting.models.training import Training, train
from energy_assets.forecasting.models.training_rows import Sampling, TrainingWindow
from energy_assets.forecasting.models.trees import TreeParameters
from energy_assets.forecasting.panel.matrix import fill_gaps, to_matrix

PARAMETERS = TreeParameters(
    n_estimators=20,
    learning_rate=0.15,
    num_leaves=31,
    min_child_samples=20,
    colsample_bytree=0.5,
    reg_lambda=0.0,
    random_state=0,
)


def trained(panel, sampling, held_out=96):
    observed = to_matrix(panel)
    window = TrainingWindow(
        observed, replace(observed, array=fill_gaps(observed.array)), held_out=held_out
    )
    design = Design(24, "DK", "Europe/Copenhagen")
    training = Training(design, Shares(0.5, 0.5), PARAMETERS, sampling, n_jobs=1)
    return train(window, training), window


@pytest.mark.parametrize("max_rows", [1_000_000, 20_000])
def test_every_series_has_its_own_weights_also_if_trees_see_only_some_series(panel, max_rows):
    sampling = Sampling(origin_step=5, thinning=3, max_rows=max_rows, chunk_rows=max_rows)
    (model, held_out), window = trained(panel, sampling)
    assert len(model.weights.columns) == 4 + 1
    assert len(np.unique(model.weights.columns, axis=0)) == 4 + 1
    forecast = model.forecast(window.filled, np.arange(1, 25), None, threads=1)
    np.testing.assert_allclose(forecast, window.observed.array[:, -168:-144], rtol=0.35)
    assert np.isfinite(held_out.actual).sum() > 1000


def test_without_held_out_hours_there_is_only_the_final_model(panel):
    (model, held_out), window = trained(panel, Sampling(origin_step=5, thinning=3), held_out=0)
    assert held_out is None
    assert model.booster.num_trees() == PARAMETERS.n_estimators
    assert model.forecast(window.filled, np.array([1]), None, threads=1).shape == (4, 1)


def test_parameters_that_lightgbm_rejects_are_an_error_that_names_them():
    features, residual = np.zeros((1, 2, 3, 4), dtype=np.float32), np.zeros((2, 3, 4))
    mask = Pair(np.ones((2, 3, 4), dtype=bool), None)
    with pytest.raises(ForecastError, match=r"cannot train with.*'num_leaves': 1"):
        trees.train(features, residual, mask, ["x"], replace(PARAMETERS, num_leaves=1), 1)
