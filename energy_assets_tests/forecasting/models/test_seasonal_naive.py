"""Seasonal naive against a slow oracle, with gaps."""

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting.models import seasonal_naive
from energy_assets.schemas import QUANTILES


def slow(values: pd.Series, target: pd.Timestamp, origin: pd.Timestamp, season: int) -> float:
    hour = target
    while hour >= values.index.min():
        hour -= pd.Timedelta(hours=season)
        if hour <= origin and not np.isnan(values.get(hour, np.nan)):
            return values[hour]
    return values.dropna().iloc[-1]


@pytest.mark.parametrize("season", [24, 168])
@pytest.mark.parametrize("horizon", [24, 50])
def test_gaps_and_late_series_are_forecast_as_by_the_slow_oracle(panel, season, horizon):
    gappy = panel.drop(panel.index[600:650]).drop(panel.index[672 : 672 + 580])
    gappy.iloc[-700:-672:3] = np.nan
    forecasts = seasonal_naive.forecast(gappy, horizon, season)
    assert len(forecasts) == 4 * horizon
    origin = panel.index[-1][-1]
    for key, of_series in forecasts.groupby(level=[0, 1]):
        history = gappy.xs(key)["energy_consumption"]
        for (_, _, target), value in of_series["forecast"].items():
            assert value == slow(history, target, origin, season)


def test_intervals_cover_about_as_much_as_stated(panel):
    times = panel.index.get_level_values(-1)
    forecasts = seasonal_naive.forecast(panel[times < "2023-02-25"], 24, 168, QUANTILES)
    actual = panel["energy_consumption"].reindex(forecasts.index)
    assert (forecasts["lower"] < forecasts["forecast"]).all()
    assert (forecasts["forecast"] < forecasts["upper"]).all()
    for probability, name in QUANTILES.items():
        assert (actual <= forecasts[name]).mean() == pytest.approx(probability, abs=0.15)


def test_one_hour_of_history_is_forecast_as_its_value(panel):
    forecasts = seasonal_naive.forecast(panel.xs(("DK1", "111")).iloc[:1], 3, quantiles=QUANTILES)
    value = panel.iloc[0, 0]
    assert forecasts["forecast"].eq(value).all()
    quantiles = forecasts[list(QUANTILES.values())]
    assert np.allclose(quantiles, value, rtol=1e-12)
    assert (np.diff(quantiles.to_numpy()) >= 0).all()
    assert forecasts.index.name == "datetime_utc"


@pytest.mark.parametrize("arguments", [{"horizon": 0}, {"season": 0}])
def test_impossible_arguments_are_errors(panel, arguments):
    with pytest.raises(ForecastError, match="positive"):
        seasonal_naive.forecast(panel, **arguments)
