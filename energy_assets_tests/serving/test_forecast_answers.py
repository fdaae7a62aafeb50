"""Forecasts: the ranges, versions and columns that a client may ask for."""

from __future__ import annotations

from datetime import datetime, timezone

import httpx
import numpy as np
import pandas as pd
import pytest

from energy_assets.forecasts.quality import rung
from energy_assets.forecasts.versions import first_issued, newest
from energy_assets.partitions import HOUR
from energy_assets.schemas import MONITORING, QUANTILES, TARGET
from energy_assets.stores.parquet import read_hour
from energy_assets_tests.serving.answers import FORMS, KEY, asked, meta_of, refused
from energy_assets_tests.serving.made_up import SERIES, SPRING, MadeUp

AGAIN = SPRING - 10 * HOUR
"""An origin that was forecast again."""
OLD = SPRING - 48 * HOUR
"""An origin whose forecast has no quantiles but the interval's."""
PATH = "/v1/forecasts"


def assert_same(answered: pd.DataFrame, stored: pd.DataFrame, columns: list[str]) -> None:
    names = [*KEY, *columns]
    pd.testing.assert_frame_equal(
        answered[names].sort_values(KEY, ignore_index=True),
        stored[names].sort_values(KEY, ignore_index=True),
        check_dtype=False,
        rtol=1e-12,
    )


@pytest.mark.parametrize("form", FORMS)
def test_every_form_holds_the_stored_forecast(
    made_up: MadeUp, served: httpx.Client, form: dict[str, str]
) -> None:
    answered = asked(served, PATH, **form)
    assert_same(answered, newest(made_up.forecasts[SPRING]), [TARGET, "lower", "upper", "horizon"])
    if form["format"] != "json":
        version = newest(made_up.forecasts[SPRING])
        assert_same(answered, version, ["origin", "made_at", "model_version", "quality"])


def test_a_range_holds_its_start_and_not_its_end(served: httpx.Client) -> None:
    start, end = SPRING + 3 * HOUR, SPRING + 6 * HOUR
    hours = [start, start + HOUR, start + 2 * HOUR]

    def answered(start: object, end: object) -> list[datetime]:
        one = {"area": "DK1", "consumer_type": "111", "layout": "columns"}
        frame = asked(served, PATH, start=start, end=end, **one)
        return frame["datetime_utc"].tolist()

    assert answered(f"{start:%Y-%m-%dT%H:%MZ}", f"{end:%Y-%m-%dT%H:%MZ}") == hours
    assert answered(start.isoformat(), end.isoformat()) == hours
    assert answered("2023-03-27T02:00+02:00", "2023-03-27T05:00+02:00") == hours
    # Within an hour: the hours that start in the range.
    assert answered("2023-03-26T23:30Z", "2023-03-27T02:30Z") == hours
    assert answered("2023-03-27T02:30Z", "2023-03-27T02:31Z") == []


@pytest.mark.parametrize("form", FORMS)
def test_a_local_day_of_23_hours_is_given_whole(served: httpx.Client, form: dict[str, str]) -> None:
    one = {"area": "DK1", "consumer_type": "111", "day": "2023-03-26", "local_time": True}
    origin = "2023-03-25T22:00:00Z"
    for frame in (
        asked(served, PATH, origin=origin, **one, **form),
        asked(served, "/v1/observations", **one, **form),
        asked(served, PATH, horizon=5, **one, **form),
    ):
        assert len(frame) == 23
        assert frame["datetime_local"].iloc[0] == "2023-03-26T00:00:00+01:00"
        assert frame["datetime_local"].iloc[-1] == "2023-03-26T23:00:00+02:00"
        assert not frame["datetime_local"].str.contains("T02:").any()


def test_a_forecast_made_again_has_both_versions(made_up: MadeUp, served: httpx.Client) -> None:
    versions = made_up.forecasts[AGAIN]
    first, second = first_issued(versions), newest(versions)
    origin = AGAIN.isoformat() + "Z"
    made_again = SPRING - 3 * HOUR
    assert_same(asked(served, PATH, origin=origin), second, [TARGET])
    assert_same(asked(served, PATH, origin=origin, as_of=made_again.isoformat()), second, [TARGET])
    before = (made_again - HOUR).isoformat()
    assert_same(asked(served, PATH, origin=origin, as_of=before), first, [TARGET])
    meta = meta_of(served, PATH, origin=origin, as_of=before)
    assert meta["origin"] == origin
    assert meta["made_at"] == first["made_at"].iloc[0].isoformat() + "Z"
    problem = refused(served, PATH, origin=origin, as_of=AGAIN.isoformat())
    assert (problem["status"], problem["errors"][0]["parameter"]) == (404, "origin")


def test_as_of_gives_the_newest_forecast_that_had_been_made(
    made_up: MadeUp, served: httpx.Client
) -> None:
    for back in (1, 5, 11, 30):
        origin = SPRING - back * HOUR
        made = first_issued(made_up.forecasts[origin])["made_at"].iloc[0]
        assert meta_of(served, PATH, as_of=made.isoformat())["origin"] == origin.isoformat() + "Z"
        earlier = (made - HOUR / 60).isoformat()
        assert meta_of(served, PATH, as_of=earlier)["origin"] == ((origin - HOUR).isoformat() + "Z")
    problem = refused(served, PATH, as_of="2023-01-01T00:00Z")
    assert (problem["status"], problem["errors"][0]["parameter"]) == (404, "as_of")


@pytest.mark.parametrize("horizon", [1, 7, 24])
def test_the_forecasts_at_a_horizon_are_those_that_were_scored(
    made_up: MadeUp, served: httpx.Client, horizon: int
) -> None:
    start, end = SPRING - 20 * HOUR, SPRING + HOUR
    frame = asked(served, PATH, horizon=horizon, start=start.isoformat(), end=end.isoformat())
    scored = pd.concat(
        read_hour(made_up.stores.object_store, MONITORING.name, start + number * HOUR)
        for number in range(21)
    )
    scored = scored[scored["horizon"] == horizon].rename(columns={"forecast": TARGET})
    assert_same(frame, scored, [TARGET, "horizon", "origin", "model_version", "quality"])


def test_every_rung_is_named(made_up: MadeUp, served: httpx.Client) -> None:
    seen = set()
    for back in range(10):
        origin = SPRING - back * HOUR
        version = newest(made_up.forecasts[origin]).iloc[0]
        meta = meta_of(served, PATH, origin=origin.isoformat(), limit=1)
        assert meta["quality"] == version["quality"]
        assert meta["model_version"] == version["model_version"]
        assert meta["simulated"] is True
        seen.add(meta["quality"])
    assert seen == {"model", "without_weather", "previous_model", "baseline", "carried_over"}


def test_a_new_series_says_so_itself(made_up: MadeUp, served: httpx.Client) -> None:
    origin = next(
        SPRING - back * HOUR
        for back in range(10)
        if rung(made_up.forecasts[SPRING - back * HOUR]) == "model"
    )
    area, consumer_type = SERIES[-1]
    one = {"area": area, "consumer_type": consumer_type}
    asked_for: dict[str, str] = {"origin": origin.isoformat()}
    assert meta_of(served, PATH, **asked_for, **one)["quality"] == "new_series"
    assert meta_of(served, PATH, **asked_for)["quality"] == "model"
    assert meta_of(served, PATH, **asked_for, **one, sum="total")["quality"] == "model"


def test_quantiles_are_the_stored_ones_and_rise_between_them(
    made_up: MadeUp, served: httpx.Client
) -> None:
    stored = newest(made_up.forecasts[SPRING])
    asked_for = ",".join(f"{probability:g}" for probability in QUANTILES)
    frame = asked(served, PATH, quantiles=asked_for)
    renamed = stored.rename(columns={name: f"q{p:g}" for p, name in QUANTILES.items()})
    assert_same(frame, renamed, [f"q{probability}" for probability in QUANTILES])
    np.testing.assert_array_equal(frame["lower"], frame["q0.1"])
    np.testing.assert_array_equal(frame["upper"], frame["q0.9"])
    many = asked(served, PATH, quantiles=",".join(f"{n / 100:g}" for n in range(1, 100)))
    steps = np.diff(many[[f"q{n / 100:g}" for n in range(1, 100)]].to_numpy(), axis=1)
    assert (steps > 0).all()


@pytest.mark.parametrize("value", ["0", "0.001", "1", "-0.5", "x", "nan", "inf", "0.5,,0.6", ""])
def test_a_quantile_that_no_forecast_holds_is_refused(served: httpx.Client, value: str) -> None:
    problem = refused(served, PATH, quantiles=value)
    assert (problem["status"], problem["errors"][0]["parameter"]) == (422, "quantiles")


def test_a_forecast_of_an_earlier_release_has_its_interval_alone(served: httpx.Client) -> None:
    origin = OLD.isoformat()
    frame = asked(served, PATH, origin=origin, quantiles="0.1,0.3,0.9", threshold=500)
    assert frame.notna().all(axis=None)
    assert frame["probability_above"].between(0.1, 0.9).all()
    problem = refused(served, PATH, origin=origin, quantiles="0.05")
    assert (problem["status"], problem["errors"][0]["parameter"]) == (422, "quantiles")


@pytest.mark.parametrize("chosen", [{}, {"sum": "total"}])
def test_the_probability_above_a_threshold_agrees_with_the_quantiles(
    served: httpx.Client, chosen: dict[str, str]
) -> None:
    one = asked(served, PATH, **chosen, quantiles="0.07,0.5,0.83", limit=1).iloc[7]
    for probability in (0.07, 0.5, 0.83):
        threshold = one[f"q{probability}"]
        row = asked(served, PATH, **chosen, threshold=repr(float(threshold)), limit=1).iloc[7]
        assert row["probability_above"] == pytest.approx(1 - probability, abs=1e-6)
    far = asked(served, PATH, **chosen, threshold=1e12)
    assert (far["probability_above"] == 0.01).all()
    for low in (-1, "-1.79e308"):
        frame = asked(served, PATH, **chosen, threshold=low)
        assert (frame["probability_above"] == 0.99).all()


def test_history_ends_with_the_origin_and_the_forecast_begins_after_it(
    made_up: MadeUp, served: httpx.Client
) -> None:
    origin = SPRING - 5 * HOUR
    frame = asked(served, PATH, origin=origin.isoformat(), history=48, naives=True)
    assert len(frame) == len(SERIES) * (48 + 24)
    before = frame["datetime_utc"] <= origin
    assert frame.loc[before, [TARGET, "lower", "upper", "horizon"]].isna().all(axis=None)
    assert frame.loc[~before, [TARGET, "lower", "upper", "horizon"]].notna().all(axis=None)
    # Hours that were observed after the forecast was made are given as well.
    observed = frame.dropna(subset="observed")
    assert observed["datetime_utc"].max() == SPRING
    known = made_up.observed(SPRING + HOUR, origin - 47 * HOUR, SPRING + HOUR)
    assert_same(observed.assign(**{TARGET: observed["observed"]}), known, [TARGET])
    for season in (24, 168):
        known = made_up.observed(
            SPRING + HOUR, origin - (47 + season) * HOUR, origin + 25 * HOUR - season * HOUR
        )
        naive = frame.dropna(subset=f"seasonal_naive_{season}").copy()
        naive[TARGET] = naive[f"seasonal_naive_{season}"]
        naive["datetime_utc"] -= season * HOUR
        assert_same(naive, known, [TARGET])


def test_latest_is_the_default(served: httpx.Client) -> None:
    newest_one = served.get(PATH).json()["data"]
    assert served.get(PATH, params={"origin": "latest"}).json()["data"] == newest_one
    now = datetime.now(timezone.utc).isoformat()
    assert served.get(PATH, params={"as_of": now}).json()["data"] == newest_one
