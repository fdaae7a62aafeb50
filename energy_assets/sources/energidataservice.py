"""Records from the live API of Energi Data Service (Energinet, Denmark).

The client asks in UTC. It reads pages in a complete sort order, because the rows of an hour come in
no stable order. It retries transient failures, waits as long as the server asks, and finally gives
up with advice. What it cannot understand within a record it hands on as text.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import httpx
import pandas as pd

from energy_assets.errors import NoDataError, SettingsError, SourceError
from energy_assets.settings import Settings, utc_now
from energy_assets.sources.download import download
from energy_assets.sources.pages import Record, read_page
from energy_assets.sources.profiles import DatasetProfile
from energy_assets.sources.retries import GaveUpError, TransientError, retried
from energy_assets.sources.source import MAX_COLUMNS, describe_span, listed
from energy_assets.sources.times import utc_times

_STOPPED_AFTER = timedelta(days=30)
"""Live data sets are up to three weeks late. A data set that is later than this has stopped."""

_ROWS_FOR_EXTREME = 100
"""Rows to find the oldest or newest hour in, since the time of the very first may be unreadable."""


def open_energidataservice(settings: Settings, profile: DatasetProfile) -> EnergiDataService:
    """The API at ENERGY_API_URL."""
    return EnergiDataService(settings.energy_api_url, profile)


@dataclass(frozen=True)
class EnergiDataService:
    """The live API as a source. `sleep` and `now` are for tests."""

    api_url: str
    profile: DatasetProfile
    timeout: float = 60.0
    """An attempt fails after this many seconds without a response."""
    page_size: int = 50_000
    """Rows in a request. The limit is not documented; some clients use up to 100,000."""
    wait_budget: float = 600.0
    """Seconds for one request, with all attempts and the waits between them."""
    max_bytes: int = 32 * 1024**2
    """The most that a page may have. A record has about 150 bytes, so a full page has 8 MB."""
    max_pages: int = 1000
    """The most pages of a range. Full pages would hold decades of the largest data set."""
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = utc_now
    name: str = "energidataservice"
    _extremes: dict[str, datetime] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.api_url.startswith(("http://", "https://")):
            raise SettingsError(
                f"ENERGY_API_URL {self.api_url!r} is not an address. Set it to one such as "
                "https://api.energidataservice.dk"
            )

    @property
    def url(self) -> str:
        """The address of the data set."""
        return f"{self.api_url.rstrip('/')}/dataset/{self.profile.dataset}"

    def fetch(self, start: datetime, end: datetime) -> pd.DataFrame:
        """The records of the hours [start, end): see `Source.fetch`."""
        hours = describe_span(start, end)
        window = {"start": f"{start:%Y-%m-%dT%H:%M}", "end": f"{end:%Y-%m-%dT%H:%M}"}
        records = self._all_pages(window, hours)
        if not records:
            self._require_coverage(start, end)
        return self._frame(records, hours)

    def oldest_hour(self) -> datetime:
        """The first hour that the API has; requested once and remembered."""
        return self._extreme_hour("asc")

    def newest_hour(self) -> datetime:
        """The last hour that the API has; requested once and remembered, as runs are short."""
        return self._extreme_hour("desc")

    def _extreme_hour(self, direction: str) -> datetime:
        """The first hour in sort direction `asc` or `desc`."""
        if direction in self._extremes:
            return self._extremes[direction]
        purpose = "the oldest hour" if direction == "asc" else "the newest hour"
        sort = f"{self.profile.time_column} {direction}"
        limit = str(_ROWS_FOR_EXTREME)
        records, _ = self._page({"limit": limit, "sort": sort, "timezone": "UTC"}, purpose)
        if not records:
            raise NoDataError(f"{self.url} holds no records. Choose another ENERGY_DATASET.")
        frame = self._frame(records, purpose)
        readable = frame[utc_times(frame[self.profile.time_column]).notna()]
        hours = self.profile.hours(readable if len(readable) else frame)
        self._extremes[direction] = hours.iloc[0].to_pydatetime()
        return self._extremes[direction]

    def _require_coverage(self, start: datetime, end: datetime) -> None:
        """Raise NoDataError if the hours are after or before what the data set has."""
        nothing = f"{self.url} has nothing of {describe_span(start, end)}"
        newest = self.newest_hour()
        if start > newest:
            lateness = self.now() - newest
            delay = f"DAYS_DELAY={math.ceil(lateness / timedelta(days=1))}"
            advice = (
                "The data set seems to have stopped. Choose another ENERGY_DATASET, or set "
                f"{delay} to replay its last hours as if they were live."
                if lateness > _STOPPED_AFTER
                else f"They are not published yet. Wait, or set {delay}."
            )
            raise NoDataError(
                f"{nothing}; its newest hour is {newest:%Y-%m-%d %H:%M} UTC. {advice}",
                newest=newest,
            )
        oldest = self.oldest_hour()
        if end <= oldest:
            raise NoDataError(
                f"{nothing}; its oldest hour is {oldest:%Y-%m-%d %H:%M} UTC. Choose later hours, "
                "or set PARTITIONS_START to that hour or a later one."
            )

    def _all_pages(self, window: dict[str, str], hours: str) -> list[Record]:
        """The records of all pages, in order; SourceError if the data changed between pages."""
        query = {
            **window,
            "timezone": "UTC",
            "sort": ",".join(f"{column} asc" for column in self.profile.key_columns),
            "limit": str(self.page_size),
        }
        records, total = self._page({**query, "offset": "0"}, hours)
        keys = {self._key(record) for record in records}
        pages = 1
        while len(records) < total:
            if pages == self.max_pages:
                raise SourceError(
                    f"{self.url} gave {len(records)} of {total} rows for {hours} in {pages} pages, "
                    "which is too slow. Ask for fewer hours at a time."
                )
            page, new_total = self._page({**query, "offset": str(len(records))}, hours)
            pages += 1
            page_keys = {self._key(record) for record in page}
            # If a record is published twice, its key may be the last of one page and the first of
            # the next. Any other repeated key shows that rows moved between the requests.
            repeated = keys.intersection(page_keys) - {self._key(records[-1])}
            if new_total != total or repeated or keys.issuperset(page_keys):
                raise SourceError(
                    f"{self.url} changed while {hours} was read in pages: after {len(records)} of "
                    f"{total} rows came {len(page)} rows, {len(repeated)} of them repeated, and a "
                    f"total of {new_total}. Run these hours again."
                )
            keys |= page_keys
            records += page
        if len(records) > total:
            raise SourceError(
                f"{self.url} returned {len(records)} rows for {hours}, but gives their total as "
                f"{total}. Run these hours again."
            )
        return records

    def _key(self, record: Record) -> tuple[str | None, ...]:
        return tuple(record.get(column) for column in self.profile.key_columns)

    def _frame(self, records: list[Record], hours: str) -> pd.DataFrame:
        """Records as a frame; raises SourceError if they have not the profile's columns."""
        published = list(dict.fromkeys(column for record in records for column in record))
        missing = [column for column in self.profile.columns if column not in published]
        if records and (missing or len(published) > MAX_COLUMNS):
            fault = f"without {', '.join(missing)}" if missing else f"of over {MAX_COLUMNS} columns"
            raise SourceError(
                f"{self.url} returned records for {hours} {fault}; they have "
                f"{listed(published)}. The data set has changed: choose another "
                "ENERGY_DATASET, or adapt its profile."
            )
        columns = published or list(self.profile.columns)
        rows = [[record.get(column) for column in columns] for record in records]
        return pd.DataFrame(rows, columns=columns, dtype=object)

    def _page(self, query: dict[str, str], hours: str) -> tuple[list[Record], int]:
        """One page and the total number of rows, with retries within the budget."""
        try:
            return retried(
                partial(self._attempt, query, hours), budget=self.wait_budget, sleep=self.sleep
            )
        except GaveUpError as error:
            attempts, failure = error.attempts, error.failure
        advice = "Check the network and ENERGY_API_URL, or try again later."
        if failure.retry_after is not None:
            retry_at = self.now() + timedelta(seconds=failure.retry_after)
            advice = f"The server asks to try again at {retry_at:%Y-%m-%d %H:%M:%S} UTC."
        raise SourceError(
            f"{self.url} gave no answer for {hours} in {attempts} attempt(s). The last failure: "
            f"{failure}. {advice}"
        ) from failure

    def _attempt(
        self, query: dict[str, str], hours: str, seconds: float
    ) -> tuple[list[Record], int]:
        """One request, given up after `seconds`."""
        try:
            answer = download(
                self.url, query, timeout=self.timeout, seconds=seconds, max_bytes=self.max_bytes
            )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise SettingsError(
                f"ENERGY_API_URL {self.api_url!r} cannot be used: {error}"
            ) from None
        except httpx.TransportError as error:
            raise TransientError(f"{type(error).__name__}: {error}") from error
        except httpx.RequestError as error:
            raise SourceError(
                f"{self.url} cannot be read for {hours}: {error}. Check ENERGY_API_URL."
            ) from error
        if answer.status == 429 or answer.status >= 500:
            raise TransientError(
                f"HTTP {answer.status}: {answer.message()}", answer.retry_after(self.now())
            )
        if answer.status != 200:
            advice = "Check ENERGY_API_URL and ENERGY_DATASET."
            if answer.status == 404:
                advice = f"There is no ENERGY_DATASET {self.profile.dataset}: choose another."
            raise SourceError(
                f"{self.url} refused the request for {hours}: HTTP {answer.status}: "
                f"{answer.message()}. {advice}"
            )
        try:
            return read_page(answer.content)
        except ValueError as error:
            raise SourceError(
                f"{self.url} answered for {hours} with {error}: {answer.message()!r}. Check "
                "ENERGY_API_URL, or try again later. The API may have changed."
            ) from None
