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
from energy_assets.stores.parquet import decode
from energy_assets.stores.paths import hour_path
from energy_assets.stores.storage import write_whole

console = Console(highlight=False, soft_wrap=True)

_METRICS = ("mape", "mape_median", "wape", "mase")
_RIVALS = {
    "model": "",
    "same hour yesterday": "_seasonal_naive_24",
    "same hour last week": "_seasonal_naive_168",
}


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
                yield
                progress.advance(task, step.hours)

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
    hours = f"{step.hours} hours" if step.hours > 1 else key_of(step.first)
    started = time.monotonic()
    with _progress() as progress:
        progress.add_task(f"{step.purpose} ({hours})", total=None)
        yield
    console.print(f"  {step.purpose} ({hours}): {time.monotonic() - started:.1f} s")


def _print_forecast(source: Source, stores: Stores, origin: datetime) -> None:
    from energy_assets.pictures import forecast_picture

    objects = stores.object_store
    path = hour_path("predictions_parquet", origin, "parquet")
    forecast = decode(objects.read(path))
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
    _print_holdout_scores(stores, origin)
    _print_earlier_forecasts(stores, origin)
    console.print()
    console.print(f"source   {source.name} ({source.profile.dataset})")
    console.print(f"files    {objects.url(path)}")
    console.print(f"         {objects.url('predictions.parquet')} (the newest forecast)")
    console.print(f"picture  {picture}")
    console.print("next     make dev: the same in the Dagster UI, every hour")


def _print_holdout_scores(stores: Stores, origin: datetime) -> None:
    newest = next(stores.model_registry.promoted(origin), None)
    if newest is None:
        console.print("scores   none: no model has passed its gate yet")
        return
    table = _scores_table("Model on days it had not seen")
    for name, suffix in _RIVALS.items():
        scores = [newest.metrics[f"{metric}{suffix}"] for metric in _METRICS]
        table.add_row(name, *(f"{score:.4f}" for score in scores))
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
    write_whole(picture, horizon_picture(by_horizon))
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


def _scores_table(title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for heading in ("MAPE", "median MAPE", "WAPE", "MASE"):
        table.add_column(heading, justify="right")
    return table


def _monitoring(stores: Stores, first: datetime, last: datetime) -> pd.DataFrame:
    objects = stores.object_store
    hours = (first + number * HOUR for number in range((last - first) // HOUR + 1))
    paths = (hour_path("monitoring_metrics", hour, "parquet") for hour in hours)
    frames = [decode(objects.read(path)) for path in paths if objects.exists(path)]
    full = [frame for frame in frames if len(frame)]
    return pd.concat(full, ignore_index=True) if full else pd.DataFrame()
