"""On the real file the model clearly beats both seasonal naives."""

import pandas as pd
import pytest

from energy_assets.forecasting import GlobalForecaster
from energy_assets.forecasting.evaluation.rolling_origin import from_forecaster, rolling_origin
from energy_assets.forecasting.evaluation.scores import by_horizon, summary
from energy_assets.forecasting.models import seasonal_naive
from energy_assets_tests.forecasting.conftest import DENMARK

# `benchmarks/accuracy.py` has twelve origins, from 2023-03-05 to 2023-03-15. These three are on
# different weekdays, at different hours, and have the missing day in their windows.
ORIGINS = pd.DatetimeIndex(["2023-03-05 22:00", "2023-03-09 06:00", "2023-03-14 12:00"])
BOUND = 0.078


@pytest.fixture(scope="module")
def tables(de35_panel):
    forecaster = GlobalForecaster(n_estimators=100, origin_step=11, **DENMARK)
    table = rolling_origin(
        de35_panel,
        {
            "model": from_forecaster(forecaster),
            "day": lambda window, horizon: seasonal_naive.forecast(window, horizon, 24),
            "week": lambda window, horizon: seasonal_naive.forecast(window, horizon, 168),
        },
        ORIGINS,
    )
    return dict(iter(table.groupby("method")))


def test_mape_is_below_the_bound_and_both_naives(tables):
    mape = {name: summary(table)["mape"] for name, table in tables.items()}
    assert mape["model"] <= BOUND
    assert mape["model"] < 0.85 * mape["week"] < mape["day"]


def test_mape_is_below_both_naives_at_almost_every_horizon(tables):
    mape = pd.DataFrame({n: by_horizon(t)["mape"] for n, t in tables.items()})
    assert (mape["model"] < mape[["day", "week"]].min(axis=1)).mean() > 0.8
    assert (mape["model"] < mape["day"]).all()


def test_intervals_cover_about_as_much_as_stated(tables):
    # Wide bounds, because the errors of an origin are correlated and there are only three.
    assert 0.7 < summary(tables["model"])["coverage"] < 0.95
