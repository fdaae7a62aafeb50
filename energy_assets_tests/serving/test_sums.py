"""Intervals of sums: they hold the share of outcomes that they say, however series go together."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from energy_assets.partitions import HORIZON, HOUR
from energy_assets.schemas import QUANTILES
from energy_assets.serving.data.forecast import Forecast, Quantiles
from energy_assets.serving.data.observations import Observations
from energy_assets.serving.data.series import SeriesIndex
from energy_assets.serving.data.sums import PAST, PastSum, groups_of, sum_forecast

START = datetime(2023, 1, 1)
INDEX = SeriesIndex(("DK1", str(100 + number)) for number in range(20))
Z = np.array([-2.326, -1.645, -1.2816, -0.6745, 0, 0.6745, 1.2816, 1.645, 2.326])
SPREAD = 10.0


def world(common: float, origins: int) -> tuple[list[Forecast], np.ndarray]:
    """Forecasts from each hour on, and what was observed.

    `common` is the share of the variance of an error that all series have in common. The intervals
    of the series are right.
    """
    rng = np.random.default_rng(3)
    hours = origins + HORIZON
    joint = rng.normal(size=hours)
    own = rng.normal(size=(len(INDEX), hours))
    actual = 1000 + SPREAD * (np.sqrt(common) * joint + np.sqrt(1 - common) * own)
    point = np.full((len(INDEX), HORIZON), 1000.0)
    quantiles = Quantiles(np.array(list(QUANTILES)), point[..., None] + SPREAD * Z)
    forecasts = [
        Forecast(
            START + number * HOUR,
            START + (number + 1) * HOUR,
            "m",
            "model",
            INDEX,
            point,
            quantiles,
            np.zeros(len(INDEX), dtype=bool),
        )
        for number in range(origins)
    ]
    return forecasts, actual


def rolling(common: float) -> tuple[float, float]:
    """Coverage of the 80 % interval of the total, and its mean width by the added widths."""
    count = 21 * 24
    forecasts, actual = world(common, count)
    covered, widths = [], []
    (group,) = groups_of(INDEX, np.arange(len(INDEX)), "total")
    for number in range(15 * 24, count, 7):
        forecast = forecasts[number]
        first = number - PAST // HOUR
        past = [
            PastSum(
                one.origin,
                one.point.sum(axis=0, keepdims=True),
                one.half_widths.sum(axis=0, keepdims=True),
            )
            for one in forecasts[max(first, 0) : number]
        ]
        values = actual[:, first : number + 1]
        known = np.full(values.shape, np.datetime64("2023-01-01", "us"))
        observed = Observations(INDEX, START + first * HOUR, values, known)
        _, quantiles, hours = sum_forecast(forecast, [group], past, observed)
        assert hours
        truth = actual[:, number + 1 : number + 1 + HORIZON].sum(axis=0)
        lower, upper = quantiles.at(0.1)[0], quantiles.at(0.9)[0]
        covered.append((truth >= lower) & (truth <= upper))
        widths.append((upper - lower) / (2 * forecast.half_widths.sum(axis=0)))
    return float(np.mean(covered)), float(np.mean(widths))


def test_the_interval_of_a_sum_follows_how_errors_go_together() -> None:
    correlated, width = rolling(0.5)
    assert 0.72 <= correlated <= 0.88
    independent = 1 / np.sqrt(len(INDEX))
    assert independent * 1.5 < width < 0.95
    together, whole = rolling(1.0)
    assert 0.72 <= together <= 0.88
    assert whole == pytest.approx(1, abs=0.1)


def test_the_interval_of_independent_errors_is_far_narrower_than_the_added_one() -> None:
    coverage, width = rolling(0.0)
    assert 0.72 <= coverage <= 0.95
    assert width < 0.4


def test_the_quantiles_of_a_sum_never_cross_and_without_errors_they_are_the_added_ones() -> None:
    forecasts, _ = world(0.5, 2)
    (group,) = groups_of(INDEX, np.arange(3), "total")
    nothing = np.empty((len(INDEX), 0))
    none = Observations(INDEX, START, nothing, nothing.astype("datetime64[us]"))
    point, quantiles, hours = sum_forecast(forecasts[0], [group], [], none)
    assert hours == 0
    np.testing.assert_allclose(point, 3000)
    np.testing.assert_allclose(quantiles.array[0, 0], 3000 + 3 * SPREAD * Z)
    assert (np.diff(quantiles.array) >= 0).all()


@pytest.mark.parametrize("days", [3, 10])
def test_the_interval_of_real_sums_holds_what_it_says(de35_panel: pd.DataFrame, days: int) -> None:
    """Weekly naive forecasts of the real series, with intervals from their own past errors."""
    long = de35_panel.reset_index()
    table = long.pivot_table("energy_consumption", "datetime_utc", ["area", "consumer_type"])
    table = table.loc["2023-02-01":"2023-02-26"].dropna(axis=1)
    index = SeriesIndex(sorted(table.columns))
    table = table[index.keys]
    actual = table.to_numpy().T
    naive = np.full_like(actual, np.nan)
    naive[:, 168:] = actual[:, :-168]
    first_hour = table.index[0].to_pydatetime()
    spread = np.nanquantile(np.abs(actual - naive)[:, 168 : 168 + 24 * 7], 0.8, axis=1)
    covered = []
    (group,) = groups_of(index, np.arange(len(index)), "total")

    def forecast(number: int) -> Forecast:
        point = naive[:, number + 1 : number + 1 + HORIZON]
        steps = spread[:, None, None] * Z / 1.2816
        quantiles = Quantiles(np.array(list(QUANTILES)), point[..., None] + steps)
        origin = first_hour + timedelta(hours=number)
        none_new = np.zeros(len(index), dtype=bool)
        return Forecast(origin, origin + HOUR, "naive", "model", index, point, quantiles, none_new)

    for number in range(168 + 24 * days, actual.shape[1] - HORIZON, 11):
        past = [
            PastSum(
                one.origin,
                one.point.sum(axis=0, keepdims=True),
                one.half_widths.sum(axis=0, keepdims=True),
            )
            for one in map(forecast, range(max(168, number - PAST // HOUR), number, 3))
        ]
        values = actual[:, : number + 1]
        known = np.full(values.shape, np.datetime64("2023-01-01", "us"))
        observed = Observations(index, first_hour, values, known)
        _, quantiles, _ = sum_forecast(forecast(number), [group], past, observed)
        truth = actual[:, number + 1 : number + 1 + HORIZON].sum(axis=0)
        covered.append((truth >= quantiles.at(0.1)[0]) & (truth <= quantiles.at(0.9)[0]))
    assert 0.6 <= np.mean(covered) <= 0.97
