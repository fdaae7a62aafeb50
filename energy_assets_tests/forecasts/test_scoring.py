"""Scores of forecasts, checked against slow loops."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from energy_assets.forecasting.evaluation import metrics
from energy_assets.forecasts.scoring import errors_by_horizon, interval_scores, score_forecasts
from energy_assets.partitions import HOUR, WEEK
from energy_assets.schemas import CONSUMPTION, FORECASTS, MONITORING, QUANTILES, conform

H = datetime(2023, 3, 10, 21)
SERIES = [("DK1", "111"), ("DK1", "121"), ("DK2", "111")]
WITHOUT_QUANTILES = list(FORECASTS.dtypes)[:10]  # as in files of earlier releases


@pytest.fixture
def observations() -> pd.DataFrame:
    """Three series for a week and a day, one hour missing, one value zero."""
    random = np.random.default_rng(7)
    rows = [
        (area, code, hour, random.uniform(50, 150))
        for area, code in SERIES
        for hour in pd.date_range(H - WEEK, H + 3 * HOUR, freq="h")
    ]
    frame = pd.DataFrame(rows, columns=list(CONSUMPTION.dtypes))
    frame.loc[(frame["area"] == "DK2") & (frame["datetime_utc"] == H), "energy_consumption"] = 0.0
    return frame[~((frame["consumer_type"] == "121") & (frame["datetime_utc"] == H + HOUR))]


def forecast_from(origin: datetime, seed: int) -> pd.DataFrame:
    """A made-up forecast of the series, one to four hours ahead."""
    random = np.random.default_rng(seed)
    rows = []
    for area, code in SERIES:
        for horizon in range(1, 5):
            value = random.uniform(50, 150)
            hour = origin + horizon * HOUR
            interval = (value - 20, value + 20)
            rows.append((area, code, hour, value, *interval, horizon, origin, "v", "model"))
    frame = pd.DataFrame(rows, columns=WITHOUT_QUANTILES)
    return conform(frame.reindex(columns=list(FORECASTS.dtypes)), FORECASTS)


@pytest.fixture
def scored(observations: pd.DataFrame) -> pd.DataFrame:
    forecasts = [forecast_from(H - number * HOUR, seed=number) for number in range(4)]
    return score_forecasts(observations, forecasts)


def value_of(observations: pd.DataFrame, area: str, code: str, hour: pd.Timestamp) -> float | None:
    match = observations[
        (observations["area"] == area)
        & (observations["consumer_type"] == code)
        & (observations["datetime_utc"] == hour)
    ]
    return None if match.empty else float(match["energy_consumption"].iloc[0])


def test_each_observation_stands_beside_every_forecast_made_for_it(
    scored: pd.DataFrame, observations: pd.DataFrame
) -> None:
    forecasts = pd.concat(forecast_from(H - number * HOUR, seed=number) for number in range(4))
    expected = sum(
        value_of(observations, *key) is not None
        for key in forecasts[["area", "consumer_type", "datetime_utc"]].itertuples(index=False)
    )
    assert len(scored) == expected
    assert dict(scored.dtypes.astype(str)).keys() == MONITORING.dtypes.keys()
    for row in scored.itertuples():
        actual = value_of(observations, row.area, row.consumer_type, row.datetime_utc)
        assert row.actual == actual
        assert row.error == pytest.approx(row.forecast - actual)
        assert row.absolute_error == pytest.approx(abs(row.error))
        assert row.covered == (row.forecast - 20 <= actual <= row.forecast + 20)
        if actual:
            assert row.ape == pytest.approx(abs(row.forecast - actual) / actual)
        else:
            assert np.isnan(row.ape)


def test_a_forecast_of_an_hour_that_was_not_observed_gives_no_row(scored: pd.DataFrame) -> None:
    gap = scored[(scored["consumer_type"] == "121") & (scored["datetime_utc"] == H + HOUR)]
    assert gap.empty


def test_without_forecasts_the_table_is_empty_and_has_its_columns(
    observations: pd.DataFrame,
) -> None:
    table = score_forecasts(observations, [])
    assert table.empty
    assert list(table.columns) == list(MONITORING.dtypes)


def test_quantiles_are_scored_together_and_by_what_is_above_the_upper_ones(
    observations: pd.DataFrame,
) -> None:
    forecast = forecast_from(H, seed=0)
    values = {name: forecast["energy_consumption"] * (0.5 + p) for p, name in QUANTILES.items()}
    scored = score_forecasts(observations, [forecast.assign(**values)])
    for row in scored.itertuples():
        quantiles = {p: row.forecast * (0.5 + p) for p in QUANTILES}
        losses = [
            max(p * (row.actual - q), (p - 1) * (row.actual - q)) for p, q in quantiles.items()
        ]
        assert row.pinball == pytest.approx(np.mean(losses))
        assert row.above_q95 == float(row.actual > quantiles[0.95])
        assert row.above_q99 == float(row.actual > quantiles[0.99])
    found = interval_scores(scored)
    series = scored.groupby(["area", "consumer_type"])
    assert found["pinball"] == pytest.approx(
        (series["pinball"].mean() / series["actual"].mean()).mean()
    )
    assert found["above_q95"] == pytest.approx(series["above_q95"].mean().mean())


def test_forecasts_and_scores_of_earlier_releases_have_a_coverage_only(
    scored: pd.DataFrame,
) -> None:
    assert scored[["pinball", "above_q95", "above_q99"]].isna().all(axis=None)
    earlier = scored.drop(columns=["pinball", "above_q95", "above_q99"])
    for rows in (scored, earlier):
        found = interval_scores(rows)
        assert found["coverage"] == pytest.approx(
            rows.groupby(["area", "consumer_type"])["covered"].mean().mean()
        )
        assert np.isnan([found[name] for name in ("pinball", "above_q95", "above_q99")]).all()


def test_errors_by_horizon_are_means_over_series_of_each_series_mape(
    scored: pd.DataFrame, observations: pd.DataFrame
) -> None:
    errors = errors_by_horizon(scored, observations)
    assert list(errors.columns) == ["forecast", "seasonal_naive_24", "seasonal_naive_168"]
    for horizon in errors.index:
        expected: dict[str, list[float]] = {name: [] for name in errors.columns}
        for area, code in SERIES:
            shares: dict[str, list[float]] = {name: [] for name in errors.columns}
            for row in scored.itertuples():
                if (row.area, row.consumer_type, row.horizon) != (area, code, horizon):
                    continue
                if not row.actual:
                    continue
                rivals = {
                    "forecast": row.forecast,
                    **{
                        f"seasonal_naive_{season}": value_of(
                            observations, area, code, row.datetime_utc - season * HOUR
                        )
                        for season in (24, 168)
                    },
                }
                for name, value in rivals.items():
                    if value is not None:
                        shares[name].append(abs(value - row.actual) / row.actual)
            for name, values in shares.items():
                if values:
                    expected[name].append(float(np.mean(values)))
        for name, values in expected.items():
            assert errors.loc[horizon, name] == pytest.approx(np.mean(values)), (horizon, name)


def test_held_out_days_are_scored_by_the_quantiles_that_are_stored() -> None:
    assert tuple(QUANTILES) == metrics.QUANTILES
