"""The simulated weather never changes, looks like Denmark's, and is forecast with fair errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from energy_assets.sources import consumption_model
from energy_assets.sources.weather_model import AREAS, Weather, forecast, weather

START = 24 * 365 * 52
HOURS = np.arange(START, START + 24 * 365 * 2)
TIMES = pd.DatetimeIndex(HOURS.astype("datetime64[h]").astype("datetime64[ns]"))


@pytest.fixture(scope="module")
def two_years() -> Weather:
    return weather(HOURS)


def test_any_hour_can_be_simulated_on_its_own(two_years: Weather) -> None:
    for number in (0, 1, 4321, 17_519):
        alone = weather(HOURS[number : number + 1])
        for one, all_of_them in zip(alone, two_years, strict=True):
            np.testing.assert_array_equal(one[0], all_of_them[number])
    early = forecast(START, HOURS[1:49])
    np.testing.assert_array_equal(forecast(START, HOURS[20:21])[0][0], early[0][19])


def test_the_year_and_the_day_are_those_of_denmark(two_years: Weather) -> None:
    temperature = pd.Series(two_years.temperature.mean(axis=1), TIMES)
    monthly = temperature.groupby(TIMES.month).mean()
    assert -1 < monthly.min() < 3
    assert 15 < monthly.max() < 19.5
    july = temperature[TIMES.month == 7].groupby(lambda time: time.hour).mean()
    assert july.idxmax() in range(12, 17)
    assert 4 < july.max() - july.min() < 9
    assert two_years.temperature.min() > -20
    assert two_years.temperature.max() < 36


def test_fronts_last_for_days_and_are_felt_in_both_areas(two_years: Weather) -> None:
    temperature = pd.Series(two_years.temperature[:, 0], TIMES)
    daily = temperature.resample("D").mean()
    anomaly = daily - daily.groupby(daily.index.month).transform("mean")
    assert 0.5 < anomaly.autocorr(1) < 0.98
    assert anomaly.std() > 1.5
    for values in two_years:
        assert 0.6 < np.corrcoef(values.T)[0, 1] < 0.99


def test_wind_and_radiation_stay_within_nature(two_years: Weather) -> None:
    assert 0 < two_years.wind_speed.min() < two_years.wind_speed.max() < 40
    assert 5 < two_years.wind_speed.mean() < 8
    at_midnight = two_years.radiation[TIMES.hour == 23]
    assert at_midnight.max() < 1
    assert 0 <= two_years.radiation.min() < two_years.radiation.max() < 1000
    yearly = two_years.radiation.mean() * 8760 / 1000
    assert 850 < yearly < 1300  # kWh/m2; really about 1,000


@pytest.fixture(scope="module")
def errors(two_years: Weather) -> np.ndarray:
    """Errors of the temperature: array (issues, 48 hours, areas)."""
    issues = range(START, START + len(HOURS) - 60, 5)
    return np.stack(
        [
            forecast(issue, np.arange(issue + 1, issue + 49)).temperature
            - two_years.temperature[issue + 1 - START : issue + 49 - START]
            for issue in issues
        ]
    )


def test_forecasts_get_worse_with_the_horizon(errors: np.ndarray) -> None:
    by_horizon = np.abs(errors).mean(axis=(0, 2))
    assert 1.2 < by_horizon[23] < 1.4
    assert by_horizon[0] < 0.35
    assert (np.diff(by_horizon[::6]) > 0).all()
    assert np.abs(errors.mean(axis=(0, 2))).max() < 0.15


def test_errors_resemble_those_of_the_next_hour_and_of_the_next_issue(errors: np.ndarray) -> None:
    next_hour = np.corrcoef(errors[:, 23, 0], errors[:, 24, 0])[0, 1]
    five_hours_later = np.corrcoef(errors[:-1, 28, 0], errors[1:, 23, 0])[0, 1]
    assert next_hour > 0.9
    assert 0.5 < five_hours_later < 0.98
    assert 0.3 < np.corrcoef(errors[:, 23].T)[0, 1] < 0.9


def test_consumers_heat_by_this_temperature(two_years: Weather) -> None:
    """A degree makes 1 % of the winter load, more where it heats, and little in industry."""
    winter = (TIMES.month == 1) | (TIMES.month == 2)
    consumption = np.log(consumption_model.consumption(HOURS[winter]))
    series = pd.MultiIndex.from_tuples(consumption_model.SERIES)
    daily = pd.DataFrame(consumption, TIMES[winter], series).resample("D").mean().dropna()
    temperature = pd.DataFrame(two_years.temperature[winter], TIMES[winter], list(AREAS))
    degrees = temperature.resample("D").mean().dropna()
    same_weekday = daily.index.dayofweek

    def per_degree(code: str) -> float:
        load = daily["DK1", code]
        load = load - load.groupby(same_weekday).transform("mean")
        cold = degrees["DK1"] - degrees["DK1"].groupby(same_weekday).transform("mean")
        return float((load * cold).sum() / (cold**2).sum())

    assert -0.06 < per_degree("123") < -0.03  # houses with heat pumps
    assert -0.025 < per_degree("121") < -0.005
    assert abs(per_degree("310")) < 0.008  # industry
