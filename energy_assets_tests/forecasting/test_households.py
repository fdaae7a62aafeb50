"""Households: series that spike at random are forecast by what their own hours were like."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from energy_assets.forecasting import model_files, sharded
from energy_assets.forecasting.evaluation.metrics import QUANTILES, distribution_terms
from energy_assets.forecasting.fitted import Fitted, fit
from energy_assets.forecasting.panel.matrix import Floats
from energy_assets.forecasting.parameters import Parameters
from energy_assets_tests.forecasting.conftest import until
from energy_assets_tests.forecasting.households import START, households

DAYS = 32
ORIGINS = pd.date_range(f"{START} 23:00", periods=DAYS + 4, freq="D")[DAYS - 1 :]
NAMES = {probability: f"{probability}" for probability in QUANTILES}
PARAMETERS = Parameters(n_estimators=20, n_jobs=1)


@dataclass(frozen=True)
class World:
    """A panel of households, and a model fitted to its first days."""

    panel: pd.DataFrame
    fitted: Fitted

    def forecasts(self, fitted: Fitted) -> pd.DataFrame:
        """Forecasts of the days after the window with their quantiles, beside the `actual` ones."""
        made = pd.concat(
            fitted.updated(until(self.panel, origin)).predict(24, NAMES) for origin in ORIGINS
        )
        return made.assign(actual=self.panel.iloc[:, 0].reindex(made.index))

    def quantiles(self, fitted: Fitted) -> tuple[Floats, Floats]:
        """Actual values, shape (hours,), and quantiles (hours, 9) of the days after the window."""
        made = self.forecasts(fitted)
        return made["actual"].to_numpy(), made[list(NAMES.values())].to_numpy()


@pytest.fixture(scope="module", params=[0, 1])
def world(request: pytest.FixtureRequest) -> World:
    panel = households(request.param, houses=24, days=DAYS + 5)
    return World(panel, fit(until(panel, ORIGINS[0]), None, PARAMETERS))


def pinball(actual: Floats, quantiles: Floats) -> float:
    return float(
        distribution_terms(actual, zip(QUANTILES, quantiles.T, strict=True))["pinball"].mean()
    )


def test_the_pinball_loss_is_lower_than_that_of_intervals_around_the_forecast(world: World) -> None:
    assert world.fitted.calibration is not None
    around = replace(world.fitted.calibration, same_hour=None)
    symmetric = world.quantiles(replace(world.fitted, calibration=around))
    assert pinball(*world.quantiles(world.fitted)) < 0.9 * pinball(*symmetric)


def test_as_many_observations_are_below_each_quantile_as_it_says(world: World) -> None:
    actual, quantiles = world.quantiles(world.fitted)
    for probability, values in zip(QUANTILES, quantiles.T, strict=True):
        assert (actual <= values).mean() == pytest.approx(probability, abs=0.05)


def test_forecasts_add_up_to_what_the_households_consume(world: World) -> None:
    made = world.forecasts(world.fitted)
    assert made["forecast"].sum() == pytest.approx(made["actual"].sum(), rel=0.12)
    # Their medians do not.
    assert made[NAMES[0.5]].sum() < 0.7 * made["actual"].sum()


def test_the_held_out_days_are_forecast_in_the_same_way(world: World) -> None:
    holdout = world.fitted.holdout
    assert holdout is not None
    assert holdout["forecast"].sum() == pytest.approx(holdout["actual"].sum(), rel=0.12)


def test_the_80_percent_interval_holds_the_forecast(world: World) -> None:
    made = world.forecasts(world.fitted)
    assert made["forecast"].between(made[NAMES[0.1]], made[NAMES[0.9]]).all()


def test_upper_quantiles_do_not_run_away_from_the_history(world: World) -> None:
    _, quantiles = world.quantiles(world.fitted)
    largest = until(world.panel, ORIGINS[0]).groupby(level=0).max().to_numpy()
    ratio = (
        quantiles[:, -1].reshape(len(ORIGINS), len(largest), -1).max(axis=(0, 2)) / largest[:, 0]
    )
    assert np.median(ratio) <= 1.05
    assert (np.diff(quantiles) >= 0).all()


def test_a_saved_model_has_the_same_quantiles(world: World, tmp_path) -> None:
    model_files.save(world.fitted, tmp_path)
    loaded = model_files.load(tmp_path).updated(until(world.panel, ORIGINS[0]))
    pd.testing.assert_frame_equal(
        loaded.predict(24, NAMES), world.fitted.predict(24, NAMES), check_exact=True
    )


def test_shards_of_households_have_the_quantiles_of_the_whole_panel(world: World) -> None:
    panel = until(world.panel, ORIGINS[0])
    number = pd.factorize(panel.index.get_level_values(0))[0]
    shards = [lambda part=part: panel[number % 3 == part] for part in range(3)]
    model, _ = sharded.fit(shards, PARAMETERS)
    pd.testing.assert_frame_equal(
        model.updated(panel).predict(24, NAMES), world.fitted.predict(24, NAMES), rtol=1e-5
    )
