"""What a person sees of a run or a backfill in the terminal: progress, scores, files, a picture."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import dagster as dg
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from energy_assets.definitions import defs
from energy_assets.partitions import HORIZON, HOUR, key_of, window_of
from energy_assets.replay import (
    Step,
    execute,
    newest_origin,
    steps_to_forecast,
    steps_to_replay,
)
from energy_assets.schemas import SERIES
from energy_assets.settings import settings
from energy_assets.sources import Source, open_source
from energy_assets.stores import Stores, open_stores
from energy_assets.stores.parquet import read_hour
from energy_assets.stores.paths import hour_path
from energy_assets.stores.storage import write_whole

console = Console(highlight=False, soft_wrap=True)


def run(origin: datetime | None) -> None:
    """Forecast from an hour, the source's newest by default, and print what came of it."""
    source, stores = _open()
    origin = origin or newest_origin(source)
    console.print(
        f"[bold]Forecasting {HORIZON} hours from {key_of(origin)} UTC[/bold], "
        f"source={source.name} ({source.profile.dataset})"
    )
    steps = steps_to_forecast(source, stores, origin)
    with dg.DagsterInstance.get() as instance:
        made = execute(defs, steps, instance, _timed)
    if not made:
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


def _open() -> tuple[Source, Stores]:
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


@contextmanager
def _timed(step: Step) -> Iterator[None]:
    started = time.monotonic()
    with _progress() as progress:
        progress.add_task(f"{step.purpose}, {step.hours} hours", total=None)
        yield
    console.print(_done(step, time.monotonic() - started))


def _done(step: Step, seconds: float) -> str:
    hours = f"{step.hours} hours" if step.hours > 1 else key_of(step.first)
    return f"  {step.purpose} ({hours}): {seconds:.1f} s"


def _print_forecast(source: Source, stores: Stores, origin: datetime) -> None:
    from energy_assets.pictures import forecast_picture

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
    from energy_assets.forecasting.training import comparison

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
    from energy_assets.forecasting.monitoring import errors_by_horizon
    from energy_assets.pictures import horizon_picture

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
    from energy_assets.forecasting.monitoring import errors_by_horizon

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
