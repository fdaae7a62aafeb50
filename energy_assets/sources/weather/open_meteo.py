"""Weather from Open-Meteo (https://open-meteo.com/en/docs), as it was known at an hour.

Three of its APIs are used, because only they say later what was known before:

Single Runs: the forecast of one run of a weather model. What the run says of its first hours
counts as observed.
Previous Runs: forecasts made so many days ahead, for hours before there were single runs.
Historical Weather: what was observed, for the same hours.

So an hour that is asked for again gives the same rows, whether live or years later.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import httpx
import pandas as pd

from energy_assets.errors import SettingsError, SourceError
from energy_assets.settings import Settings, utc_now
from energy_assets.sources.download import Answer, download
from energy_assets.sources.retries import GaveUpError, TransientError, retried
from energy_assets.sources.weather.answer_cache import AnswerCache
from energy_assets.sources.weather.locations import Locations
from energy_assets.sources.weather.open_meteo_answers import VARIABLES, read_answer
from energy_assets.sources.weather.source import COLUMNS, HORIZON

MODEL = "ecmwf_ifs"
"""The model with the longest archive of single runs: ECMWF's IFS, 9 km."""

FIRST_RUN = datetime(2024, 3, 14)
"""The first single run of this model."""

RUN_EVERY = timedelta(hours=6)

AVAILABLE_AFTER = timedelta(hours=7)
"""When a run counts as known. Open-Meteo has it 4 to 6 hours after the run starts."""

OLDER_RUNS = 4
"""How many older runs are tried if one is not in the archive."""

TERMS = (
    "Weather data by Open-Meteo.com, licensed under CC BY 4.0. Its free API is for non-commercial "
    "use: https://open-meteo.com/en/terms"
)

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

_DAYS_OF_A_RUN = "4"
"""From the midnight before a run, enough for HORIZON hours after the next run is known."""


class _NoRunError(Exception):
    """The archive does not have this run."""


def open_open_meteo(settings: Settings, locations: Locations) -> OpenMeteo:
    """Open-Meteo at WEATHER_URL; its answers are kept below STORAGE_ROOT."""
    key = settings.weather_api_key
    return OpenMeteo(
        locations,
        settings.weather_url,
        key.get_secret_value() if key else None,
        AnswerCache(settings.storage_root / "weather_answers"),
    )


@dataclass(frozen=True)
class OpenMeteo:
    """The weather of some locations. `sleep` and `now` are for tests."""

    locations: Locations
    url: str
    api_key: str | None = field(default=None, repr=False)
    cache: AnswerCache | None = None
    timeout: float = 20.0
    """An attempt fails after this many seconds without a response."""
    wait_budget: float = 90.0
    """Seconds for one request, with all attempts and the waits between them."""
    max_bytes: int = 16 * 1024**2
    """The most that an answer may have; those of some areas have 20 kB."""
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = utc_now
    name: str = "open-meteo"
    terms: str = TERMS

    @property
    def areas(self) -> Collection[str]:
        """The areas with a location."""
        return self.locations.keys()

    def fetch(self, hour: datetime) -> pd.DataFrame:
        """The weather known at an hour: see `WeatherSource.fetch`."""
        if not self.locations:
            raise SettingsError(
                "WEATHER_LOCATIONS is empty, and the areas of the data set are not known. Set it "
                "to the latitude and longitude of each, such as DK1=56.1,9.6; DK2=55.6,12.2"
            )
        newest = hour - AVAILABLE_AFTER
        newest -= (newest - datetime.min) % RUN_EVERY
        if newest < FIRST_RUN:
            return pd.concat([self._observed(hour), self._previously_forecast(hour)])[list(COLUMNS)]
        for older in range(OLDER_RUNS + 1):
            with suppress(_NoRunError):
                return self._of_run(newest - older * RUN_EVERY, hour)
        oldest = newest - OLDER_RUNS * RUN_EVERY
        raise SourceError(
            f"Open-Meteo has no run of {MODEL} from {oldest:%Y-%m-%d %H:%M} to "
            f"{newest:%Y-%m-%d %H:%M} UTC. Run this hour again later."
        )

    def check(self) -> str:
        """The newest forecast that it has."""
        hour = self.now().replace(minute=0, second=0, microsecond=0) - _HOUR
        newest = self.fetch(hour)["issued_at"].max()
        return f"{', '.join(self.areas)}, newest forecast {newest:%Y-%m-%d %H:%M} UTC"

    def _of_run(self, run: datetime, hour: datetime) -> pd.DataFrame:
        """What a run says of its first hours, and of those after `hour`."""
        query = {"run": f"{run:%Y-%m-%dT%H:%M}", "models": MODEL, "forecast_days": _DAYS_OF_A_RUN}
        rows = self._ask("single-runs-api", "v1/forecast", query, VARIABLES)
        known = run + AVAILABLE_AFTER
        is_observed = rows["datetime_utc"].between(run, known)
        rows = rows[is_observed | _is_ahead(rows, hour)]
        return rows.assign(issued_at=pd.Timestamp(known))[list(COLUMNS)]

    def _observed(self, hour: datetime) -> pd.DataFrame:
        """What was observed in an hour."""
        rows = self._ask("archive-api", "v1/archive", _dates(hour, 1), VARIABLES)
        return rows[rows["datetime_utc"] == pd.Timestamp(hour)].assign(
            issued_at=pd.Series(None, dtype="object")
        )

    def _previously_forecast(self, hour: datetime) -> pd.DataFrame:
        """Of each hour after `hour`, a forecast that was known by then.

        A forecast made N days ahead comes from a run N days before its hour, which was known
        AVAILABLE_AFTER later.
        """
        most = math.ceil((HORIZON * _HOUR + AVAILABLE_AFTER) / _DAY)
        parts = []
        for days in range(1, most + 1):
            names = {name: f"{variable}_previous_day{days}" for name, variable in VARIABLES.items()}
            rows = self._ask("previous-runs-api", "v1/forecast", _dates(hour, 3), names)
            issued_at = rows["datetime_utc"] - days * _DAY + AVAILABLE_AFTER
            # A forecast made one day later was not known yet.
            is_newest = (issued_at <= hour) & (issued_at + _DAY > hour)
            parts.append(
                rows.assign(issued_at=issued_at.astype("object"))[is_newest & _is_ahead(rows, hour)]
            )
        return pd.concat(parts)

    def _ask(
        self, api: str, path: str, query: Mapping[str, str], variables: Mapping[str, str]
    ) -> pd.DataFrame:
        """Rows of an answer: see `read_answer`. Kept answers are not asked for again."""
        latitudes, longitudes = zip(*self.locations.values(), strict=True)
        url = f"{self.url.replace('{api}', api).rstrip('/')}/{path}"
        query = {
            "latitude": ",".join(map(str, latitudes)),
            "longitude": ",".join(map(str, longitudes)),
            "hourly": ",".join(variables.values()),
            "timezone": "GMT",
            "wind_speed_unit": "ms",
            **query,
        }
        read = partial(read_answer, areas=list(self.locations), variables=variables)
        if self.cache and (kept := self.cache.get(url, query)) is not None:
            with suppress(ValueError):  # a damaged file
                return read(kept)
        try:
            content = retried(
                partial(self._attempt, url, query), budget=self.wait_budget, sleep=self.sleep
            )
            rows = read(content)
        except GaveUpError as error:
            raise SourceError(
                f"{url} gave no answer in {error.attempts} attempt(s). The last failure: "
                f"{error.failure}. Check the network and WEATHER_URL, or try again later."
            ) from error
        except ValueError as error:
            raise SourceError(
                f"{url} answered with {error}. Check WEATHER_URL, or try again later. The API may "
                "have changed."
            ) from None
        if self.cache:
            self.cache.put(url, query, content)
        return rows

    def _attempt(self, url: str, query: Mapping[str, str], seconds: float) -> bytes:
        """The content of the answer to one request, given up after `seconds`."""
        key = {"apikey": self.api_key} if self.api_key else {}
        try:
            answer = download(
                url,
                {**query, **key},
                timeout=self.timeout,
                seconds=seconds,
                max_bytes=self.max_bytes,
            )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise SettingsError(f"WEATHER_URL {self.url!r} cannot be used: {error}") from None
        except httpx.TransportError as error:
            raise TransientError(f"{type(error).__name__}: {error}") from error
        except httpx.RequestError as error:
            raise SourceError(f"{url} cannot be read: {error}. Check WEATHER_URL.") from error
        self._check(url, answer)
        return answer.content

    def _check(self, url: str, answer: Answer) -> None:
        """Raise what the status and the reason of an answer mean."""
        reason = answer.message()
        # The second one comes with status 200: the answer had begun before the run was looked up.
        if "model run is not available" in reason or "modelRunUnavailable" in reason:
            raise _NoRunError
        if answer.status == 429:
            wait = answer.retry_after(self.now())
            if wait is None and "Minutely" in reason:
                wait = 60.0
            if wait is not None:
                raise TransientError(f"HTTP 429: {reason}", wait)
            raise SourceError(
                f"{url} refuses more requests: {reason} Run these hours again later, or become a "
                "customer of Open-Meteo and set WEATHER_API_KEY."
            )
        if answer.status >= 500 or reason.startswith("Unexpected error while streaming"):
            raise TransientError(f"HTTP {answer.status}: {reason}")
        if answer.status != 200:
            raise SourceError(
                f"{url} refused the request: HTTP {answer.status}: {reason}. Check WEATHER_URL, "
                "WEATHER_LOCATIONS and WEATHER_API_KEY."
            )


def _dates(hour: datetime, days: int) -> dict[str, str]:
    """The day of an hour and as many after it: the same query for all hours of a day."""
    return {"start_date": f"{hour:%Y-%m-%d}", "end_date": f"{hour + days * _DAY:%Y-%m-%d}"}


def _is_ahead(rows: pd.DataFrame, hour: datetime) -> pd.Series:
    """Which rows are of the HORIZON hours after an hour."""
    first, last = pd.Timestamp(hour + _HOUR), pd.Timestamp(hour + HORIZON * _HOUR)
    return rows["datetime_utc"].between(first, last)
