"""`make status`: how things stand, on one screen.

A line with an arrow needs a person, and makes the exit status 1. Everything else mends itself.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg
import pandas as pd
from rich.markup import escape

from energy_assets.assets import ASSETS
from energy_assets.automation.dead_runs import fail_dead_runs
from energy_assets.automation.missing_forecasts import MODEL, UNFINISHED
from energy_assets.commands.deployment import Deployment
from energy_assets.commands.terminal import console, scored_forecasts
from energy_assets.contract.completeness import hours_to_repair, ranges, row_counts
from energy_assets.forecasts.missing import hours_without_forecast, needs_publication
from energy_assets.forecasts.publishing import read_published
from energy_assets.forecasts.quality import MODEL as FROM_MODEL
from energy_assets.io_managers.config import POINTER as NEWEST_CONFIG
from energy_assets.partitions import DAY, HOUR, WEEK, due, hour_of, hourly, key_of, window_of
from energy_assets.settings import IS_CHECKOUT, typed, utc_now
from energy_assets.sources import GRACE_PERIOD
from energy_assets.time_limit import within

PATIENCE = 10.0
"""Seconds to wait for each part; a store that does not answer hides only its own lines."""

_RUN, _DEV = typed("run"), typed("dev")


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
    simulated = ": simulated data" if deployment.source.name == "simulator" else ""
    console.print(f"[bold]{deployment}{simulated}[/bold]")
    console.print(
        f"{'now':<10} {utc_now():%Y-%m-%d %H:%M} UTC; the newest hour is {key_of(newest)}"
    )
    healthy = True
    with ThreadPoolExecutor(len(_PARTS)) as pool:
        screen = pool.map(lambda part: _lines(part, deployment, newest, patience), _PARTS)
    for line in (line for lines in screen for line in lines):
        healthy &= not line.advice
        style = "yellow" if line.advice else ""
        console.print(f"{line.label:<10} {escape(line.text)}", style=style)
        if line.advice:
            console.print(f"{'':<10} -> {escape(line.advice)}", style="yellow")
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
    counts = row_counts(deployment.feature_store, start, end)
    if not counts.any():
        yield Line("rows", "none in the training window", f"run `{_RUN}`, which loads them")
        return
    last = counts.index[counts > 0].max().to_pydatetime()
    late = (newest - last) // HOUR
    text = f"newest hour {key_of(last)}, " + (f"{late} h late" if late else "on time")
    too_late = newest - last > GRACE_PERIOD
    yield Line("rows", text, f"look at the source and DAYS_DELAY; keep `{_DEV}` on" * too_late)


def _forecast(deployment: Deployment, newest: datetime) -> Iterable[Line]:
    """The published forecast, and recent hours without one."""
    settings, objects = deployment.settings, deployment.object_store
    published = read_published(objects)
    if published is None:
        yield Line("forecast", "none has been published", f"run `{_RUN}`")
        return
    late = published.made_at - due(published.origin, settings.days_delay)
    behind = (newest - published.origin) // HOUR
    lesser = published.quality != FROM_MODEL
    yield Line(
        "forecast",
        f"from {key_of(published.origin)}, {published.quality}, {published.model_version}",
        "no model of this hour made it: see the lines of the model and the runs" * lesser,
    )
    made = f"made {published.made_at:%Y-%m-%d %H:%M}, {_duration(late)} after it was due"
    grace = timedelta(minutes=settings.forecast_grace_minutes)
    yield Line("", f"{made}{' (late)' if late > grace else ''}; published")
    if (unpublished := needs_publication(objects, newest)) is not None:
        yield Line("", f"the one from {key_of(unpublished)} is stored, and about to be published")
    overdue = utc_now() > due(newest, settings.days_delay) + grace
    missing = hours_without_forecast(objects, newest, settings.catch_up_hours)
    if missing and (len(missing) > 1 or overdue):
        yield Line(
            "",
            f"no forecast for {len(missing)} of the last {settings.catch_up_hours} hours",
            f"keep `{_DEV}` running, whose sensor makes them"
            if behind > 1
            else f"if this stays, look at the failed runs in the UI ({_DEV})",
        )
    older = hours_without_forecast(objects, newest, settings.days_export * 24)
    older = [hour for hour in older if hour <= newest - settings.catch_up_hours * HOUR]
    if older:
        start, end = ("START=", "END=") if IS_CHECKOUT else ("--start ", "--end ")
        span = f"{start}{key_of(older[0])} {end}{key_of(older[-1])}"
        yield Line("", f"no forecast for {len(older)} of the hours before; if you want them,")
        yield Line("", f"{typed('backfill')} {span}")


def _model(deployment: Deployment, newest: datetime) -> Iterable[Line]:
    """The newest model that may be used."""
    oldest = newest - timedelta(hours=deployment.settings.model_max_age_hours)
    model = next(iter(deployment.model_registry.promoted(newest, oldest)), None)
    if model is None:
        yield Line(
            "model",
            f"none of the last {deployment.settings.model_max_age_hours} hours passed its gate",
            f"the newest model says why in the UI ({_DEV}); if there is none, run `{_RUN}`",
        )
        return
    mase = model.metrics.get("mase")
    score = "" if mase is None else f", MASE {mase:.3f} on days it had not seen"
    yield Line("model", f"{model.version}{score}")


def _training(deployment: Deployment, _: datetime) -> Iterable[Line]:
    """What became of the newest hour that was trained, and whether anything was tuned."""
    with _HOME, dg.DagsterInstance.get() as instance:
        # Not the last one that was made: a backfill trains old hours.
        hours = sorted(instance.get_materialized_partitions(MODEL))[-1:]
        records = dg.AssetRecordsFilter(MODEL, asset_partitions=hours)
        trained = instance.fetch_materializations(records, limit=1).records if hours else ()
    for record in trained:
        event = record.asset_materialization
        verdict = event.metadata.get("verdict") if event else None
        if verdict is not None:
            yield Line("", f"newest training: {record.partition_key}, {verdict.value}")
    objects = deployment.object_store
    # Projects of earlier releases have no pointer before their next search.
    if not objects.exists(NEWEST_CONFIG) and not objects.list("best_config"):
        yield Line(
            "tuning", "no tuned configuration", f"run `{typed('tune')}`, or `{_RUN}` does it"
        )


def _scores(deployment: Deployment, newest: datetime) -> Iterable[Line]:
    """MAPE of the last day and week, beside both seasonal naives."""
    for name, span in (("day", DAY), ("week", WEEK)):
        scored = scored_forecasts(deployment, newest - span + HOUR, newest)
        if scored.rows.empty:
            yield Line("scores", f"last {name}: nothing was scored")
            continue
        errors = scored.by_horizon.mean()
        beside = (f"{label} {errors[column]:.1%}" for label, column in _NAIVES)
        yield Line("scores", f"last {name}: MAPE {errors['forecast']:.1%}; {', '.join(beside)}")


_NAIVES = (
    ("yesterday's", "seasonal_naive_24"),
    ("last week's", "seasonal_naive_168"),
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
    """Runs in progress, those that have died, and those that failed in the last day."""
    with _HOME, dg.DagsterInstance.get() as instance:
        dead = fail_dead_runs(instance)
        going = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED), limit=20)
        since = pd.Timestamp(utc_now() - DAY, tz="UTC").to_pydatetime()
        failed = instance.get_runs(
            dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], created_after=since), limit=20
        )
        jobs = ", ".join(sorted({run.job_name for run in going}))
        yield Line("runs", f"{len(going)} in progress: {jobs}" if going else "none in progress")
        if dead:
            yield Line("", f"{len(dead)} had died and count as failed; what they stored is kept")
        for job in sorted({run.job_name for run in failed}):
            runs = [run for run in failed if run.job_name == job]
            # Runs end in any order, so that only the newest tells whether the job works now.
            ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
            newest = instance.get_runs(dg.RunsFilter(job_name=job, statuses=ended), limit=1)
            broken = newest[0].run_id == runs[0].run_id
            yield Line(
                "",
                f"{len(runs)} of {job} failed in the last day"
                + ("" if broken else "; it has succeeded since"),
                _first_error(instance, runs[0].run_id) if broken else "",
            )


def _checks(_: Deployment, __: datetime) -> Iterable[Line]:
    """Checks of assets whose newest result is an error."""
    keys = [
        key
        for asset in ASSETS
        if isinstance(asset, dg.AssetsDefinition)
        for key in asset.check_keys
    ]
    with _HOME, dg.DagsterInstance.get() as instance:
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    for key, record in found.items():
        event = record.event.dagster_event if record.event else None
        if event is None or event.event_type is not dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            continue  # a run has yet to make it
        result = event.asset_check_evaluation_data
        if not result.passed:
            serious = result.severity is dg.AssetCheckSeverity.ERROR
            yield Line(
                "check",
                f"{key.name} of {key.asset_key.to_user_string()} "
                + ("failed" if serious else "warns"),
                f"the asset's checks in the UI ({_DEV}) say why" * serious,
            )


def _disk(deployment: Deployment, _: datetime) -> Iterable[Line]:
    """The room that is left where the storage and pictures are."""
    folder = deployment.settings.storage_root
    while not folder.exists():
        folder = folder.parent
    disk = shutil.disk_usage(folder)
    full = disk.free < max(_LEAST_FREE * disk.total, 1e9)
    text = f"{disk.free / 1e9:,.0f} of {disk.total / 1e9:,.0f} GB free at STORAGE_ROOT"
    yield Line("disk", text, "make space: a full disk stops everything" * full)


_LEAST_FREE = 0.03
_HOME = threading.Lock()  # two that open a new DAGSTER_HOME at once break it
_PARTS = (_rows, _forecast, _model, _training, _scores, _gaps, _runs, _checks, _disk)


def _first_error(instance: dg.DagsterInstance, run_id: str) -> str:
    """The first line of the error at the root of a failed run."""
    failures = instance.get_records_for_run(
        run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=1
    ).records
    for record in failures:
        event = record.event_log_entry.dagster_event
        error = event.step_failure_data.error if event else None
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            name, colon, text = error.message.strip().partition("\n")[0].partition(": ")
            return name.rpartition(".")[2] + colon + text
    return f"see the run in the UI ({_DEV})"


def _duration(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
