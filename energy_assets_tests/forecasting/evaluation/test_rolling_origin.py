"""Rolling origins give each method its window, and nothing later."""

import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting.evaluation.rolling_origin import from_forecaster, rolling_origin
from energy_assets.forecasting.evaluation.scores import summary
from energy_assets.forecasting.models import seasonal_naive


def test_each_method_is_given_only_its_window(panel):
    windows = []

    def method(window, horizon):
        windows.append(window.index.get_level_values(-1))
        return seasonal_naive.forecast(window, horizon)

    origins = pd.date_range("2023-02-20 03:00", periods=3, freq="12h")
    finished = []
    table = rolling_origin(
        panel,
        {"naive": method, "again": method},
        origins,
        window_days=10,
        on_origin=finished.append,
    )
    assert finished == list(origins)
    assert [hours.max() for hours in windows] == [o for o in origins for _ in range(2)]
    assert all(hours.max() - hours.min() == pd.Timedelta(hours=239) for hours in windows)
    assert len(table) == 2 * 3 * 4 * 24
    assert set(table["horizon"]) == set(range(1, 25))
    values = panel["energy_consumption"].reindex(
        pd.MultiIndex.from_frame(table[["area", "consumer_type", "datetime_utc"]])
    )
    assert (values.to_numpy() == table["actual"]).all()
    assert set(summary(table)) >= {"mape", "mase", "coverage"}


def test_forecasts_start_at_the_origin_even_if_nothing_was_observed_there(panel):
    origin = pd.Timestamp("2023-02-20 03:00")
    times = panel.index.get_level_values(-1)
    gappy = panel[(times <= origin - pd.Timedelta(hours=5)) | (times > origin)]
    table = rolling_origin(gappy, {"naive": seasonal_naive.forecast}, [origin])
    assert table["datetime_utc"].min() == origin + pd.Timedelta(hours=1)
    assert table["horizon"].max() == 24


def test_an_origin_before_the_data_is_an_error_that_names_their_range(panel):
    with pytest.raises(ForecastError, match="reaches from"):
        rolling_origin(panel, {}, [pd.Timestamp("2020-01-01")])


def test_a_clone_of_the_forecaster_is_fitted_to_each_window(panel, small):
    origins = [pd.Timestamp("2023-02-25"), pd.Timestamp("2023-02-26")]
    table = rolling_origin(panel, {"model": from_forecaster(small)}, origins, window_days=20)
    assert not small.is_fitted
    assert summary(table)["mape"] < 0.06
    assert table["lower"].lt(table["upper"]).all()
