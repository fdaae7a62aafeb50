"""`make status`: how things stand, on one screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg
import pandas as pd

from energy_assets.automation.missing_forecasts import (
    UNFINISHED,
    hours_without_forecast,
    needs_publication,
)
from energy_assets.commands.deployment import Deployment
from energy_assets.commands.terminal import console, scored_forecasts
from energy_assets.contract.completeness import hours_to_repair, ranges
from energy_assets.forecasts.publishing import read_published
from energy_assets.forecasts.scoring import errors_by_horizon
from energy_assets.forecasts.time_limit import within
from energy_assets.partitions import DAY, HOUR, WEEK, due, hour_of, hourly, key_of, window_of
from energy_assets.settings import utc_now

PATIENCE = 20.0
"""Seconds to wait for each part; a store that does not answer hides only its own lines."""


@dataclass(frozen=True)
class Line:
    """A line of the screen."""

    label: str
    text: str
    advice: str = ""
    """What a person has to do; empty if nothing."""


def status(deployment: Deployment, patience: float = PATIENCE) -> bool:
    """Print how things stand; returns whether nothing is left to a person.

    Each part may take `patience` seconds.
    """
    newest_key = hourly.get_last_partition_key()
    newest = hour_of(newest_key) if newest_key else hourly.start.replace(tzinfo=None)
    console.print(f"[bold]{deployment}[/bold], {utc_now():%Y-%m-%d %H:%M} UTC")
    healthy = True
    for part in (_rows, _forecast, _model, _scores, _gaps, _runs):
        for line in _lines(part, deployment, newest, patience):
            healthy &= not line.advice
            style = "yellow" if line.advice else ""
            console.print(f"{line.label:<10} {line.text}", style=style)
            if line.advice:
                console.print(f"{'':<10} -> {line.advice}", style="yellow")
    console.print(
        "[green]Nothing is left to do.[/green]"
        if healthy
        else "The lines with an arrow need a person; everything else is taken care of."
    )
    return healthy


_Part = Callable[[Deployment, datetime], Iterable[Line]]


def _lines(part: _Part, deployment: Deployment, newest: datetime, patience: float) -> list[Line]:
    """The lines of a part, or one that says why there are none."""
    try:
        return within(patience, lambda: list(part(deployment, newest)))
    except Exception as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        return [Line(part.__name__.strip("_"), "unknown", reason)]


def _rows(deployment: Deployment, newest: datetime) -> Iterable[Line]:
    """The newest hour with rows, and how late it is."""
    start, end = window_of(newest, deployment.settings.days_export)
    rows = deployment.feature_store.read(start, end)
    if rows.empty:
        yield Line("rows", "none in the training window", "run `make run`, which loads them")
        return
    last = rows["datetime_utc"].max().to_pydatetime()
    late = (newest - last) // HOUR
    text = f"newest hour {key_of(last)}, " + (f"{late} hours late" if late else "on time")
    yield Line("rows", text)


def _forecast(deployment: Deployment, newest: datetime) -> Iterable[Line]:
    """The published forecast, and recent hours without one."""
    settings, objects = deployment.settings, deployment.object_store
    published = read_published(objects)
    if published is None:
        yield Line("forecast", "none has been published", "run `make run`")
        return
    late = published.made_at - due(published.origin, settings.days_delay)
    behind = (newest - published.origin) // HOUR
    made = f"made {published.made_at:%Y-%m-%d %H:%M}, {_duration(late)} after it was due"
    yield Line("forecast", f"from {key_of(published.origin)}, {published.quality}, {made}")
    if (unpublished := needs_publication(objects, newest)) is not None:
        yield Line("", f"the one from {key_of(unpublished)} is stored, and about to be published")
    grace = timedelta(minutes=settings.forecast_grace_minutes)
    overdue = utc_now() > due(newest, settings.days_delay) + grace
    missing = hours_without_forecast(objects, newest, settings.catch_up_hours)
    if missing and (len(missing) > 1 or overdue):
        yield Line(
            "",
            f"{len(missing)} of the last {settings.catch_up_hours} hours have none",
            "keep `make dev` running, whose sensor makes them"
            if behind > 1
            else "if this stays, look at the failed runs in the UI (make dev)",
        )


def _model(deployment: Deployment, newest: datetime) -> Iterable[Line]:
    """The newest model that may be used."""
    oldest = newest - timedelta(hours=deployment.settings.model_max_age_hours)
    model = next(iter(deployment.model_registry.promoted(newest, oldest)), None)
    if model is None:
        yield Line(
            "model",
            f"none of the last {deployment.settings.model_max_age_hours} hours passed its gate",
            "the newest model says why in the UI (make dev); if there is none, run `make run`",
        )
        return
    mase = model.metrics.get("mase")
    score = "" if mase is None else f", MASE {mase:.3f} on days it had not seen"
    yield Line("model", f"{model.version}{score}")


def _scores(deployment: Deployment, newest: datetime) -> Iterable[Line]:
    """MAPE of the last day and week, beside both seasonal naives."""
    for name, span in (("day", DAY), ("week", WEEK)):
        scored = scored_forecasts(deployment, newest - span + HOUR, newest)
        if scored.empty:
            yield Line("scores", f"last {name}: nothing was scored")
            continue
        first = scored["datetime_utc"].min()
        observed = deployment.feature_store.read(first - WEEK, newest + HOUR)
        errors = errors_by_horizon(scored, observed).mean()
        beside = (f"{label} {errors[column]:.1%}" for label, column in _NAIVES)
        yield Line("scores", f"last {name}: MAPE {errors['forecast']:.1%}; {', '.join(beside)}")


_NAIVES = (
    ("same hour yesterday", "seasonal_naive_24"),
    ("same hour last week", "seasonal_naive_168"),
)


def _gaps(deployment: Deployment, newest: datetime) -> Iterable[Line]:
    """Hours of the training window that gap repair will ask for."""
    settings = deployment.settings
    start, _ = window_of(newest, settings.days_export)
    start = max(start, hourly.start.replace(tzinfo=None))
    gaps = hours_to_repair(
        deployment.feature_store, start, newest, newest - settings.catch_up_hours * HOUR
    )
    spans = [
        key_of(first) if first == last else f"{key_of(first)} to {key_of(last)}"
        for first, last in ranges(gaps)
    ]
    shown = ", ".join(spans[:2]) + (" ..." if len(spans) > 2 else "")
    hours = "hour lacks" if len(gaps) == 1 else "hours lack"
    yield Line("gaps", f"{len(gaps)} {hours} rows: {shown}" if gaps else "none")


def _runs(_: Deployment, __: datetime) -> Iterable[Line]:
    """Runs in progress, and those that failed in the last day."""
    with dg.DagsterInstance.get() as instance:
        going = instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED), limit=20)
        since = pd.Timestamp(utc_now() - DAY, tz="UTC").to_pydatetime()
        failed = instance.get_run_records(
            dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], created_after=since), limit=20
        )
    jobs = ", ".join(sorted({record.dagster_run.job_name for record in going}))
    yield Line("runs", f"{len(going)} in progress: {jobs}" if going else "none in progress")
    if failed:
        jobs = ", ".join(sorted({record.dagster_run.job_name for record in failed}))
        yield Line("", f"{len(failed)} failed in the last day: {jobs}")


def _duration(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
