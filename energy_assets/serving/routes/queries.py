"""The parameters of the routes, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from http import HTTPStatus
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from energy_assets.partitions import HORIZON
from energy_assets.serving.answers import Format, Layout
from energy_assets.serving.problems import ProblemError, unusable

FIRST_YEAR, LAST_YEAR = 1970, 2200
LARGEST_PAGE = 10_000
LARGEST_ANSWER = 1_000_000
"""Rows in one answer."""


_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _as_utc(time: datetime) -> datetime:
    """Naive UTC; a time without an offset counts as UTC."""
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise ValueError(f"use a year from {FIRST_YEAR} to {LAST_YEAR}")
    return time if time.tzinfo is None else time.astimezone(timezone.utc).replace(tzinfo=None)


def _is_text_time(value: Any) -> Any:
    # Pydantic would take a number for seconds since 1970.
    if isinstance(value, str) and value.lstrip("+-").replace(".", "").isdigit():
        raise ValueError("write the time as 2026-11-25T06:00:00Z")
    return value


def _is_text_day(value: Any) -> Any:
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError("write the day as 2026-11-25")
    return value


def _unless_latest(value: Any) -> Any:
    return None if value == "latest" else _is_text_time(value)


def _is_hour(time: datetime) -> datetime:
    if time.minute or time.second or time.microsecond:
        raise ValueError("use a full hour, such as 2026-11-25T06:00:00Z")
    return time


def _as_probabilities(value: Any) -> Any:
    """`0.05,0.95` as numbers."""
    texts = [part for item in value for part in str(item).split(",")] if value else []
    if len(texts) > 99:
        raise ValueError("ask for at most 99 quantiles")
    try:
        return [float(text) for text in texts]
    except ValueError:
        raise ValueError("write probabilities such as 0.05,0.95") from None


Day = Annotated[date, BeforeValidator(_is_text_day)]
Time = Annotated[datetime, BeforeValidator(_is_text_time), AfterValidator(_as_utc)]
Hour = Annotated[Time, AfterValidator(_is_hour)]
Latest = BeforeValidator(_unless_latest)
"""Lets a time be `latest`, which is the default."""
Code = Annotated[str, Field(max_length=100)]
Probability = Annotated[float, Field(ge=0.01, le=0.99)]

_TIME: dict[str, Any] = {"examples": ["2026-11-25T06:00:00Z"]}


class Query(BaseModel):
    """Parameters of every table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Format | None = Field(None, description="Form of the answer; default: what Accept asks")
    layout: Layout = Field("rows", description="JSON as a list of rows, or as lists by column")


class SeriesQuery(Query):
    """Which series, and which page of them."""

    area: list[Code] = Field([], max_length=500, description="Only these areas")
    consumer_type: list[Code] = Field([], max_length=500, description="Only these consumer types")
    limit: int = Field(LARGEST_PAGE, ge=1, le=LARGEST_PAGE, description="Series on a page")
    offset: int = Field(0, ge=0, le=10_000_000, description="Series before the page")


Sum = Literal["total", "area", "consumer_type"]


class RangeQuery(SeriesQuery):
    """Which hours."""

    sum: Sum | None = Field(
        None,
        description="Add up the selected series: all of them, those of each area, or those of each "
        "consumer type",
    )
    start: Time | None = Field(None, description="First hour", json_schema_extra=_TIME)
    end: Time | None = Field(
        None, description="End, which is not included", json_schema_extra=_TIME
    )
    day: Day | None = Field(
        None, description="A local day of the data set, which may have 23 or 25 hours"
    )

    def hours(self, timezone: str, start: datetime, end: datetime) -> tuple[datetime, datetime]:
        """The range asked for as [start, end), with these defaults.

        Raises ProblemError (422) if there is no such range.
        """
        if self.day is not None:
            if self.start or self.end:
                raise unusable("day", "give either a day, or start and end")
            return _local_day(self.day, timezone)
        start, end = self.start or start, self.end or end
        if start >= end and (self.start or self.end):
            raise unusable("end", "the end has to be after the start")
        return _ceiling(start), _ceiling(end)


class ForecastQuery(RangeQuery):
    """Which forecast, and what beside it."""

    origin: Annotated[Hour | None, Latest] = Field(
        None,
        description="The forecast from this hour; default: the newest",
        json_schema_extra=_TIME,
    )
    as_of: Annotated[Time | None, Latest] = Field(
        None, description="What had been made by then; default: latest", json_schema_extra=_TIME
    )
    horizon: int | None = Field(
        None,
        ge=1,
        le=HORIZON,
        description="For each hour, the forecast that was issued this many hours before it",
    )
    quantiles: Annotated[list[Probability], BeforeValidator(_as_probabilities)] = Field(
        [],
        description="Probabilities from 0.01 to 0.99; each adds a column such as `q0.05`",
        examples=[["0.05,0.95"]],
    )
    threshold: float | None = Field(
        None,
        allow_inf_nan=False,
        description="kWh; adds `probability_above`, from 0.01 to 0.99",
    )
    history: int = Field(
        0, ge=0, le=2_160, description="Add this many hours up to the origin, and `observed`"
    )
    naives: bool = Field(False, description="Add both seasonal naives")
    local_time: bool = Field(False, description="Add `datetime_local`, with its offset")


class ObservationsQuery(RangeQuery):
    """Which observations."""

    as_of: Annotated[Time | None, Latest] = Field(
        None, description="As they were known then", json_schema_extra=_TIME
    )
    local_time: bool = Field(False, description="Add `datetime_local`, with its offset")


class MonitoringQuery(RangeQuery):
    """Which scores."""

    by: Literal["total", "series", "horizon", "day"] = Field(
        "total", description="One row for each; days are local days of the data set"
    )


class DocumentQuery(BaseModel):
    """No parameters at all."""

    model_config = ConfigDict(extra="forbid")


def check_size(series: int, hours: int) -> None:
    """Raise ProblemError (413) if an answer would have too many rows."""
    if series * hours > LARGEST_ANSWER:
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the answer would have {series * hours:,} rows, more than {LARGEST_ANSWER:,}: ask for "
            "fewer hours, or for fewer series with area=, consumer_type= or limit=",
        )


def local_times(hours: np.ndarray, timezone: str) -> np.ndarray:
    """UTC hours as local times with their offsets, such as `2026-10-25T02:00:00+01:00`."""
    zone = ZoneInfo(timezone)
    different, places = np.unique(hours, return_inverse=True)
    texts = [
        hour.astype("datetime64[s]")
        .astype(datetime)
        .replace(tzinfo=_UTC)
        .astimezone(zone)
        .isoformat()
        for hour in different
    ]
    return np.array(texts, dtype=object)[places.reshape(hours.shape)]


_UTC = timezone.utc


def _local_day(day: date, timezone_name: str) -> tuple[datetime, datetime]:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise unusable("day", f"use a year from {FIRST_YEAR} to {LAST_YEAR}")
    zone = ZoneInfo(timezone_name)
    midnights = [
        datetime.combine(date_, datetime.min.time(), zone).astimezone(_UTC).replace(tzinfo=None)
        for date_ in (day, day + timedelta(days=1))
    ]
    return midnights[0], midnights[1]


def _ceiling(time: datetime) -> datetime:
    """The first full hour at or after a time."""
    hour = time.replace(minute=0, second=0, microsecond=0)
    return hour if hour == time else hour + timedelta(hours=1)


def page_of(lines: Any, query: SeriesQuery) -> tuple[Any, bool]:
    """The lines on the page, an array or a list, and whether there are more."""
    last = query.offset + query.limit
    return lines[query.offset : last], len(lines) > last


def key_columns(
    labels: Sequence[tuple[str | None, str | None]], hours: np.ndarray
) -> dict[str, np.ndarray]:
    """The first columns of a table: every hour of each line."""
    codes = np.array([*labels, (None, None)], dtype=object)[:-1]
    return {
        "area": np.repeat(codes[:, 0], len(hours)),
        "consumer_type": np.repeat(codes[:, 1], len(hours)),
        "datetime_utc": np.tile(hours, len(labels)),
    }
