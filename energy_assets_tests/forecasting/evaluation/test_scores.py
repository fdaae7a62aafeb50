"""Tables of scores equal those made by hand."""

import pandas as pd
import pytest

from energy_assets.forecasting.evaluation import scores


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


def test_each_series_has_its_metrics(table):
    result = scores.by_series(table)
    assert result["mape"].to_dict() == pytest.approx({"A": 0.2, "B": 0.5})
    assert result["wape"].to_dict() == pytest.approx({"A": 0.2, "B": 1.5})
    assert result["coverage"].to_dict() == {"A": 0.5, "B": 1.0}


def test_metrics_by_horizon_are_means_over_series(table):
    result = scores.by_horizon(table)
    assert result["mape"].to_dict() == pytest.approx({1: 0.3, 2: 0.3})
    assert result["coverage"].to_dict() == {1: 1.0, 2: 0.5}


def test_a_small_series_counts_as_much_as_a_large_one_except_in_wape(table):
    result = scores.summary(table)
    assert result["mape"] == pytest.approx(0.35)
    assert result["mape_median"] == pytest.approx(0.35)
    assert result["wape"] == pytest.approx(41.5 / 201)
    assert result["coverage"] == 0.75
    assert "mase" not in result


def test_the_pinball_loss_is_a_share_of_each_series_and_tails_are_shares_of_hours(table):
    table = table.assign(pinball=[2.0, 4.0, 0.1, 0.2], above_q95=[0.0, 1.0, 0.0, 0.0])
    result = scores.summary(table)
    assert result["pinball"] == pytest.approx((6 / 200 + 0.3 / 1) / 2)
    assert result["above_q95"] == pytest.approx(0.25)
    assert "above_q99" not in result


def test_scores_of_both_naives_equal_those_looked_up_by_hand(fitted, panel):
    result = scores.scores(fitted.holdout_, panel)
    values = panel["energy_consumption"]
    holdout = fitted.holdout_
    for season in (24, 168):
        earlier = holdout["datetime_utc"] - pd.Timedelta(hours=season)
        keys = pd.MultiIndex.from_arrays([holdout["area"], holdout["consumer_type"], earlier])
        errors = (values.reindex(keys).to_numpy() / holdout["actual"] - 1).abs()
        by_hand = errors.groupby([holdout["area"], holdout["consumer_type"]]).mean()
        assert result[f"mape_seasonal_naive_{season}"] == pytest.approx(by_hand.mean())
        assert result[f"mape_median_seasonal_naive_{season}"] == pytest.approx(by_hand.median())
    names = {"mape", "mape_median", "wape", "mase", "rmspe"}
    assert set(result) == {"coverage", "pinball", "above_q95", "above_q99"} | {
        name + behind
        for name in names
        for behind in ("", "_seasonal_naive_24", "_seasonal_naive_168")
    }
    assert result["mape"] < result["mape_seasonal_naive_168"] < result["mape_seasonal_naive_24"]
    assert 0 < result["pinball"] < result["wape"] / 2
    assert 0 <= result["above_q99"] <= result["above_q95"] < 0.15


def test_a_single_series_and_a_panel_with_one_level_are_scored(panel, small):
    for y in (panel.xs(("DK1", "111")), panel.xs("DK1")):
        result = scores.scores(small.clone().fit(y).holdout_, y)
        assert result["mape"] < result["mape_seasonal_naive_24"]
