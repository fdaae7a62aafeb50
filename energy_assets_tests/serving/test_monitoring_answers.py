"""Scores: equal to those that pandas computes from the stored tables."""

from __future__ import annotations

import httpx
import numpy as np
import pandas as pd
import pytest

from energy_assets.partitions import HOUR
from energy_assets.schemas import MONITORING, SERIES_KEY, TARGET
from energy_assets.stores.parquet import read_hour
from energy_assets_tests.serving.answers import FORMS, asked, refused
from energy_assets_tests.serving.made_up import SPRING, MadeUp

PATH = "/v1/monitoring"
NAIVES = {"seasonal_naive_24": 24, "seasonal_naive_168": 168}


@pytest.fixture(scope="module")
def scored(made_up: MadeUp) -> pd.DataFrame:
    """All scores, with the forecasts of both seasonal naives beside them."""
    rows = pd.concat(
        read_hour(made_up.stores.object_store, MONITORING.name, SPRING - back * HOUR)
        for back in range(47)
    )
    known = made_up.observed(SPRING + HOUR, SPRING - 390 * HOUR, SPRING + HOUR)
    keys = [*SERIES_KEY, "datetime_utc"]
    for name, season in NAIVES.items():
        later = known["datetime_utc"] + season * HOUR
        values = known.assign(datetime_utc=later).set_index(keys)[TARGET].rename(name)
        rows = rows.join(values, on=keys)
    return rows


def scores(rows: pd.DataFrame) -> dict[str, float]:
    """The scores of some rows, as the documentation defines them."""
    result = {"forecasts": len(rows), "mae": (rows["forecast"] - rows["actual"]).abs().mean()}
    for name, column in [("", "forecast"), *((f"_{naive}", naive) for naive in NAIVES)]:
        error = (rows[column] - rows["actual"]).abs()
        ape = (error / rows["actual"]).groupby([*(rows[key] for key in SERIES_KEY), rows.horizon])
        result[f"mape{name}"] = ape.mean().groupby("horizon").mean().mean()
        result[f"wape{name}"] = error.sum() / rows["actual"].sum()
    return result


def assert_scores(row: pd.Series, rows: pd.DataFrame) -> None:
    for name, value in scores(rows).items():
        assert row[name] == pytest.approx(value, rel=1e-9), name


@pytest.mark.parametrize("form", FORMS)
def test_the_total_is_over_everything_scored_in_a_week(
    scored: pd.DataFrame, served: httpx.Client, form: dict[str, str]
) -> None:
    frame = asked(served, PATH, **form)
    assert len(frame) == 1
    assert_scores(frame.iloc[0], scored)
    assert frame["coverage"].iloc[0] == pytest.approx(scored["covered"].mean())


@pytest.mark.parametrize("form", FORMS)
def test_scores_by_horizon(
    scored: pd.DataFrame, served: httpx.Client, form: dict[str, str]
) -> None:
    frame = asked(served, PATH, by="horizon", area="DK1", **form).set_index("horizon")
    assert list(frame.index) == list(range(1, 25))
    for horizon in (1, 13, 24):
        rows = scored[(scored["horizon"] == horizon) & (scored["area"] == "DK1")]
        assert_scores(frame.loc[horizon], rows)
        assert frame.loc[horizon, "coverage"] == pytest.approx(rows["covered"].mean())


def test_scores_by_series(scored: pd.DataFrame, served: httpx.Client) -> None:
    frame = asked(served, PATH, by="series").set_index(list(SERIES_KEY))
    assert len(frame) == 5
    for key, rows in scored.groupby(list(SERIES_KEY)):
        assert_scores(frame.loc[key], rows)


def test_scores_by_local_day_whose_hours_differ(scored: pd.DataFrame, served: httpx.Client) -> None:
    times = pd.DatetimeIndex(scored["datetime_utc"]).tz_localize("UTC")
    days = times.tz_convert("Europe/Copenhagen").strftime("%Y-%m-%d")
    frame = asked(served, PATH, by="day").set_index("day")
    assert list(frame.index) == sorted(set(days))
    for day, rows in scored.groupby(days):
        assert_scores(frame.loc[day], rows)
    alone = asked(served, PATH, by="day", day="2023-03-25").set_index("day")
    pd.testing.assert_frame_equal(alone, frame.loc[["2023-03-25"]])


def test_scores_of_a_range_are_of_its_hours(scored: pd.DataFrame, served: httpx.Client) -> None:
    start, end = SPRING - 12 * HOUR, SPRING - 4 * HOUR
    frame = asked(served, PATH, start=start.isoformat(), end=end.isoformat())
    hours = scored["datetime_utc"]
    assert_scores(frame.iloc[0], scored[(hours >= start) & (hours < end)])


@pytest.mark.parametrize("by", ["total", "area", "consumer_type"])
def test_scores_of_sums_are_of_the_sums(
    scored: pd.DataFrame, served: httpx.Client, by: str
) -> None:
    keys = {"total": [], "area": ["area"], "consumer_type": ["consumer_type"]}[by]
    complete = scored.groupby([*keys, "datetime_utc", "horizon"], as_index=False)[
        ["actual", "forecast", *NAIVES]
    ].sum()
    frame = asked(served, PATH, by="series", sum=by).set_index(keys or ["area"])
    for key, rows in complete.groupby(keys) if keys else [(None, complete)]:
        row = frame.iloc[0] if key is None else frame.loc[key[0]]
        assert row["forecasts"] == len(rows)
        error = (rows["forecast"] - rows["actual"]).abs()
        assert row["mae"] == pytest.approx(error.mean())
        assert row["wape"] == pytest.approx(error.sum() / rows["actual"].sum())
        naive = (rows["seasonal_naive_24"] - rows["actual"]).abs()
        assert row["wape_seasonal_naive_24"] == pytest.approx(naive.sum() / rows["actual"].sum())
        assert np.isnan(row["coverage"] or np.nan)


def test_hours_without_scores_have_none(served: httpx.Client) -> None:
    old = {"start": "2023-01-01", "end": "2023-01-03"}
    frame = asked(served, PATH, **old)
    assert frame["forecasts"].tolist() == [0]
    assert frame.drop(columns="forecasts").isna().all(axis=None)
    assert asked(served, PATH, by="day", **old).empty
    assert refused(served, PATH, start="2020-01-01")["status"] == 422
