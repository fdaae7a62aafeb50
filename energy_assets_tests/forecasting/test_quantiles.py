"""The quantiles that forecasts are stored with hold as often as they say, and never cross."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from energy_assets.forecasting.fitted import Fitted, fit
from energy_assets.forecasting.models import seasonal_naive
from energy_assets.forecasting.parameters import Parameters
from energy_assets.schemas import QUANTILES, TARGET
from energy_assets.sources import consumption_model
from energy_assets_tests.forecasting.conftest import DENMARK, until

END = pd.Timestamp("2023-03-08 21:00")
ORIGINS = pd.date_range(END, periods=12, freq="13h")
"""Different hours of six days, none of which the model has seen."""


@pytest.fixture(scope="module")
def simulated() -> pd.DataFrame:
    """The simulator's series of a month and the days after it."""
    hours = pd.date_range(
        "2023-02-08", ORIGINS[-1] + pd.Timedelta(days=1), freq="h", name="datetime_utc"
    )
    number = hours.to_numpy().astype("datetime64[h]").astype(np.int64)
    names = pd.MultiIndex.from_tuples(consumption_model.SERIES, names=["area", "consumer_type"])
    values = pd.DataFrame(consumption_model.consumption(number), hours, names)
    return (
        values.melt(ignore_index=False, value_name=TARGET)
        .set_index(names.names, append=True)
        .reorder_levels([1, 2, 0])
        .sort_index()
    )


@pytest.fixture(scope="module")
def fitted(simulated: pd.DataFrame) -> Fitted:
    return fit(until(simulated, END), None, Parameters(n_estimators=50, n_jobs=1, **DENMARK))


@pytest.fixture(scope="module", params=["model", "baseline"])
def forecasts(request: pytest.FixtureRequest, simulated: pd.DataFrame) -> pd.DataFrame:
    """Forecasts from all origins, beside what was `actual`."""

    def forecast(origin: pd.Timestamp) -> pd.DataFrame:
        known = until(simulated, origin)
        if request.param == "baseline":
            return seasonal_naive.forecast(known, quantiles=QUANTILES)
        return request.getfixturevalue("fitted").updated(known).predict(24, QUANTILES)

    made = pd.concat([forecast(origin) for origin in ORIGINS])
    return made.assign(actual=simulated[TARGET].reindex(made.index))


def test_the_quantiles_are_the_columns_of_a_stored_forecast_in_ascending_order() -> None:
    assert list(QUANTILES) == sorted(QUANTILES)
    assert (QUANTILES[0.1], QUANTILES[0.9]) == ("lower", "upper")


def test_quantiles_never_cross_and_the_middle_one_is_the_forecast(forecasts: pd.DataFrame) -> None:
    assert (np.diff(forecasts[list(QUANTILES.values())]) >= 0).all()
    assert (forecasts["q50"] == forecasts["forecast"]).all()


def test_as_many_observations_are_below_a_quantile_as_it_says(forecasts: pd.DataFrame) -> None:
    for probability, name in QUANTILES.items():
        below = (forecasts["actual"] <= forecasts[name]).mean()
        # The errors of an origin are correlated, and quantiles far out have little room.
        assert below == pytest.approx(
            probability, abs=0.02 + 0.25 * min(probability, 1 - probability)
        )


def test_any_quantiles_can_be_asked_for_and_do_not_depend_on_the_others(fitted: Fitted) -> None:
    all_of_them = fitted.predict(24, QUANTILES)
    assert list(all_of_them) == ["forecast", *QUANTILES.values()]
    for probability, name in QUANTILES.items():
        alone = fitted.predict(24, {probability: "a name"})
        assert alone["a name"].tolist() == all_of_them[name].tolist()
    assert fitted.predict(24).equals(all_of_them[["forecast"]])


def test_a_holiday_has_wider_intervals_than_the_day_before_it(simulated: pd.DataFrame) -> None:
    hours = simulated.index.levels[-1]
    easter = simulated.index.set_levels(hours + pd.Timedelta(days=28), level=-1)
    shifted = simulated.set_axis(easter).rename_axis(simulated.index.names)
    origin = pd.Timestamp("2023-04-05 09:00")  # Maundy Thursday begins at 22:00 UTC.
    model = fit(until(shifted, origin), None, Parameters(n_estimators=5, n_jobs=1, **DENMARK))
    assert model.calibration is not None
    as_usual = replace(model, calibration=replace(model.calibration, holiday=1.0))
    made, usual = (one.predict(24, {0.1: "low", 0.9: "high"}) for one in (model, as_usual))
    times = (made["high"] - made["low"]) / (usual["high"] - usual["low"])
    holiday = times.index.get_level_values(-1) >= pd.Timestamp("2023-04-05 22:00")
    assert (times[~holiday] == 1.0).all()
    assert times[holiday].median() == pytest.approx(model.calibration.holiday, rel=0.03)


def test_quantiles_of_a_series_that_never_changes_do_not_cross() -> None:
    hours = pd.date_range("2023-02-01", periods=21 * 24, freq="h", name="datetime_utc")
    values = np.repeat([[123.456], [0.1], [0.0]], len(hours), axis=1).ravel()
    index = pd.MultiIndex.from_product([["A", "B", "C"], hours], names=["area", "datetime_utc"])
    constant = pd.DataFrame({TARGET: values}, index)
    model = fit(constant, None, Parameters(n_estimators=5, n_jobs=1))
    baseline = seasonal_naive.forecast(constant, quantiles=QUANTILES)
    for forecast in (model.predict(24, QUANTILES), baseline):
        assert (np.diff(forecast[list(QUANTILES.values())]) >= 0).all()
