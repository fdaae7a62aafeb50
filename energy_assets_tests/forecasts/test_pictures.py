"""Pictures of the stored tables: small PNGs that change with what they should show."""

from __future__ import annotations

import io
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from energy_assets.forecasts.pictures import forecast_picture, horizon_picture, outcome_picture
from energy_assets.partitions import HOUR, WEEK
from energy_assets.schemas import CONSUMPTION, FORECASTS, conform
from energy_assets.sources.simulator import Simulator

H = datetime(2023, 3, 10, 21)
SERIES = [("DK1", "111", 100.0), ("DK1", "121", 50.0), ("DK2", "111", 10.0)]
WITHOUT_QUANTILES = list(FORECASTS.dtypes)[:10]  # as in files of earlier releases
SOURCE = Simulator()


@pytest.fixture
def observed() -> pd.DataFrame:
    """Three series of different size, to a day after the origin."""
    hours = pd.date_range(H - WEEK, H + 24 * HOUR, freq="h")
    rows = [
        (area, code, hour, size * (2 + np.sin(hour.hour / 24 * 2 * np.pi)))
        for area, code, size in SERIES
        for hour in hours
    ]
    return pd.DataFrame(rows, columns=list(CONSUMPTION.dtypes))


@pytest.fixture
def predictions() -> pd.DataFrame:
    rows = [
        (area, code, H + step * HOUR, 2.1 * size, size, 3 * size, step, H, "v", "model")
        for area, code, size in SERIES
        for step in range(1, 25)
    ]
    frame = pd.DataFrame(rows, columns=WITHOUT_QUANTILES)
    return conform(frame.reindex(columns=list(FORECASTS.dtypes)), FORECASTS)


def size_of(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png)) as picture:
        picture.verify()
        assert picture.format == "PNG"
        return picture.size


def test_what_the_weather_did_is_drawn(observed: pd.DataFrame, predictions: pd.DataFrame) -> None:
    past = observed[observed["datetime_utc"] <= H]
    without = forecast_picture(past, predictions, SOURCE)
    colder = predictions.assign(weather_effect=0.2 * predictions["energy_consumption"])
    assert forecast_picture(past, colder, SOURCE) != without


def test_a_forecast_is_drawn_with_the_values_of_the_week_before(
    observed: pd.DataFrame, predictions: pd.DataFrame
) -> None:
    past = observed[observed["datetime_utc"] <= H]
    picture = forecast_picture(past, predictions, SOURCE)
    size_of(picture)
    assert picture == forecast_picture(past, predictions, SOURCE)
    doubled = past.assign(energy_consumption=past["energy_consumption"] * 2)
    week_before = past["datetime_utc"].between(H - WEEK, H - WEEK + 24 * HOUR)
    assert picture != forecast_picture(past.where(~week_before, doubled), predictions, SOURCE)


def test_the_temperature_of_an_area_is_drawn_with_the_forecasts_of_its_series(
    observed: pd.DataFrame, predictions: pd.DataFrame
) -> None:
    hours = pd.date_range(H - WEEK, H + 24 * HOUR, freq="h", name="datetime_utc")

    def picture(degrees: float, area: str = "DK1") -> bytes:
        rows = pd.DataFrame({"temperature": degrees + np.sin(np.arange(len(hours)) / 4)}, hours)
        return forecast_picture(observed, predictions, SOURCE, pd.concat({area: rows}))

    plain = forecast_picture(observed, predictions, SOURCE)
    assert len({plain, picture(5), picture(15)}) == 3
    assert picture(5, area="elsewhere") == plain


def test_an_outcome_shows_what_was_observed_after_the_origin(
    observed: pd.DataFrame, predictions: pd.DataFrame
) -> None:
    picture = outcome_picture(observed, predictions, SOURCE)
    size_of(picture)
    later = observed["datetime_utc"] > H
    doubled = observed.assign(energy_consumption=observed["energy_consumption"] * 1.2)
    assert picture != outcome_picture(observed.where(~later, doubled), predictions, SOURCE)
    assert picture != outcome_picture(observed[~later], predictions, SOURCE)


def test_an_outcome_shows_the_two_largest_series_alone(
    observed: pd.DataFrame, predictions: pd.DataFrame
) -> None:
    picture = outcome_picture(observed, predictions, SOURCE)
    without_the_smallest = predictions[predictions["area"] == "DK1"]
    assert picture == outcome_picture(observed, without_the_smallest, SOURCE)


def test_errors_by_horizon_are_drawn_with_a_line_for_each_column() -> None:
    errors = pd.DataFrame(
        {"forecast": np.linspace(0.04, 0.06, 24), "seasonal_naive_24": 0.1}, index=range(1, 25)
    )
    picture = horizon_picture(errors, "simulator")
    size_of(picture)
    assert picture != horizon_picture(errors[["forecast"]], "simulator")
