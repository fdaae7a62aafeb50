"""What a person sees of a command in the terminal: progress, scores, files, a picture."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from energy_assets.commands.check_settings import check_settings as check
from energy_assets.commands.steps import (
    Step,
    execute,
    newest_origin,
    steps_to_forecast,
    steps_to_replay,
    steps_to_tune,
)
from energy_assets.definitions import build_defs, defs
from energy_assets.errors import ShortHistoryError
from energy_assets.partitions import HORIZON, HOUR, key_of, window_of
from energy_assets.schemas import SERIES
from energy_assets.settings import settings
from energy_assets.sources import Source, open_source
from energy_assets.stores import Stores, open_stores
from energy_assets.stores.files import reading, write_whole
from energy_assets.stores.parquet import read_hour
from energy_assets.stores.paths import hour_path
from energy_assets.tracking import open_tracking

if TYPE_CHECKING:
    from energy_assets.forecasting.tuning.result import Trial, TuningResult

console = Console(highlight=False, soft_wrap=True)


def run(origin: datetime | None) -> None:
    """Forecast from an hour, the source's newest by default, and print what came of it."""
    source, stores = _open()
    origin = origin or newest_origin(source)
    console.print(
        f"[bold]Forecasting {HORIZON} hours from {key_of(origin)} UTC[/bold], "
        f"source={source.name} ({source.profile.dataset})"
    )
    if not _execute(steps_to_forecast(source, stores, origin)):
        console.print("Everything was there already; nothing was run.")
    _print_forecast(source, stores, origin)


def backfill(start: datetime, end: datetime) -> None:
    """Replay the hours from `start` to `end`, and print how good the forecasts were."""
    source, stores = _open()
    console.print(
        f"[bold]Replaying {key_of(start)} to {key_of(end)} UTC[/bold], "
        f"source={source.name} ({source.profile.dataset})"
    )
    with dg.DagsterInstance.get() as instance:
        steps = list(steps_to_replay(source, stores, start, end))
        with _progress() as progress:
            task = progress.add_task("", total=sum(step.hours for step in steps))

            @contextmanager
            def showing(step: Step) -> Iterator[None]:
                progress.update(task, description=f"{step.purpose}: {step.hours} hours")
                started = time.monotonic()
                yield
                progress.advance(task, step.hours)
                progress.console.print(_done(step, time.monotonic() - started))

            execute(defs, steps, instance, showing)
    _print_backtest(stores, start, end)


def tune(hour: datetime | None, budget: Mapping[str, object]) -> None:
    """Search for the best configuration at an hour, the newest by default, and print the trials.

    `budget`: `trials` and `seconds`, each as the settings say where it is missing.
    """
    source, stores = _open()
    hour = hour or newest_origin(source)
    console.print(
        f"[bold]Searching for the best configuration at {key_of(hour)} UTC[/bold], "
        f"source={source.name} ({source.profile.dataset})"
    )
    _execute(steps_to_tune(source, stores, hour, budget))
    _print_search(stores, hour)


def check_settings() -> bool:
    """Print of each backend whether it can be reached; tells whether all of them can."""
    reached = True
    for outcome in check(settings()):
        state = "[green]reached[/green]" if outcome.reached else "[red]failed [/red]"
        console.print(f"{outcome.backend:9} {state}  {outcome.chosen}")
        console.print(escape(f"{'':19}{outcome.said}"))
        reached = reached and outcome.reached
    return reached


def _open() -> tuple[Source, Stores]:
    open_tracking(settings())  # a missing credential is told of before any work
    return open_source(settings()), open_stores(settings())


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        # In a log file a bar that redraws itself is noise.
        disable=not console.is_terminal,
    )


def _execute(steps: Iterable[Step]) -> int:
    """Make runs, with a line for each when it is done, and for each trial of a search."""
    with dg.DagsterInstance.get() as instance, _progress() as progress:
        task = progress.add_task("", total=None)

        @contextmanager
        def showing(step: Step) -> Iterator[None]:
            started = time.monotonic()
            progress.reset(task, total=None, description=f"{step.purpose}, {step.hours} hours")
            yield
            progress.console.print(_done(step, time.monotonic() - started))

        def on_trial(trial: Trial, total: int) -> None:
            progress.update(task, total=total, completed=trial.number, description="trials")
            progress.console.print(
                f"    trial {trial.number} of {total}: {trial.outcome} ({trial.seconds:.1f} s)"
            )

        told = build_defs({**(defs.resources or {}), "on_trial": on_trial})
        return execute(told, steps, instance, showing)


def _done(step: Step, seconds: float) -> str:
    hours = f"{step.hours} hours" if step.hours > 1 else key_of(step.first)
    return f"  {step.purpose} ({hours}): {seconds:.1f} s"


def _print_forecast(source: Source, stores: Stores, origin: datetime) -> None:
    from energy_assets.forecasts.pictures import forecast_picture

    objects = stores.object_store
    forecast = read_hour(objects, "predictions_parquet", origin)
    observed = stores.feature_store.read(*window_of(origin))
    picture = stores.root / "forecast.png"
    write_whole(picture, forecast_picture(observed, forecast, source.name))

    quality, version = forecast["quality"].iloc[0], forecast["model_version"].iloc[0]
    console.print()
    console.print(f"series   {len(forecast[list(SERIES)].drop_duplicates())}")
    console.print(f"origin   {key_of(origin)} UTC, the last hour known to the forecast")
    console.print(f"horizon  {HORIZON} hours, to {key_of(origin + HORIZON * HOUR)}")
    console.print(f"model    {version} (quality: {quality})")
    console.print(
        f"total    {forecast['energy_consumption'].sum() / 1e6:,.1f} GWh in the day ahead"
    )
    _print_holdout_scores(stores, origin, version)
    _print_earlier_forecasts(stores, origin)
    console.print()
    console.print(f"source   {source.name} ({source.profile.dataset})")
    console.print(f"files    {objects.url(hour_path('predictions_parquet', origin, 'parquet'))}")
    console.print(f"         {objects.url('predictions.parquet')} (the newest forecast)")
    console.print(f"picture  {picture}")
    console.print("next     make dev: the same in the Dagster UI, every hour")


def _print_holdout_scores(stores: Stores, origin: datetime, version: str) -> None:
    from energy_assets.forecasts.gate import comparison

    models = stores.model_registry.promoted(origin)
    used = next((model for model in models if model.version == version), None)
    if used is None:
        console.print("scores   none: no model that passed its gate made this forecast")
        return
    table = Table(title="Model on days it had not seen", title_justify="left")
    for heading in ("", "MAPE", "median MAPE", "WAPE", "MASE"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, *scores in comparison(used.metrics).itertuples(index=False):
        table.add_row(str(name), *(f"{score:.4f}" for score in scores))
    console.print(table)


def _print_earlier_forecasts(stores: Stores, origin: datetime) -> None:
    scored = _monitoring(stores, origin, origin)
    if scored.empty:
        console.print(
            f"earlier  no forecast was made for {key_of(origin)}, so there is none to score"
        )
        return
    _print_errors(scored, stores, f"Forecasts made earlier for {key_of(origin)}")


def _print_backtest(stores: Stores, start: datetime, end: datetime) -> None:
    from energy_assets.forecasts.pictures import horizon_picture
    from energy_assets.forecasts.scoring import errors_by_horizon

    scored = _monitoring(stores, start, end)
    if scored.empty:
        console.print(
            "No hour of the range was forecast in it; a longer range is needed to score any."
        )
        return
    _print_errors(scored, stores, f"Forecasts for {key_of(start)} to {key_of(end)}")
    week_before = start - 7 * 24 * HOUR
    by_horizon = errors_by_horizon(scored, stores.feature_store.read(week_before, end + HOUR))
    picture = stores.root / "backtest.png"
    write_whole(picture, horizon_picture(by_horizon, settings().energy_source))
    console.print(f"picture  {picture}")


def _print_errors(scored: pd.DataFrame, stores: Stores, title: str) -> None:
    from energy_assets.forecasts.scoring import errors_by_horizon

    first, last = scored["datetime_utc"].min(), scored["datetime_utc"].max()
    observed = stores.feature_store.read(first - pd.Timedelta(days=7), last + pd.Timedelta(hours=1))
    by_horizon = errors_by_horizon(scored, observed)
    table = Table(title=title, title_justify="left")
    for heading in ("hours ahead", "MAPE", "yesterday's", "last week's"):
        table.add_column(heading, justify="right")
    for first_of, last_of in ((1, 6), (7, 12), (13, 18), (19, 24)):
        errors = by_horizon.loc[first_of:last_of].mean()
        if errors.notna().any():
            table.add_row(f"{first_of}-{last_of}", *(f"{error:.4f}" for error in errors))
    table.add_row("all", *(f"{error:.4f}" for error in by_horizon.mean()), style="bold")
    console.print(table)
    console.print(
        f"         {len(scored):,} forecasts scored; the 80 % interval held "
        f"{scored['covered'].mean():.0%} of the observations"
    )


def _print_search(stores: Stores, hour: datetime) -> None:
    from energy_assets.forecasting.evaluation.plots import trials_plot
    from energy_assets.forecasting.tuning.result import Unsearched, read_result

    path = hour_path("best_config", hour, "json")
    with reading(path, "run tuning_job for that hour again"):
        found = read_result(stores.object_store.read(path))
    if isinstance(found, Unsearched):
        raise ShortHistoryError(found.unsearched)
    picture = stores.root / "tuning.png"
    title = f"Hyperparameter search at {key_of(hour)} UTC (source={settings().energy_source})"
    trials = found.trials_table()
    write_whole(
        picture, trials_plot(trials, found.baseline_scores, title=title, metric=found.metric)
    )
    console.print()
    console.print(_best_trials(found))
    gain = 1 - found.best_score / found.default_score
    console.print(
        f"best     trial {found.best.number}: {found.metric} {gain:.1%} below the default's"
        if gain > 0
        else "best     the default configuration: none of the others was better"
    )
    given_up = int((trials["state"] == "pruned").sum())
    console.print(
        f"trials   {len(trials)} of {found.planned}, {given_up} of them pruned"
        + ("" if len(trials) == found.planned else "; the time was over: give it --seconds")
    )
    console.print(f"source   {settings().energy_source}")
    console.print(f"file     {stores.object_store.url(path)}")
    console.print(f"picture  {picture}")
    console.print(f"next     models from {key_of(hour)} on are trained with it: make run")


def _best_trials(found: TuningResult) -> Table:
    """A column for the default, the three best others that are complete, and both naives."""
    default, *others = found.trials
    complete = [trial for trial in others if trial.state == "complete"]
    shown = [default, *sorted(complete, key=lambda trial: trial.score)[:3]]
    # No lines between the columns: they fit into 80 characters.
    title = f"The best of {len(found.trials)} trials"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for trial in shown:
        name = "default" if trial is default else f"trial {trial.number}"
        table.add_column(
            name, justify="right", style="bold" if trial.number == found.best.number else ""
        )
    for naive in ("same hour\nyesterday", "same hour\nlast week"):
        table.add_column(naive, justify="right")
    for name in default.parameters:
        table.add_row(name, *(_short(trial.parameters[name]) for trial in shown))
    table.add_section()
    naives = (found.baseline_scores[f"seasonal_naive_{season}"] for season in (24, 168))
    scores = [*(trial.score for trial in shown), *naives]
    table.add_row(found.metric, *(f"{score:.4f}" for score in scores))
    return table


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _monitoring(stores: Stores, first: datetime, last: datetime) -> pd.DataFrame:
    objects = stores.object_store
    hours = (first + number * HOUR for number in range((last - first) // HOUR + 1))
    frames = [
        read_hour(objects, "monitoring_metrics", hour)
        for hour in hours
        if objects.exists(hour_path("monitoring_metrics", hour, "parquet"))
    ]
    full = [frame for frame in frames if len(frame)]
    return pd.concat(full, ignore_index=True) if full else pd.DataFrame()
