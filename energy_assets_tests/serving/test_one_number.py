"""However a number is asked for, it is one number, and the one that is stored."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy_assets.forecasts.versions import as_of, first_issued, newest
from energy_assets.partitions import HOUR
from energy_assets.schemas import TARGET
from energy_assets_tests.generated import many_examples
from energy_assets_tests.serving.answers import FORMS, KEY, asked
from energy_assets_tests.serving.made_up import SERIES, SPRING, MadeUp

some = settings(many_examples, max_examples=max(many_examples.max_examples // 8, 25))

areas = st.lists(st.sampled_from(["DK1", "DK2"]), unique=True, max_size=2)
types = st.lists(st.sampled_from(["111", "121"]), unique=True, max_size=2)
forms = st.sampled_from(FORMS)
zones = st.sampled_from([None, 0, 2, -5])
backs = st.integers(0, 45)


@st.composite
def ranges(draw: st.DrawFn) -> tuple[datetime, datetime]:
    """A range of hours around the last origins."""
    first = SPRING + draw(st.integers(-60, 23)) * HOUR
    return first, first + draw(st.integers(1, 60)) * HOUR


def text(time: datetime, zone: int | None) -> str:
    """A UTC time, written with an offset or without one."""
    if zone is None:
        return time.isoformat()
    aware = time.replace(tzinfo=timezone.utc)
    return aware.astimezone(timezone(timedelta(hours=zone))).isoformat()


def selected(rows: pd.DataFrame, area: list[str], consumer_type: list[str]) -> pd.DataFrame:
    """The rows of some series; empty lists choose all."""
    for name, codes in (("area", area), ("consumer_type", consumer_type)):
        if codes:
            rows = rows[rows[name].isin(codes)]
    return rows


def assert_same(answered: pd.DataFrame, expected: pd.DataFrame, columns: list[str]) -> None:
    if expected.empty:
        assert answered.empty
        return
    names = [*KEY, *columns]
    pd.testing.assert_frame_equal(
        answered[names].sort_values(KEY, ignore_index=True),
        expected[names].sort_values(KEY, ignore_index=True),
        check_dtype=False,
        rtol=1e-12,
    )


@some
@given(ranges(), areas, types, forms, zones, backs)
def test_a_forecast_of_an_origin(
    made_up: MadeUp,
    served: httpx.Client,
    hours: tuple[datetime, datetime],
    area: list[str],
    consumer_type: list[str],
    form: dict[str, str],
    zone: int | None,
    back: int,
) -> None:
    origin = SPRING - back * HOUR
    versions = made_up.forecasts[origin]
    stored = selected(newest(versions), area, consumer_type)
    stored = stored[stored["datetime_utc"].between(*hours, inclusive="left")]
    chosen: dict[str, Any] = {
        "area": area,
        "consumer_type": consumer_type,
        "start": text(hours[0], zone),
        "end": text(hours[1], zone),
        **form,
    }
    columns = [TARGET, "lower", "upper"]
    path = "/v1/forecasts"
    by_origin = asked(served, path, **chosen, origin=text(origin, zone))
    assert_same(by_origin, stored, columns)
    if origin == SPRING:
        pd.testing.assert_frame_equal(asked(served, path, **chosen), by_origin)
    with_history = asked(served, path, **chosen, origin=text(origin, zone), history=24)
    if not with_history.empty:
        ahead = with_history[with_history["datetime_utc"] > origin]
        assert_same(ahead, stored, columns)
        observed = with_history.dropna(subset="observed")
        known = selected(made_up.observed(SPRING + HOUR, *hours), area, consumer_type)
        known = known[known["datetime_utc"] > origin - 24 * HOUR]
        known = known[known["datetime_utc"] <= origin + 24 * HOUR]
        assert_same(observed.assign(**{TARGET: observed["observed"]}), known, [TARGET])
        if hours[0] <= SPRING and len(known):
            routed = asked(served, "/v1/observations", **chosen)
            routed = routed[routed["datetime_utc"].isin(known["datetime_utc"])]
            assert_same(routed, known, [TARGET, "known_at"])


@some
@given(st.integers(0, 55), areas, types, forms)
def test_what_was_known_at_a_time(
    made_up: MadeUp,
    served: httpx.Client,
    back: int,
    area: list[str],
    consumer_type: list[str],
    form: dict[str, str],
) -> None:
    time = SPRING - back * HOUR + HOUR / 2
    chosen: dict[str, Any] = {"area": area, "consumer_type": consumer_type, **form}
    known = made_up.observed(time, SPRING - 200 * HOUR, SPRING - 80 * HOUR)
    hours = {"start": text(SPRING - 200 * HOUR, 0), "end": text(SPRING - 80 * HOUR, 0)}
    answered = asked(served, "/v1/observations", **chosen, **hours, as_of=text(time, 0))
    assert_same(answered, selected(known, area, consumer_type), [TARGET, "known_at"])
    made = [
        (origin, version)
        for origin, versions in made_up.forecasts.items()
        if len(version := as_of(versions, time))
    ]
    if made:
        expected = selected(max(made, key=lambda pair: pair[0])[1], area, consumer_type)
        answered = asked(served, "/v1/forecasts", **chosen, as_of=text(time, 0))
        assert_same(answered, expected, [TARGET, "lower", "upper"])


@some
@given(st.integers(1, 24), ranges(), areas, forms)
def test_what_was_issued_a_number_of_hours_before(
    made_up: MadeUp,
    served: httpx.Client,
    horizon: int,
    hours: tuple[datetime, datetime],
    area: list[str],
    form: dict[str, str],
) -> None:
    issued = pd.concat(first_issued(versions) for versions in made_up.forecasts.values())
    issued = issued[(issued["horizon"] == horizon)]
    issued = issued[issued["datetime_utc"].between(*hours, inclusive="left")]
    parameters = {
        "horizon": horizon,
        "area": area,
        **form,
        "start": text(hours[0], 0),
        "end": text(hours[1], 0),
    }
    if issued.empty:
        assert served.get("/v1/forecasts", params=parameters).status_code == 404
        return
    answered = asked(served, "/v1/forecasts", **parameters)
    columns = [TARGET, "lower", "upper", "origin", "made_at", "model_version", "quality"]
    assert_same(answered, selected(issued, area, []), columns)


@some
@given(
    st.sampled_from(["total", "area", "consumer_type"]),
    areas,
    types,
    backs,
    st.lists(st.floats(0.1, 0.9), max_size=3, unique=True),
)
def test_a_sum_is_the_sum_of_its_series(
    made_up: MadeUp,
    served: httpx.Client,
    by: str,
    area: list[str],
    consumer_type: list[str],
    back: int,
    probabilities: list[float],
) -> None:
    origin = SPRING - back * HOUR
    stored = selected(newest(made_up.forecasts[origin]), area, consumer_type)
    keys = [] if by == "total" else [by]
    expected = stored.groupby([*keys, "datetime_utc"])[TARGET].sum()
    frame = asked(
        served,
        "/v1/forecasts",
        sum=by,
        area=area,
        consumer_type=consumer_type,
        origin=text(origin, 0),
        quantiles=",".join(map(str, [0.1, *probabilities, 0.9])),
    )
    answered = frame.set_index([*keys, "datetime_utc"])[TARGET].sort_index()
    pd.testing.assert_series_equal(answered, expected, check_dtype=False)
    names = [f"q{probability}" for probability in sorted({0.1, *probabilities, 0.9})]
    names = list(dict.fromkeys(names))
    assert (np.diff(frame[names].to_numpy(), axis=1) >= 0).all()
    np.testing.assert_array_equal(frame["lower"], frame["q0.1"])


@pytest.mark.parametrize("area", ["DK1", "DK2"])
def test_the_api_of_the_course_says_the_same(served: httpx.Client, area: str) -> None:
    number = {"DK1": 1, "DK2": 2}[area]
    for code in (code for its, code in SERIES if its == area):
        answer = served.get(f"/api/v1/predictions/{number}/{code}").json()
        one = {"area": area, "consumer_type": code, "layout": "columns"}
        forecast = served.get("/v1/forecasts", params=one).json()["data"]
        observed = served.get("/v1/observations", params=one).json()["data"]
        for hours, values, table in (
            ("preds_datetime_utc", "preds_energy_consumption", forecast),
            ("datetime_utc", "energy_consumption", observed),
        ):
            assert answer[values] == table[TARGET]
            times = pd.to_datetime(answer[hours], unit="h").strftime("%Y-%m-%dT%H:%M:%SZ")
            assert times.tolist() == table["datetime_utc"]
