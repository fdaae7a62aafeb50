"""The sensors: every recent hour and every new model gets its forecast, and gaps are repaired.

They look at what is stored, not at which run should have stored it, so it does not matter how an
hour came to be without its forecast or its rows.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import dagster as dg
from pydantic import BaseModel

from energy_assets.automation.jobs import prediction_job, range_tags, repair_job
from energy_assets.automation.missing_forecasts import (
    covered_by_a_run,
    has_failed,
    unforecast_models,
)
from energy_assets.contract.completeness import hours_to_repair, ranges, row_counts
from energy_assets.errors import EnergyAssetsError
from energy_assets.forecasts.missing import hours_without_forecast, needs_publication
from energy_assets.partitions import (
    HOUR,
    HOURS_LOADED_AT_ONCE,
    due,
    hour_of,
    hourly,
    key_of,
    window_of,
)
from energy_assets.settings import Settings, utc_now
from energy_assets.sources import Source
from energy_assets.stores.feature_store import FeatureStore
from energy_assets.stores.object_store import ObjectStore

ASK_AGAIN = timedelta(minutes=10)
"""How long after a request a forecast that is still missing is requested again."""

WAIT_FOR_ROWS = timedelta(minutes=10)
"""How long the forecast of an hour without rows waits for them: repair may be loading them."""

REPAIR_AGAIN = timedelta(hours=6)
"""How long after a request a gap that is still open is requested again."""

MOST_RUNS = 4
"""Runs that a tick requests at most; the next tick goes on."""

MOST_HOURS = 24
"""Hours that a run forecasts at most."""


class ForecastCursor(BaseModel):
    """What the forecast sensor remembers between ticks."""

    model_event: int = 0
    """The newest event of a new model that was handled."""
    missing_since: dict[str, datetime] = {}
    """Partitions without a forecast -> when that was first seen."""
    requested_at: dict[str, datetime] = {}
    """Partitions without a forecast -> when one was last requested."""


@dg.sensor(
    job=prediction_job,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests the forecast of every recent hour and new model that has none",
)
def forecast_sensor(
    context: dg.SensorEvaluationContext,
    settings: dg.ResourceParam[Settings],
    feature_store: dg.ResourceParam[FeatureStore],
    object_store: dg.ResourceParam[ObjectStore],
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Make sure that the last `CATCH_UP_HOURS` hours have forecasts, and every new model too.

    The newest hour is left to the hourly schedule until its run has ended, or the forecast is late.
    Older hours are requested oldest first, a few runs per tick, once they have rows or repair has
    had time to load them. Hours before the first row cannot be forecast and are left out.
    """
    newest_key = hourly.get_last_partition_key()
    if newest_key is None:
        yield dg.SkipReason("there is no partition yet")
        return
    cursor = ForecastCursor.model_validate_json(context.cursor) if context.cursor else None
    cursor = cursor or ForecastCursor()
    now, newest = utc_now(), hour_of(newest_key)

    requests = 0
    for key, version, event in unforecast_models(context, cursor.model_event):
        if version is not None:
            requests += 1
            yield dg.RunRequest(run_key=f"{key}/{version}/{event}", partition_key=key)
        cursor.model_event = event

    missing = hours_without_forecast(object_store, newest, settings.catch_up_hours)
    since = {key_of(hour): cursor.missing_since.get(key_of(hour), now) for hour in missing}
    requested_at = {key: at for key, at in cursor.requested_at.items() if key in since}
    covered = covered_by_a_run(context.instance) if missing else set()
    candidates = [
        hour
        for hour in missing
        if now - requested_at.get(key_of(hour), datetime.min) >= ASK_AGAIN
        and (hour == newest or key_of(hour) not in covered)
        and (hour < newest or _needs_request(context.instance, newest, settings, now))
    ]
    present = _hours_with_rows(feature_store, candidates, settings) if candidates else None

    def has_history(hour: datetime) -> bool:
        if present is None:  # the feature store does not answer; the last forecast is carried over
            return True
        if not present or hour < min(present):
            return False
        return hour in present or hour == newest or now - since[key_of(hour)] >= WAIT_FOR_ROWS

    ready = [hour for hour in candidates if has_history(hour)]
    for first, last in ranges(ready, MOST_HOURS)[:MOST_RUNS]:
        requests += 1
        yield dg.RunRequest(
            run_key=f"{key_of(first)}/{key_of(last)}/{now.isoformat()}",
            tags=range_tags(first, last),
        )
        hours = [hour for hour in ready if first <= hour <= last]
        requested_at |= dict.fromkeys(map(key_of, hours), now)
    if not requests and (origin := needs_publication(object_store, newest)) is not None:
        key = key_of(origin)
        if key not in covered_by_a_run(context.instance):
            requests += 1
            yield dg.RunRequest(run_key=f"publish/{key}/{now:%Y-%m-%dT%H}", partition_key=key)
    cursor = ForecastCursor(
        model_event=cursor.model_event, missing_since=since, requested_at=requested_at
    )
    context.update_cursor(cursor.model_dump_json())
    if not requests:
        yield dg.SkipReason(
            f"{len(missing)} of the last {settings.catch_up_hours} hours have no forecast; no new "
            "request is due"
        )


def _needs_request(
    instance: dg.DagsterInstance, newest: datetime, settings: Settings, now: datetime
) -> bool:
    """Whether the forecast of the newest hour has to be requested.

    Its hourly run makes it, unless that run has ended without one. Once the forecast is late, only
    another run of the forecast alone is waited for.
    """
    key = key_of(newest)
    late = due(newest, settings.days_delay) + timedelta(minutes=settings.forecast_grace_minutes)
    if now > late:
        return key not in covered_by_a_run(instance, prediction_job.name)
    return has_failed(instance, key)


def _hours_with_rows(
    feature_store: FeatureStore, hours: list[datetime], settings: Settings
) -> set[datetime] | None:
    """The hours with rows in the training windows of `hours`; None if the store cannot say."""
    start, _ = window_of(hours[0], settings.days_export)
    try:
        counts = row_counts(feature_store, start, hours[-1] + HOUR)
    except EnergyAssetsError:
        return None
    return {hour.to_pydatetime() for hour in counts.index[counts > 0]}


@dg.sensor(
    job=repair_job,
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests the hours of the training window that are missing or incomplete",
)
def gap_repair_sensor(
    context: dg.SensorEvaluationContext,
    settings: dg.ResourceParam[Settings],
    source: dg.ResourceParam[Source],
    feature_store: dg.ResourceParam[FeatureStore],
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Request runs for the gaps of the training window, each over a range of hours.

    The newest hour is left to the hourly schedule. Gaps are requested oldest first, a few runs per
    tick. A gap that stays open is requested again after six hours.
    """
    newest_key = hourly.get_last_partition_key()
    if newest_key is None:
        yield dg.SkipReason("there is no partition yet")
        return
    start, _ = window_of(hour_of(newest_key), settings.days_export)
    start = max(start, hourly.start.replace(tzinfo=None))
    recent = hour_of(newest_key) - settings.catch_up_hours * HOUR
    gaps = hours_to_repair(feature_store, start, hour_of(newest_key), incomplete_since=recent)
    now = utc_now()
    requested_at = json.loads(context.cursor) if context.cursor else {}
    recently = {
        key: time
        for key, time in requested_at.items()
        if now - datetime.fromisoformat(time) < REPAIR_AGAIN
    }
    due_gaps = [hour for hour in gaps if key_of(hour) not in recently]
    if due_gaps:
        # Asked only now, because the source may be a remote API.
        oldest, newest = source.oldest_hour(), source.newest_hour()
        due_gaps = [hour for hour in due_gaps if oldest <= hour <= newest]
    requested = ranges(due_gaps, HOURS_LOADED_AT_ONCE)[:MOST_RUNS]
    for first, last in requested:
        yield dg.RunRequest(
            run_key=f"{key_of(first)}/{key_of(last)}/{now.isoformat()}",
            tags=range_tags(first, last),
        )
        hours = [hour for hour in due_gaps if first <= hour <= last]
        recently |= dict.fromkeys(map(key_of, hours), now.isoformat())
    context.update_cursor(json.dumps(recently))
    if not requested:
        yield dg.SkipReason(f"{len(gaps)} hours of the training window have gaps; none is due")
