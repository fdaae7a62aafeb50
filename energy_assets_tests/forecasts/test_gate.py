"""Only a model that beats both seasonal naives on its held-out days is promoted."""

import json

import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting import model_files
from energy_assets.forecasting.evaluation.scores import comparison
from energy_assets.forecasts.gate import PROMOTED, gate, train

SCORES = {
    f"{metric}{suffix}": value
    for metric in ("mape", "mape_median", "wape", "mase")
    for suffix, value in (("", 0.5), ("_seasonal_naive_24", 1.0), ("_seasonal_naive_168", 0.8))
}
FAST = {"n_estimators": 5, "n_jobs": 1}


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    """Four weeks of one series that follows the hour of the day, with a jump every week."""
    hours = pd.date_range("2023-02-01", periods=28 * 24, freq="h", name="datetime_utc")
    load = 100.0 + 10 * hours.hour.to_numpy() + 3 * (hours.dayofyear.to_numpy() % 5)
    index = pd.MultiIndex.from_product([["DK1"], hours], names=["area", "datetime_utc"])
    return pd.DataFrame({"energy_consumption": load}, index=index)


def test_a_model_better_than_both_naives_is_promoted():
    assert gate(SCORES) == PROMOTED


@pytest.mark.parametrize("naive", ["seasonal_naive_24", "seasonal_naive_168"])
def test_a_model_no_better_than_a_naive_is_refused_and_the_verdict_names_it(naive):
    verdict = gate(SCORES | {f"mase_{naive}": 0.5})
    assert verdict == f"not better than {naive}: MASE 0.500 against 0.500 on the held-out days"


def test_forecasts_that_are_not_finite_are_refused():
    assert "not finite" in gate(SCORES | {"mase": float("nan")})


def test_a_comparison_has_a_row_for_the_model_and_each_naive():
    table = comparison(SCORES)
    assert table["method"].tolist() == ["model", "same hour yesterday", "same hour last week"]
    assert table["mase"].tolist() == [0.5, 1.0, 0.8]


def test_a_comparison_without_scores_is_empty():
    assert comparison({}).empty


def test_a_model_is_trained_with_the_place_of_its_data_set(panel, tmp_path):
    trained = train(panel, FAST, country="US", timezone="America/Chicago")
    assert trained.scores["mase"] < trained.scores["mase_seasonal_naive_24"]
    model_files.save(trained.forecaster, tmp_path)
    parameters = json.loads((tmp_path / "forecaster.json").read_text())["parameters"]
    assert (parameters["country"], parameters["timezone"]) == ("US", "America/Chicago")


def test_too_short_a_history_gives_a_verdict_and_no_model(panel):
    trained = train(panel.iloc[:100], FAST, country=None, timezone="UTC")
    assert trained.forecaster is None
    assert not trained.promoted
    assert trained.verdict.startswith("not trained: The window has 100 hours")


def test_a_model_without_held_out_days_is_not_promoted(panel):
    trained = train(panel, FAST | {"calibration_days": 0}, country=None, timezone="UTC")
    assert trained.forecaster is not None
    assert trained.verdict == "not scored: calibration_days=0 holds out no days"


def test_a_configuration_with_unknown_parameters_is_an_error_that_names_them(panel):
    with pytest.raises(ForecastError, match="unheard_of"):
        train(panel, {"unheard_of": 1}, country=None, timezone="UTC")
