"""The client of Open-Meteo: what it asks for, what it makes of the answers, and what it refuses."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from werkzeug import Response

from energy_assets.contract.weather_rules import validate_weather
from energy_assets.errors import SettingsError, SourceError
from energy_assets.settings import read_settings
from energy_assets.sources.weather import open_weather_source
from energy_assets.sources.weather.answer_cache import KEPT_SECONDS, AnswerCache
from energy_assets.sources.weather.open_meteo import AVAILABLE_AFTER, RUN_EVERY, OpenMeteo
from energy_assets_tests.sources.weather import fake_open_meteo
from energy_assets_tests.sources.weather.conftest import LOCATIONS
from energy_assets_tests.sources.weather.fake_open_meteo import actual, forecast, refusal

HOUR_ASKED = datetime(2024, 6, 10, 11)
RUN = datetime(2024, 6, 10)
HOUR = timedelta(hours=1)


def value(rows: pd.DataFrame, area: str, hour: datetime, column: str) -> float:
    (found,) = rows[(rows["area"] == area) & (rows["datetime_utc"] == hour)][column]
    return float(found)


def test_an_hour_is_one_request_for_the_run_that_was_known_by_then(
    api: fake_open_meteo.OpenMeteo, client: OpenMeteo
) -> None:
    client.fetch(HOUR_ASKED)
    assert api.requests == [
        (
            "/single-runs-api/v1/forecast",
            {
                "latitude": "56.1,55.6",
                "longitude": "9.6,12.2",
                "hourly": "temperature_2m,wind_speed_10m,shortwave_radiation",
                "timezone": "GMT",
                "wind_speed_unit": "ms",
                "run": "2024-06-10T00:00",
                "models": "ecmwf_ifs",
                "forecast_days": "4",
            },
        )
    ]


def test_the_values_are_those_of_the_run_and_radiation_is_of_the_hour_itself(
    client: OpenMeteo,
) -> None:
    rows = client.fetch(HOUR_ASKED)
    hour = HOUR_ASKED + 5 * HOUR
    for place, area in enumerate(("DK1", "DK2")):
        assert value(rows, area, hour, "temperature") == forecast(
            "temperature_2m", RUN, hour, place
        )
        assert value(rows, area, hour, "wind_speed") == forecast("wind_speed_10m", RUN, hour, place)
        mean = forecast("shortwave_radiation", RUN, hour + HOUR, place)
        assert value(rows, area, hour, "radiation") == mean
    assert set(rows["issued_at"]) == {pd.Timestamp(RUN + AVAILABLE_AFTER)}


def test_a_run_that_is_not_in_the_archive_is_replaced_by_the_one_before(
    api: fake_open_meteo.OpenMeteo, client: OpenMeteo
) -> None:
    api.missing_runs = {RUN, RUN - RUN_EVERY}
    rows = client.fetch(HOUR_ASKED)
    assert set(rows["issued_at"]) == {pd.Timestamp(RUN - 2 * RUN_EVERY + AVAILABLE_AFTER)}
    assert len(rows[rows["datetime_utc"] > HOUR_ASKED]) == 2 * 48


def test_a_run_that_fails_after_the_answer_began_counts_as_missing_too(
    api: fake_open_meteo.OpenMeteo, client: OpenMeteo
) -> None:
    api.failures = [
        Response("Unexpected error while streaming data: modelRunUnavailable(model: App.x, run: 1)")
    ]
    assert set(client.fetch(HOUR_ASKED)["issued_at"]) == {
        pd.Timestamp(RUN - RUN_EVERY + AVAILABLE_AFTER)
    }


def test_without_any_recent_run_it_says_so(
    api: fake_open_meteo.OpenMeteo, client: OpenMeteo
) -> None:
    api.missing_runs = {RUN - number * RUN_EVERY for number in range(20)}
    with pytest.raises(SourceError, match=r"no run of ecmwf_ifs from 2024-06-09 00:00 to 2024-06"):
        client.fetch(HOUR_ASKED)


def test_before_there_were_runs_observations_are_joined_by_forecasts_made_days_ahead(
    api: fake_open_meteo.OpenMeteo, client: OpenMeteo
) -> None:
    hour = datetime(2024, 2, 10, 9)
    rows = client.fetch(hour)
    assert value(rows, "DK2", hour, "temperature") == actual("temperature_2m", hour, 1)
    assert value(rows, "DK2", hour, "radiation") == actual("shortwave_radiation", hour + HOUR, 1)
    for ahead, days in ((1, 1), (17, 1), (18, 2), (41, 2), (42, 3), (48, 3)):
        time = hour + ahead * HOUR
        run = time - timedelta(days=days)
        run -= timedelta(hours=run.hour % 6)
        assert run + AVAILABLE_AFTER <= hour
        assert value(rows, "DK1", time, "temperature") == forecast("temperature_2m", run, time)


def test_hours_without_a_value_are_left_out_and_one_that_lacks_some_is_not(
    client: OpenMeteo,
) -> None:
    assert client.fetch(HOUR_ASKED)["datetime_utc"].min() == pd.Timestamp(RUN)
    before_any_forecast = client.fetch(datetime(2023, 12, 1, 9))
    assert len(before_any_forecast) == len(LOCATIONS)  # observations alone


def test_values_of_any_kind_are_left_to_the_rules(
    api: fake_open_meteo.OpenMeteo, client: OpenMeteo
) -> None:
    odd = ["[1]", '{"a": 1}', '"warm"', "9" * 400, "1e999", "NaN"]
    times = [f'"{RUN + number * HOUR:%Y-%m-%dT%H:%M}"' for number in range(len(odd))]
    hourly = {
        "time": times,
        "temperature_2m": odd,
        "wind_speed_10m": ["1"] * len(odd),
        "shortwave_radiation": ["null"] * len(odd),
    }
    lists = ", ".join(f'"{name}": [{", ".join(values)}]' for name, values in hourly.items())
    api.failures = [Response(f'[{{"hourly": {{{lists}}}}}, {{"hourly": {{{lists}}}}}]')]
    validated = validate_weather({HOUR_ASKED: client.fetch(HOUR_ASKED)}, client.areas)
    assert validated.quarantine["reason"].value_counts().to_dict() == {
        "value not a number": 6,
        "absurd value": 4,
        "missing value": 2,
    }


@pytest.mark.parametrize(
    ("failure", "wait"),
    [
        (refusal("Minutely API request limit exceeded. Please try again in one minute.", 429), 60),
        (refusal("The service is overloaded", 503), 1),
        (Response("<html>Bad gateway", status=502), 1),
        (Response("Unexpected error while streaming data: timeoutReached"), 1),
    ],
)
def test_what_is_transient_is_tried_again(
    failure: Response,
    wait: float,
    api: fake_open_meteo.OpenMeteo,
    client: OpenMeteo,
    waits: list[float],
) -> None:
    api.failures = [failure]
    assert len(client.fetch(HOUR_ASKED)) > 96
    assert len(waits) == 1
    assert wait <= waits[0] <= wait + 1


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (refusal("Hourly API request limit exceeded. Please try again in the next hour.", 429),
         "refuses more requests: Hourly API request limit exceeded.*WEATHER_API_KEY"),
        (refusal("Daily API request limit exceeded. Please try again tomorrow.", 429),
         "refuses more requests: Daily API request limit exceeded"),
        (refusal("Latitude must be in range of -90 to 90°. Given: 561.0."),
         "HTTP 400: Latitude must be in range.*WEATHER_LOCATIONS"),
        (refusal("The supplied API key is invalid.", 403), "HTTP 403.*API key is invalid"),
        (Response("not found", status=404), "HTTP 404: not found"),
        (Response("<html>welcome"), "something that is not JSON"),
        (Response("[1, 2]"), r"JSON that is not \{'hourly'"),
        (Response("{}"), "1 locations instead of 2"),
        (Response('[{"hourly": {"time": []}}, {"hourly": {"time": []}}]'), "JSON that is not"),
        (
            Response(
                '[{"hourly": {"time": ["2024-06-10T00:00"], "temperature_2m": [], '
                '"wind_speed_10m": [1], "shortwave_radiation": [1]}}, {}]'
            ),
            "lists of different lengths",
        ),
    ],
)  # fmt: skip
def test_what_will_not_pass_is_an_error_at_once(
    failure: Response,
    message: str,
    api: fake_open_meteo.OpenMeteo,
    client: OpenMeteo,
    waits: list[float],
) -> None:
    api.failures = [failure]
    with pytest.raises(SourceError, match=message):
        client.fetch(HOUR_ASKED)
    assert len(api.requests) == 1
    assert waits == []


def test_a_server_that_stays_busy_is_given_up_with_advice(
    api: fake_open_meteo.OpenMeteo, client: OpenMeteo, waits: list[float]
) -> None:
    api.failures = [refusal("busy", 503)] * 50
    with pytest.raises(SourceError, match=r"gave no answer in \d attempt.*HTTP 503: busy.*try aga"):
        client.fetch(HOUR_ASKED)
    assert sum(waits) <= client.wait_budget


def test_an_address_that_is_none_names_the_setting() -> None:
    with pytest.raises(SettingsError, match="WEATHER_URL"):
        OpenMeteo(LOCATIONS, "ftp://api").fetch(HOUR_ASKED)


def test_without_places_it_names_the_setting(api: fake_open_meteo.OpenMeteo) -> None:
    with pytest.raises(SettingsError, match="WEATHER_LOCATIONS is empty"):
        OpenMeteo({}, api.url).fetch(HOUR_ASKED)


def test_the_hours_of_a_run_are_asked_for_once(
    api: fake_open_meteo.OpenMeteo, keeping_client: OpenMeteo
) -> None:
    first = RUN + AVAILABLE_AFTER
    fresh = [OpenMeteo(LOCATIONS, api.url).fetch(first + n * HOUR) for n in range(5)]
    api.requests.clear()
    for number, rows in enumerate(fresh):
        pd.testing.assert_frame_equal(keeping_client.fetch(first + number * HOUR), rows)
    assert len(api.requests) == 1


def test_a_refusal_is_not_kept(api: fake_open_meteo.OpenMeteo, keeping_client: OpenMeteo) -> None:
    api.failures = [refusal("no", 400)]
    with pytest.raises(SourceError):
        keeping_client.fetch(HOUR_ASKED)
    assert len(keeping_client.fetch(HOUR_ASKED)) > 96


def test_a_damaged_answer_is_asked_for_again(
    api: fake_open_meteo.OpenMeteo, keeping_client: OpenMeteo
) -> None:
    rows = keeping_client.fetch(HOUR_ASKED)
    assert keeping_client.cache is not None
    (file,) = keeping_client.cache.folder.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    pd.testing.assert_frame_equal(keeping_client.fetch(HOUR_ASKED), rows)
    assert len(api.requests) == 2


def test_answers_are_kept_for_a_month_and_a_folder_that_cannot_be_written_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = AnswerCache(tmp_path / "answers")
    cache.put("u", {"run": "1"}, b"first")
    now = (tmp_path / "answers").stat().st_mtime
    monkeypatch.setattr("time.time", lambda: now + KEPT_SECONDS + 60)
    cache.put("u", {"run": "2"}, b"second")
    assert cache.get("u", {"run": "1"}) is None
    (tmp_path / "file").write_text("")
    blocked = AnswerCache(tmp_path / "file")
    blocked.put("u", {"run": "1"}, b"first")
    assert blocked.get("u", {"run": "1"}) is None


def test_customers_send_their_key_and_nothing_shows_it(
    api: fake_open_meteo.OpenMeteo, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    client = OpenMeteo(LOCATIONS, api.url, api_key="a-secret")
    client.fetch(HOUR_ASKED)
    assert api.requests[0][1]["apikey"] == "a-secret"
    api.failures = [refusal("The supplied API key is invalid.")]
    with pytest.raises(SourceError) as raised:
        client.fetch(HOUR_ASKED)
    assert "a-secret" not in str(raised.value)
    ours = [record for record in caplog.records if record.name != "werkzeug"]
    assert "a-secret" not in str([record.getMessage() for record in ours])
    settings = read_settings(
        _env_file=None, weather_source="open-meteo", weather_api_key="a-secret"
    )
    assert "a-secret" not in repr(open_weather_source(settings))
