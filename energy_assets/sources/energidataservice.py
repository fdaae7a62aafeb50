"""Records from the live API of Energi Data Service (Energinet, Denmark).

The client asks in UTC, pages with a complete sort (the rows of an hour come in no stable order),
waits as the server asks, retries what can pass by itself, and gives up with what to do. Imported
only where the API is used: httpx is slow to import.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pandas as pd
from tenacity import RetryCallState, RetryError, Retrying, retry_if_exception_type
from tenacity.wait import wait_exponential_jitter

from energy_assets.errors import NoDataError, SettingsError, SourceError
from energy_assets.settings import utc_now
from energy_assets.sources.profiles import DatasetProfile

PAGE_SIZE = 50_000
"""Rows in a request; the largest page is not documented, clients are known to use up to 100,000."""

WAIT_BUDGET = 600.0
"""Seconds that one request may take with all its attempts and the waits between them."""

_STOPPED_AFTER = timedelta(days=30)
"""The live data sets are up to three weeks late; one that is later has stopped."""

_BACKOFF = wait_exponential_jitter(initial=1, max=60, jitter=1)


class _TransientError(Exception):
    """A fault that can pass by itself, with the seconds that the server asks to wait."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True)
class EnergiDataService:
    """The live API as a source. `sleep` and `now` are for tests."""

    api_url: str
    profile: DatasetProfile
    timeout: float = 60.0
    """Seconds without an answer after which an attempt has failed."""
    page_size: int = PAGE_SIZE
    wait_budget: float = WAIT_BUDGET
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = utc_now
    name: str = "energidataservice"
    _extents: dict[str, datetime] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.api_url.startswith(("http://", "https://")):
            raise SettingsError(
                f"ENERGY_API_URL {self.api_url!r} is no address: give it as "
                "https://api.energidataservice.dk"
            )

    @property
    def url(self) -> str:
        """The address of the data set."""
        return f"{self.api_url.rstrip('/')}/dataset/{self.profile.dataset}"

    def fetch(self, start: datetime, end: datetime) -> pd.DataFrame:
        """The records of the hours [start, end): see `Source.fetch`."""
        hours = f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
        window = {"start": f"{start:%Y-%m-%dT%H:%M}", "end": f"{end:%Y-%m-%dT%H:%M}"}
        with self._client() as client:
            records = self._all_pages(client, window, hours)
        if not records:
            self._explain_no_records(start, end, hours)
        return self._frame(records, hours)

    def oldest_hour(self) -> datetime:
        """The first hour that the API has; one request, whose answer is kept."""
        return self._extent("asc")

    def newest_hour(self) -> datetime:
        """The last hour that the API has; one request, whose answer is kept: a run is short."""
        return self._extent("desc")

    def _extent(self, direction: str) -> datetime:
        if direction not in self._extents:
            self._extents[direction] = self._extreme_hour(direction)
        return self._extents[direction]

    def _extreme_hour(self, direction: str) -> datetime:
        which = "the oldest hour" if direction == "asc" else "the newest hour"
        query = {
            "limit": "1",
            "sort": f"{self.profile.time_column} {direction}",
            "timezone": "UTC",
        }
        with self._client() as client:
            records, _ = self._page(client, query, which)
        if not records:
            raise NoDataError(f"{self.url} holds no records at all: choose another ENERGY_DATASET")
        hour: pd.Timestamp = self.profile.hours(self._frame(records, which)).iloc[0]
        return hour.to_pydatetime()

    def _explain_no_records(self, start: datetime, end: datetime, hours: str) -> None:
        """Return if the hours lie inside what the data set has; otherwise raise NoDataError."""
        newest = self.newest_hour()
        if start > newest:
            lateness = self.now() - newest
            delay = f"DAYS_DELAY={math.ceil(lateness / timedelta(days=1))}"
            advice = (
                "The data set seems to have stopped: choose another ENERGY_DATASET, or set "
                f"{delay} to replay its end as if live."
                if lateness > _STOPPED_AFTER
                else f"They are not published yet: wait, or set {delay}."
            )
            raise NoDataError(
                f"{self.url} has nothing of {hours}; its newest hour is {newest:%Y-%m-%d %H:%M} "
                f"UTC. {advice}",
                newest=newest,
            )
        oldest = self.oldest_hour()
        if end <= oldest:
            raise NoDataError(
                f"{self.url} has nothing of {hours}; its oldest hour is {oldest:%Y-%m-%d %H:%M} "
                "UTC. Ask for later hours, or set PARTITIONS_START to it or later."
            )

    def _client(self) -> httpx.Client:
        return httpx.Client(timeout=self.timeout, follow_redirects=True)

    def _all_pages(
        self, client: httpx.Client, window: dict[str, str], hours: str
    ) -> list[dict[str, Any]]:
        """The records of all pages, in order; SourceError if the pages do not fit together."""
        query = {
            **window,
            "timezone": "UTC",
            "sort": ",".join(f"{column} asc" for column in self.profile.key_columns),
            "limit": str(self.page_size),
        }
        records, total = self._page(client, {**query, "offset": "0"}, hours)
        seen = {self._key(record) for record in records}
        while len(records) < total:
            page, new_total = self._page(client, {**query, "offset": str(len(records))}, hours)
            # A key may straddle two pages if its record is published twice; any other key that
            # comes again means that the rows have moved between two requests.
            again = seen.intersection(map(self._key, page)) - {self._key(records[-1])}
            if new_total != total or not page or again:
                raise SourceError(
                    f"{self.url} changed while {hours} was read in pages (after {len(records)} of "
                    f"{total} rows: {len(page)} rows, {len(again)} of them again, total now "
                    f"{new_total}): run these hours again"
                )
            seen.update(map(self._key, page))
            records += page
        if len(records) > total:
            raise SourceError(
                f"{self.url} answered {len(records)} rows for {hours} but says that there are "
                f"{total}: run these hours again"
            )
        return records

    def _key(self, record: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(record.get(column) for column in self.profile.key_columns)

    def _frame(self, records: list[dict[str, Any]], hours: str) -> pd.DataFrame:
        """Records as text; raises SourceError if the profile's columns are not there."""
        published = list(dict.fromkeys(column for record in records for column in record))
        missing = [column for column in self.profile.columns if column not in published]
        if records and missing:
            raise SourceError(
                f"{self.url} answered records for {hours} without {', '.join(missing)}; they have "
                f"{', '.join(published)}. The data set has changed: choose another ENERGY_DATASET, "
                "or adapt its profile."
            )
        columns = published or list(self.profile.columns)
        rows = [[_text(record.get(column)) for column in columns] for record in records]
        return pd.DataFrame(rows, columns=columns, dtype=object)

    def _page(
        self, client: httpx.Client, query: dict[str, str], hours: str
    ) -> tuple[list[dict[str, Any]], int]:
        """One page and the total number of rows, with retries within the budget."""
        retrying = Retrying(
            retry=retry_if_exception_type(_TransientError),
            wait=_wait,
            stop=self._spent,
            sleep=self.sleep,
        )
        try:
            return retrying(self._attempt, client, query, hours)
        except RetryError as error:
            attempts, fault = error.last_attempt.attempt_number, error.last_attempt.exception()
        advice = "Check the network and ENERGY_API_URL, or try again later."
        if isinstance(fault, _TransientError) and fault.retry_after is not None:
            again = self.now() + timedelta(seconds=fault.retry_after)
            advice = f"The server asks to try again at {again:%Y-%m-%d %H:%M:%S} UTC."
        raise SourceError(
            f"{self.url} gave no answer for {hours} in {attempts} attempt(s); the last fault: "
            f"{fault}. {advice}"
        ) from fault

    def _spent(self, state: RetryCallState) -> bool:
        """Whether the next wait would go beyond the budget."""
        spent = max(state.seconds_since_start or 0.0, state.idle_for)
        return spent + state.upcoming_sleep > self.wait_budget

    def _attempt(
        self, client: httpx.Client, query: dict[str, str], hours: str
    ) -> tuple[list[dict[str, Any]], int]:
        try:
            response = client.get(self.url, params=query)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise SettingsError(
                f"ENERGY_API_URL {self.api_url!r} cannot be used: {error}"
            ) from None
        except httpx.TransportError as error:
            raise _TransientError(f"{type(error).__name__}: {error}") from error
        except httpx.RequestError as error:
            raise SourceError(f"{self.url} cannot be read for {hours}: {error}") from error
        if response.status_code == 429 or response.status_code >= 500:
            raise _TransientError(
                f"HTTP {response.status_code}: {_message(response)}",
                _retry_after(response, self.now()),
            )
        if response.status_code != 200:
            advice = "Check ENERGY_API_URL and ENERGY_DATASET."
            if response.status_code == 404:
                advice = f"ENERGY_DATASET {self.profile.dataset} is not there: choose another."
            raise SourceError(
                f"{self.url} refused to answer for {hours}: HTTP {response.status_code}: "
                f"{_message(response)}. {advice}"
            )
        return self._records(response, hours)

    def _records(self, response: httpx.Response, hours: str) -> tuple[list[dict[str, Any]], int]:
        """The records in an answer and the total number of rows, numbers kept as text."""
        try:
            answer = json.loads(
                response.content, parse_float=str, parse_int=str, parse_constant=str
            )
        except ValueError as error:
            raise SourceError(
                f"{self.url} answered something that is no JSON for {hours} ({error}): "
                f"{_message(response)!r}. Check ENERGY_API_URL, or try again later."
            ) from None
        try:
            records, total = answer["records"], int(answer["total"])
        except (KeyError, TypeError, ValueError):
            records, total = None, 0
        if not isinstance(records, list) or not all(isinstance(row, dict) for row in records):
            raise SourceError(
                f"{self.url} answered JSON for {hours} that is no {{'total': ..., 'records': "
                f"[...]}}: {_message(response)!r}. Check ENERGY_API_URL; the API may have changed."
            )
        return records, total


def _wait(state: RetryCallState) -> float:
    """Seconds to the next attempt: exponential backoff with jitter, or longer if so asked."""
    fault = state.outcome.exception() if state.outcome else None
    asked = fault.retry_after if isinstance(fault, _TransientError) else None
    return max(_BACKOFF(state), asked or 0.0)


def _retry_after(response: httpx.Response, now: datetime) -> float | None:
    """Seconds that `Retry-After` asks to wait, given as seconds or as a date (RFC 9110, 10.2.3)."""
    header = response.headers.get("Retry-After", "").strip()
    if header.isdecimal():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return None
    if until.tzinfo is not None:
        until = until.astimezone(timezone.utc).replace(tzinfo=None)
    return max(0.0, (until - now).total_seconds())


def _message(response: httpx.Response) -> str:
    """What the body says, shortened: the `message` of a JSON object, or the text."""
    text = " ".join(response.text.split())
    with suppress(KeyError, TypeError, ValueError):
        text = str(json.loads(text)["message"])
    return text if len(text) <= 200 else f"{text[:200]}..."


def _text(value: Any) -> str | None:
    """A JSON value as text; None stays None."""
    return value if value is None or isinstance(value, str) else json.dumps(value)
