"""Metrics by their formulas, tables by hand, and rolling origins that see nothing later."""

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting.evaluation import scores as evaluation
from energy_assets.forecasting.models import seasonal_naive as baseline

ACTUAL = np.array([100.0, 200.0, 0.0, np.nan, -50.0])
FORECAST = np.array([110.0, 150.0, 5.0, 7.0, -55.0])


def test_metrics__by_hand__zeros_and_missing_left_out_where_they_divide():
    assert evaluation.mape(ACTUAL, FORECAST) == pytest.approx((0.1 + 0.25 + 0.1) / 3)
    assert evaluation.rmspe(ACTUAL, FORECAST) == pytest.approx(np.sqrt((0.01 + 0.0625 + 0.01) / 3))
    assert evaluation.wape(ACTUAL, FORECAST) == pytest.approx((10 + 50 + 5 + 5) / 350)
    scales = np.array([10.0, 10.0, 5.0, 1.0, 0.0])
    assert evaluation.mase(ACTUAL, FORECAST, scales) == pytest.approx((1 + 5 + 1) / 3)
    assert evaluation.coverage(ACTUAL, FORECAST - 10, FORECAST + 10) == pytest.approx(3 / 4)
    assert evaluation.pinball_loss(ACTUAL, FORECAST, 0.9) == pytest.approx(
        (0.1 * 10 + 0.9 * 50 + 0.1 * 5 + 0.9 * 5) / 4
    )


def test_metrics__nothing_to_score__nan_and_no_warning():
    nothing = np.array([np.nan])
    for metric in (evaluation.mape, evaluation.rmspe, evaluation.wape):
        assert np.isnan(metric(nothing, nothing))


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "area": ["A", "A", "B", "B"],
            "origin": pd.Timestamp("2023-01-01"),
            "horizon": [1, 2, 1, 2],
            "datetime_utc": pd.Timestamp("2023-01-01") + pd.to_timedelta([1, 2, 1, 2], unit="h"),
            "actual": [100.0, 100.0, 1.0, 0.0],
            "forecast": [110.0, 130.0, 1.5, 1.0],
            "lower": [90.0, 110.0, 0.0, 0.0],
            "upper": [120.0, 140.0, 2.0, 2.0],
        }
    )


def test_by_series__one_row_each(table):
    made = evaluation.by_series(table)
    assert made["mape"].to_dict() == pytest.approx({"A": 0.2, "B": 0.5})
    assert made["wape"].to_dict() == pytest.approx({"A": 0.2, "B": 1.5})
    assert made["coverage"].to_dict() == {"A": 0.5, "B": 1.0}


def test_by_horizon__mean_over_series(table):
    made = evaluation.by_horizon(table)
    assert made["mape"].to_dict() == pytest.approx({1: 0.3, 2: 0.3})
    assert made["coverage"].to_dict() == {1: 1.0, 2: 0.5}


def test_summary__small_series_counts_as_much_but_in_wape(table):
    made = evaluation.summary(table)
    assert made["mape"] == pytest.approx(0.35)
    assert made["mape_median"] == pytest.approx(0.35)
    assert made["wape"] == pytest.approx(41.5 / 201)
    assert made["coverage"] == 0.75
    assert "mase" not in made


def test_scores__beside_both_naives__as_looked_up_by_hand(fitted, panel):
    made = evaluation.scores(fitted.holdout_, panel)
    values = panel["energy_consumption"]
    holdout = fitted.holdout_
    for season in (24, 168):
        earlier = holdout["datetime_utc"] - pd.Timedelta(hours=season)
        keys = pd.MultiIndex.from_arrays([holdout["area"], holdout["consumer_type"], earlier])
        errors = (values.reindex(keys).to_numpy() / holdout["actual"] - 1).abs()
        by_hand = errors.groupby([holdout["area"], holdout["consumer_type"]]).mean()
        assert made[f"mape_seasonal_naive_{season}"] == pytest.approx(by_hand.mean())
        assert made[f"mape_median_seasonal_naive_{season}"] == pytest.approx(by_hand.median())
    names = {"mape", "mape_median", "wape", "mase", "rmspe"}
    assert set(made) == {"coverage"} | {
        name + behind
        for name in names
        for behind in ("", "_seasonal_naive_24", "_seasonal_naive_168")
    }
    assert made["mape"] < made["mape_seasonal_naive_168"] < made["mape_seasonal_naive_24"]


def test_scores__single_series_and_one_level__work_too(panel, small):
    for y in (panel.xs(("DK1", "111")), panel.xs("DK1")):
        made = evaluation.scores(small.clone().fit(y).holdout_, y)
        assert made["mape"] < made["mape_seasonal_naive_24"]


def test_rolling_origin__each_method__sees_its_window_alone(panel):
    seen = []

    def method(window, horizon):
        seen.append(window.index.get_level_values(-1))
        return baseline.forecast(window, horizon)

    origins = pd.date_range("2023-02-20 03:00", periods=3, freq="12h")
    told = []
    table = evaluation.rolling_origin(
        panel, {"naive": method, "again": method}, origins, window_days=10, on_origin=told.append
    )
    assert told == list(origins)
    assert [hours.max() for hours in seen] == [o for o in origins for _ in range(2)]
    assert all(hours.max() - hours.min() == pd.Timedelta(hours=239) for hours in seen)
    assert len(table) == 2 * 3 * 4 * 24
    assert set(table["horizon"]) == set(range(1, 25))
    values = panel["energy_consumption"].reindex(
        pd.MultiIndex.from_frame(table[["area", "consumer_type", "datetime_utc"]])
    )
    assert (values.to_numpy() == table["actual"]).all()
    assert set(evaluation.summary(table)) >= {"mape", "mase", "coverage"}


def test_rolling_origin__nothing_observed_at_the_origin__still_starts_there(panel):
    origin = pd.Timestamp("2023-02-20 03:00")
    times = panel.index.get_level_values(-1)
    gappy = panel[(times <= origin - pd.Timedelta(hours=5)) | (times > origin)]
    table = evaluation.rolling_origin(gappy, {"naive": baseline.forecast}, [origin])
    assert table["datetime_utc"].min() == origin + pd.Timedelta(hours=1)
    assert table["horizon"].max() == 24


def test_rolling_origin__before_the_data__error_says_where_it_reaches(panel):
    with pytest.raises(ForecastError, match="reaches from"):
        evaluation.rolling_origin(panel, {}, [pd.Timestamp("2020-01-01")])


def test_from_forecaster__fits_a_clone_to_each_window(panel, small):
    origins = [pd.Timestamp("2023-02-25"), pd.Timestamp("2023-02-26")]
    table = evaluation.rolling_origin(
        panel, {"model": evaluation.from_forecaster(small)}, origins, window_days=20
    )
    assert not small.is_fitted
    assert evaluation.summary(table)["mape"] < 0.06
    assert table["lower"].lt(table["upper"]).all()
