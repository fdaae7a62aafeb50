"""Panels become matrices and back, in any order and with gaps."""

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting.panel.matrix import fill_gaps, to_matrix, training_window


def slow_fill(values):
    """One series and one hour at a time."""
    filled = values.copy()
    for series in filled:
        for hour in range(len(series)):
            for lag in (24, 168, 1):
                if np.isnan(series[hour]) and hour >= lag:
                    series[hour] = series[hour - lag]
    return filled


def test_rows_in_any_order_give_the_same_matrix(panel):
    straight, shuffled = to_matrix(panel), to_matrix(panel.sample(frac=1, random_state=1))
    assert straight.series.equals(shuffled.series)
    np.testing.assert_array_equal(straight.array, shuffled.array)


def test_a_matrix_gives_its_panel_back(panel):
    matrix = to_matrix(panel)
    index = matrix.index(matrix.hours)
    pd.testing.assert_index_equal(index, panel.index)
    np.testing.assert_array_equal(matrix.array.ravel(), panel.to_numpy().ravel())


def test_missing_rows_are_nan(panel):
    hole = panel.drop(panel.index[100:110])
    array = to_matrix(hole).array
    assert np.flatnonzero(np.isnan(array[0])).tolist() == list(range(100, 110))
    assert not np.isnan(array[1:]).any()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.iloc[:0], "empty"),
        (lambda p: pd.concat([p, p.iloc[:2]]), "2 rows repeat a series and hour"),
        (
            lambda p: (
                p.rename(index=lambda t: t + pd.Timedelta("30min"), level=2)
                .iloc[:5]
                .pipe(lambda late: pd.concat([late, p]))
            ),
            "not hourly",
        ),
        (lambda p: p[p.index.get_level_values(-1).hour % 6 == 0], "6 hours apart"),
        (lambda p: p.tz_localize("UTC", level=2), "tz-naive UTC"),
        (lambda p: p.replace(p.iloc[3, 0], np.inf), "infinite"),
    ],
)
def test_an_unusable_panel_is_an_error_that_says_why(panel, spoil, message):
    with pytest.raises(ForecastError, match=message):
        to_matrix(spoil(panel))


def test_gaps_are_filled_as_by_the_slow_oracle():
    rng = np.random.default_rng(0)
    values = rng.random((5, 400))
    values[rng.random(values.shape) < 0.3] = np.nan
    values[0, 200:300] = np.nan
    values[1, :250] = np.nan
    values[2] = np.nan
    np.testing.assert_array_equal(fill_gaps(values), slow_fill(values))


def test_filling_gaps_never_looks_ahead():
    values = np.random.default_rng(0).random((1, 300))
    values[0, 180:200] = np.nan
    changed = values.copy()
    changed[0, 200:] = -1
    np.testing.assert_array_equal(fill_gaps(values)[:, :200], fill_gaps(changed)[:, :200])


def test_a_window_ends_at_its_origin_even_if_nothing_was_observed_there(panel):
    origin = pd.Timestamp("2023-02-20 10:00")
    times = panel.index.get_level_values(-1)
    window = training_window(panel[times != origin], origin, days=10)
    assert to_matrix(window).hours[-1] == origin
    assert window.isna().to_numpy().sum() == 1


def test_a_window_without_observations_is_an_error_that_names_their_range(panel):
    with pytest.raises(ForecastError, match="reaches from 2023-02-01"):
        training_window(panel, pd.Timestamp("2024-01-01"), days=10)
