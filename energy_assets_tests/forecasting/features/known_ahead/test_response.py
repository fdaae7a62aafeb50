"""The response to the weather is found, whoever reports it and however much of it is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.features.known_ahead import response_fit
from energy_assets.forecasting.features.known_ahead.response import MEMORY, Response

HOURS = pd.date_range("2023-01-01", periods=60 * 24, freq="h")
CALENDAR = Design(24, "DK", "UTC").calendar(HOURS)
LOCAL = HOURS.hour.to_numpy()
SERIES = pd.Index(["heated", "half heated", "not heated"])
STRENGTH = np.array([0.03, 0.015, 0.0])[:, None]


def temperatures(seed: int, hours: int = len(HOURS)) -> np.ndarray:
    """Degrees C: fronts that take days to pass, and the course of the day."""
    rng = np.random.default_rng(seed)
    fronts = np.convolve(rng.normal(0, 1.5, hours + 99), np.exp(-np.arange(100) / 30), "valid")
    return 8 + fronts + 3 * np.sin((np.arange(hours) - 9) / 24 * 2 * np.pi)


def levels(degrees: np.ndarray) -> np.ndarray:
    """Logarithms of consumption that is used for heating below 15 degrees."""
    rng = np.random.default_rng(0)
    day = 0.3 * np.sin(np.arange(len(HOURS)) / 24 * 2 * np.pi)
    noise = rng.normal(0, 0.01, (len(SERIES), len(HOURS)))
    return 5 + day + STRENGTH * np.maximum(15 - degrees, 0) + noise


def fitted(values: np.ndarray, *names: str, degrees: np.ndarray | None = None) -> Response:
    level = levels(values[0] if degrees is None else degrees)
    every = np.repeat(values[:, None], len(SERIES), axis=1)
    found = response_fit.pool(level, every, names, CALENDAR)
    assert found is not None
    pooled, prepared = found
    return response_fit.fit_series(prepared, pooled, SERIES)


def logarithm(found: Response, values: np.ndarray, series: pd.Index = SERIES) -> np.ndarray:
    every = np.repeat(values[:, None], len(series), axis=1)
    return np.log(found.factor(every, series, LOCAL[: values.shape[1]]))


def test_nine_tenths_of_the_effect_of_heating_are_found() -> None:
    degrees = temperatures(1)
    found = logarithm(fitted(degrees[None], "temperature"), degrees[None])[:, MEMORY:]
    truth = (STRENGTH * np.maximum(15 - degrees, 0))[:, MEMORY:]
    for row in range(2):
        assert (found[row] - truth[row]).var() < 0.1 * truth[row].var()
    assert found[2].std() < 0.2 * found[0].std()


def test_a_series_follows_the_place_that_explains_it() -> None:
    places = np.stack([temperatures(seed) for seed in (1, 2, 3, 4, 5)])
    names = [f"temperature:{place}" for place in range(5)]
    found = fitted(places, *names, degrees=places[3])
    assert (found.mix[:2, 3] >= 1 / response_fit.MOST_PLACES).all()
    assert found.mix.sum(axis=1) == pytest.approx(1)
    counting = found.mix > 2 * response_fit.SPARE
    assert (counting.sum(axis=1)[:-1] <= response_fit.MOST_PLACES).all()


def test_a_place_that_explains_nothing_does_not_count_although_there_are_only_two() -> None:
    places = np.stack([temperatures(seed) for seed in (1, 2)])
    found = fitted(places, "temperature:a", "temperature:b", degrees=places[1])
    assert found.mix[:2] == pytest.approx(np.array([[0, 1], [0, 1]]), abs=1e-6)


def test_places_that_explain_more_together_count_together() -> None:
    places = np.stack([temperatures(seed) for seed in (1, 2, 3)])
    names = [f"temperature:{place}" for place in range(3)]
    found = fitted(places, *names, degrees=places[:2].mean(axis=0))
    assert found.mix[:2] == pytest.approx(np.array([[0.5, 0.5, 0], [0.5, 0.5, 0]]), abs=1e-6)


def test_columns_of_other_kinds_have_shares_of_their_own() -> None:
    both = np.stack([temperatures(1), temperatures(2) ** 2])
    assert fitted(both, "temperature", "wind").mix == pytest.approx(1)


def test_unknown_hours_take_the_factor_of_the_nearest_known_one() -> None:
    degrees = temperatures(1)
    found = fitted(degrees[None], "temperature")
    holed = degrees.copy()
    holed[500:503] = np.nan
    with_gap = logarithm(found, holed[None])
    assert np.isfinite(with_gap).all()
    assert with_gap[:, 500] == pytest.approx(with_gap[:, 499])
    assert with_gap[:, 502] == pytest.approx(with_gap[:, 503])
    nothing = np.full((1, 48), np.nan)
    assert np.isfinite(logarithm(found, nothing)).all()


def test_a_place_that_is_silent_leaves_the_others() -> None:
    places = np.stack([temperatures(1), temperatures(1) + 0.5])
    found = fitted(places, "temperature:a", "temperature:b")
    silent = places.copy()
    silent[1] = np.nan
    difference = logarithm(found, silent) - logarithm(found, places)
    assert np.abs(difference).max() < 0.03


def test_a_new_series_responds_like_all_together() -> None:
    degrees = temperatures(1)
    found = fitted(degrees[None], "temperature")
    new = logarithm(found, degrees[None], pd.Index(["new"]))[0]
    heated, _, not_heated = logarithm(found, degrees[None])
    assert not_heated.std() < new.std() < heated.std()


def test_the_factor_of_an_hour_does_not_depend_on_later_or_much_earlier_hours() -> None:
    degrees = temperatures(1)
    found = fitted(degrees[None], "temperature")
    whole = logarithm(found, degrees[None])
    until = logarithm(found, degrees[None, :1000])
    np.testing.assert_array_equal(whole[:, :1000], until)
    start = 1000 - MEMORY
    every = np.repeat(degrees[None, None, start:], len(SERIES), axis=1)
    late = np.log(found.factor(every, SERIES, LOCAL[start:]))
    np.testing.assert_array_equal(late[:, MEMORY:], whole[:, 1000:])


def test_a_factor_stays_within_bounds_in_weather_that_never_was() -> None:
    degrees = temperatures(1)
    found = fitted(degrees[None], "temperature")
    extreme = np.concatenate([degrees[:-24], np.full(24, -500.0)])
    coldest = logarithm(found, degrees[None]).max()
    assert logarithm(found, extreme[None])[:, -24:].max() < coldest + 0.2


@pytest.mark.parametrize("hours", [24, 300])
def test_too_little_history_gives_no_response(hours: int) -> None:
    values = temperatures(1)[None, None, :hours].repeat(len(SERIES), axis=1)
    level = levels(temperatures(1))[:, :hours]
    calendar = Design(24, "DK", "UTC").calendar(HOURS[:hours])
    assert response_fit.pool(level, values, ["temperature"], calendar) is None


def test_a_column_that_never_changes_gives_no_response() -> None:
    values = np.ones((1, len(SERIES), len(HOURS)))
    level = levels(temperatures(1))
    assert response_fit.pool(level, values, ["temperature"], CALENDAR) is None


def test_series_by_themselves_get_the_response_that_they_get_together() -> None:
    places = np.stack([temperatures(seed) for seed in (1, 2, 3, 4, 5)])
    names = [f"temperature:{place}" for place in range(5)]
    level, every = levels(places[3]), np.repeat(places[:, None], len(SERIES), axis=1)
    level[0, 700:760] = np.nan
    found = response_fit.pool(level, every, names, CALENDAR)
    assert found is not None
    pooled, prepared = found
    together = response_fit.fit_series(prepared, pooled, SERIES)
    alone = [
        response_fit.fit_series(
            response_fit.prepare(level[[row]], every[:, [row]], pooled.kinds, CALENDAR),
            pooled,
            SERIES[[row]],
        )
        for row in range(len(SERIES))
    ]
    for row, part in enumerate(alone):
        assert part.kinds == together.kinds
        for ours, theirs in ((part.mix, together.mix), (part.weights, together.weights)):
            np.testing.assert_allclose(ours[0], theirs[row], rtol=1e-5, atol=1e-9)
            np.testing.assert_array_equal(ours[-1], theirs[-1])


def test_a_sample_of_the_series_gives_nearly_the_same_response() -> None:
    degrees = temperatures(1)[None]
    level, every = levels(degrees[0]), np.repeat(degrees[:, None], len(SERIES), axis=1)
    found = response_fit.pool(level[:2], every[:, :2], ["temperature"], CALENDAR)
    assert found is not None
    pooled, _ = found
    prepared = response_fit.prepare(level, every, pooled.kinds, CALENDAR)
    response = response_fit.fit_series(prepared, pooled, SERIES)
    of_all = logarithm(fitted(degrees, "temperature"), degrees)
    difference = logarithm(response, degrees) - of_all
    assert 0 < difference.std() < 0.1 * of_all[0].std()
