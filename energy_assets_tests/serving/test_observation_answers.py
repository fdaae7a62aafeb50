"""Observations: what was known when, in every form."""

from __future__ import annotations

import time

import httpx
import pandas as pd
import pytest

from energy_assets.partitions import HOUR
from energy_assets.schemas import TARGET
from energy_assets_tests.serving.answers import FORMS, KEY, asked, refused
from energy_assets_tests.serving.made_up import SERIES, SPRING, MadeUp

PATH = "/v1/observations"


def assert_same(answered: pd.DataFrame, known: pd.DataFrame) -> None:
    names = [*KEY, TARGET, "known_at"]
    pd.testing.assert_frame_equal(
        answered[names].sort_values(KEY, ignore_index=True),
        known[names].sort_values(KEY, ignore_index=True),
    )


@pytest.mark.parametrize("form", FORMS)
def test_the_last_week_is_given_as_the_newest_forecast_knew_it(
    made_up: MadeUp, served: httpx.Client, form: dict[str, str]
) -> None:
    frame = asked(served, PATH, **form)
    assert_same(frame, made_up.observed(SPRING + HOUR, SPRING - 167 * HOUR, SPRING + HOUR))
    # The correction of the last hour came after that forecast.
    assert frame[TARGET].max() < 77_777


def test_older_hours_come_from_the_feature_store(made_up: MadeUp, served: httpx.Client) -> None:
    start, end = SPRING - 390 * HOUR, SPRING - 100 * HOUR
    frame = asked(served, PATH, start=start.isoformat(), end=end.isoformat())
    assert_same(frame, made_up.observed(SPRING + HOUR, start, end))


@pytest.mark.parametrize("age", [3, 30, 300])
def test_a_correction_is_not_known_before_it_came(
    made_up: MadeUp, served: httpx.Client, age: int
) -> None:
    hour = (SPRING - age * HOUR).replace(hour=5)

    def answered(**parameters: str) -> pd.Series:
        hours = {"start": hour.isoformat(), "end": (hour + HOUR).isoformat()}
        return asked(served, PATH, **hours, area="DK2", consumer_type="121", **parameters).iloc[0]

    corrected = hour + 8 * HOUR
    before = answered(as_of=(corrected - HOUR / 60).isoformat())
    after = answered(as_of=corrected.isoformat())
    assert after[TARGET] == pytest.approx(before[TARGET] + 1000)
    assert (before["known_at"], after["known_at"]) == (hour + HOUR, corrected)
    assert answered()[TARGET] == after[TARGET]
    known = made_up.observed(corrected - HOUR / 60, hour, hour + HOUR)
    assert before[TARGET] == known[TARGET].iloc[-1]


@pytest.mark.parametrize("chosen", [{}, {"area": "DK1"}, {"sum": "total"}])
def test_nothing_was_known_before_the_first_hour(
    served: httpx.Client, chosen: dict[str, str]
) -> None:
    frame = asked(served, PATH, as_of="2020-01-01T00:00Z", **chosen)
    assert frame.empty


def test_what_is_asked_for_after_the_newest_hour_is_empty(served: httpx.Client) -> None:
    assert asked(served, PATH, start="2023-03-26T22:00Z", end="2023-03-28T22:00Z").empty


@pytest.mark.parametrize(
    ("by", "keys"), [("total", []), ("area", ["area"]), ("consumer_type", ["consumer_type"])]
)
def test_a_sum_adds_up_its_series(served: httpx.Client, by: str, keys: list[str]) -> None:
    single = asked(served, PATH)
    added = single.groupby([*keys, "datetime_utc"])[[TARGET]].sum().sort_index()
    known = single.groupby([*keys, "datetime_utc"])[["known_at"]].max().sort_index()
    frame = asked(served, PATH, sum=by)
    assert frame.drop(columns=[*keys, "datetime_utc", TARGET, "known_at"]).isna().all(axis=None)
    frame = frame.set_index([*keys, "datetime_utc"]).sort_index()
    pd.testing.assert_frame_equal(frame[[TARGET]], added)
    pd.testing.assert_frame_equal(frame[["known_at"]], known)


def test_pages_together_are_the_whole(served: httpx.Client) -> None:
    for path in (PATH, "/v1/forecasts", "/v1/series", "/v1/monitoring?by=series"):
        whole = served.get(path).json()
        assert whole["next"] is None
        rows, address = [], httpx.URL(path).copy_merge_params({"limit": 2})
        pages = 0
        while address:
            page = served.get(address).json()
            rows += page["data"]
            address = page["next"]
            pages += 1
        assert rows == whole["data"]
        assert pages == -(-len(SERIES) // 2)


@pytest.mark.parametrize(
    "path",
    ["/v1/forecasts?history=5&naives=true", "/v1/forecasts?horizon=3", PATH, "/v1/series"],
)
def test_a_page_after_the_last_is_empty(served: httpx.Client, path: str) -> None:
    for by in ({}, {"sum": "total"}, {"sum": "area"}) if path != "/v1/series" else ({},):
        answer = served.get(httpx.URL(path).copy_merge_params({"offset": 100, **by}))
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"] == []
        assert answer.json()["next"] is None


def test_the_next_page_of_a_file_is_in_its_link(served: httpx.Client) -> None:
    answer = served.get("/v1/forecasts?format=csv&limit=2")
    address = answer.links["next"]["url"]
    assert "offset=2" in address
    assert len(served.get(address).text.splitlines()) == 1 + 2 * 24
    assert "next" not in served.get("/v1/forecasts?format=csv").links


@pytest.mark.parametrize(
    ("path", "parameters", "status"),
    [
        (PATH, {"start": "1970-01-01"}, 422),
        ("/v1/monitoring", {"start": "2020-01-01"}, 422),
        ("/v1/forecasts", {"horizon": 1, "start": "1970-01-01", "limit": 1}, 422),
        ("/v1/forecasts", {"horizon": 1, "start": "2023-03-01", "sum": "area"}, 422),
    ],
)
def test_an_answer_that_would_be_too_large_is_refused_at_once(
    served: httpx.Client, path: str, parameters: dict, status: int
) -> None:
    since = time.monotonic()
    problem = refused(served, path, **parameters)
    assert problem["status"] == status
    assert "ask for" in problem["detail"]
    assert time.monotonic() - since < 5


@pytest.mark.parametrize(
    ("path", "parameters", "status", "named"),
    [
        ("/v1/forecasts", {"area": "DK9"}, 404, "area"),
        ("/v1/forecasts", {"consumer_type": "nothing"}, 404, "consumer_type"),
        (PATH, {"area": ["DK2"], "consumer_type": ["999"]}, 404, "consumer_type"),
        (PATH, {"areas": "DK1"}, 422, "areas"),
        ("/v1/status", {"verbose": "1"}, 422, "verbose"),
        ("/v1/series", {"limit": 0}, 422, "limit"),
        ("/v1/series", {"offset": -1}, 422, "offset"),
        (PATH, {"day": "20230326"}, 422, "day"),
        (PATH, {"day": "1679788800"}, 422, "day"),
        (PATH, {"day": "86400"}, 422, "day"),
        (PATH, {"day": "2023-03-26", "start": "2023-03-26"}, 422, "day"),
        (PATH, {"start": "1679788800"}, 422, "start"),
        (PATH, {"start": "2023-03-26", "end": "2023-03-26"}, 422, "end"),
        (PATH, {"start": "0001-01-01"}, 422, "start"),
        (PATH, {"end": "9999-12-31T23:59:59+00:00"}, 422, "end"),
        ("/v1/forecasts", {"origin": "2023-03-26T20:30Z"}, 422, "origin"),
        ("/v1/forecasts", {"origin": "2023-01-26T20:00Z"}, 404, "origin"),
        ("/v1/forecasts", {"origin": "2023-03-26T22:00Z"}, 404, "origin"),
        ("/v1/forecasts", {"horizon": 25}, 422, "horizon"),
        ("/v1/forecasts", {"horizon": 1, "as_of": "2023-03-26"}, 422, "horizon"),
        ("/v1/forecasts", {"threshold": "inf"}, 422, "threshold"),
        ("/v1/forecasts", {"format": "xlsx"}, 422, "format"),
        ("/v1/monitoring", {"by": "moon"}, 422, "by"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(
    served: httpx.Client, path: str, parameters: dict, status: int, named: str
) -> None:
    problem = refused(served, path, **parameters)
    assert problem["status"] == status
    assert [error["parameter"] for error in problem["errors"]] == [named]
