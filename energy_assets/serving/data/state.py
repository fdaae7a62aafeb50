"""How things stand: how late the newest forecast is, what is missing, and what that means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from energy_assets.contract.completeness import LOOKBACK, ranges
from energy_assets.forecasts.missing import hours_without_forecast, needs_publication
from energy_assets.forecasts.publishing import Published
from energy_assets.partitions import HOUR, due, hour_of, hourly
from energy_assets.serving.data.observations import Observations
from energy_assets.serving.data.snapshot import Snapshot
from energy_assets.settings import Settings
from energy_assets.stores.object_store import ObjectStore

RUNGS: Mapping[str, str] = {
    "without_weather": "The weather ahead was not known. This forecast was made without it, and "
    "may be a little less accurate.",
    "previous_model": "The newest model could not be used. An earlier one made this forecast, "
    "which may be a little less accurate.",
    "baseline": "No model could be used. This forecast repeats last week's values, and is less "
    "accurate than usual.",
    "carried_over": "The latest measurements could not be read. This is the forecast before, "
    "carried on, and is less accurate than usual.",
}
"""What a planner has to know when another rung than the model of the hour made the forecast."""


@dataclass(frozen=True)
class Message:
    """Something that whoever looks at the numbers has to know."""

    level: Literal["info", "warning", "error"]
    text: str


@dataclass(frozen=True)
class State:
    """How things stand at a time."""

    now: datetime
    newest_hour: datetime
    """The newest hour that can have been observed."""
    published: Published
    late: timedelta
    """How long after it was due the published forecast was made."""
    behind: int
    """How many hours there could be a newer forecast for."""
    missing_forecasts: Sequence[datetime]
    unpublished: datetime | None
    gaps: Sequence[tuple[datetime, datetime]]
    newest_observation: datetime | None
    messages: Sequence[Message] = field(default_factory=tuple)


def newest_hour() -> datetime:
    """The newest partition's hour."""
    key = hourly.get_last_partition_key()
    return hour_of(key) if key else hourly.start.replace(tzinfo=None)


def state_of(
    snapshot: Snapshot,
    objects: ObjectStore,
    settings: Settings,
    now: datetime,
    failing_since: datetime | None,
) -> State:
    """How things stand, from what is stored. Raises StorageError if it cannot be read."""
    published, newest = snapshot.published, newest_hour()
    # An hour is not late before its forecast is due and the grace is over.
    grace = timedelta(minutes=settings.forecast_grace_minutes)
    overdue = newest if now > due(newest, settings.days_delay) + grace else newest - HOUR
    behind = max((overdue - published.origin) // HOUR, 0)
    missing: list[datetime] = []
    unpublished = None
    if failing_since is None:  # otherwise it would be waited for, and the message says why
        missing = hours_without_forecast(objects, newest, settings.catch_up_hours)
        unpublished = needs_publication(objects, newest)
    since = newest - settings.catch_up_hours * HOUR
    return State(
        now=now,
        newest_hour=newest,
        published=published,
        late=snapshot.late,
        behind=behind,
        missing_forecasts=[hour for hour in missing if hour <= overdue],
        unpublished=unpublished,
        gaps=ranges(hours_with_gaps(snapshot.observations, since)),
        newest_observation=snapshot.observations.newest,
        messages=messages(published, behind, snapshot.observations.newest, failing_since),
    )


def hours_with_gaps(observations: Observations, incomplete_since: datetime) -> list[datetime]:
    """The hours without observations, and those since `incomplete_since` that lack a series.

    A series is lacking if it was observed in any of these hours or in the `LOOKBACK` before them,
    which is the rule of gap repair.
    """
    if not observations.values.size:
        return []
    observed, hours = np.isfinite(observations.values), observations.hours
    since = np.datetime64(incomplete_since, "h")
    expected = observed[:, hours >= since - np.timedelta64(LOOKBACK)].any(axis=1)
    lacking = ~observed[expected].all(axis=0) & (hours >= since)
    first = hourly.start.replace(tzinfo=None)
    found = hours[lacking | ~observed.any(axis=0)].astype(datetime)
    return [hour for hour in found.tolist() if hour >= first]


def messages(
    published: Published,
    behind: int,
    newest_observation: datetime | None,
    failing_since: datetime | None,
) -> list[Message]:
    """What a planner has to know, the most important first."""
    found = []
    if failing_since is not None:
        found.append(
            Message(
                "error",
                f"The store of the forecasts has not answered since {failing_since:%H:%M} UTC. "
                "These are the last numbers that could be read.",
            )
        )
    if behind:
        hours = "hour" if behind == 1 else "hours"
        found.append(
            Message(
                "error" if behind > 3 else "warning",
                f"The forecast is {behind} {hours} late: it knows the consumption up to "
                f"{published.origin:%Y-%m-%d %H:%M} UTC.",
            )
        )
    if (text := RUNGS.get(published.quality)) is not None:
        found.append(Message("warning", text))
    if newest_observation is not None:
        late = (published.origin - newest_observation) // HOUR
        if late > 0:
            hours = "hour" if late == 1 else "hours"
            found.append(
                Message(
                    "warning",
                    f"Measurements are late: the last {late} {hours} before it have none.",
                )
            )
    if published.source == "simulator":
        found.append(Message("info", "These numbers are simulated. They are not real consumption."))
    return found
