"""`make tune`: search for the best configuration at an hour, and print the trials."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from energy_assets.commands.deployment import Deployment
from energy_assets.commands.execution import execute
from energy_assets.commands.steps import newest_hour, steps_to_tune
from energy_assets.commands.terminal import console
from energy_assets.errors import ShortHistoryError
from energy_assets.partitions import key_of
from energy_assets.settings import typed
from energy_assets.stores.files import document_errors, write_whole
from energy_assets.stores.paths import hour_path

if TYPE_CHECKING:
    from energy_assets.forecasting.tuning.result import TuningResult


def tune(deployment: Deployment, hour: datetime | None, budget: Mapping[str, object]) -> None:
    """Search for the best configuration at `hour`, by default the newest, and print the trials.

    `budget` may hold `trials` and `seconds`; the settings give the defaults.
    """
    hour = hour or newest_hour(deployment)
    console.print(
        f"[bold]Searching for the best configuration at {key_of(hour)} UTC[/bold], {deployment}"
    )
    execute(deployment, steps_to_tune(deployment, hour, budget))
    _print_search(deployment, hour)


def _print_search(deployment: Deployment, hour: datetime) -> None:
    from energy_assets.forecasting.tuning.result import NotTuned, read_result
    from energy_assets.forecasts.pictures import search_picture

    objects, path = deployment.object_store, hour_path("best_config", hour, "json")
    with document_errors(path, "run tuning_job for that hour again"):
        result = read_result(objects.read(path))
    if isinstance(result, NotTuned):
        raise ShortHistoryError(result.unsearched)
    picture = deployment.folder / "tuning.png"
    write_whole(picture, search_picture(result, key_of(hour), deployment.source.name))
    console.print()
    console.print(_best_trials(result))
    gain = 1 - result.best_score / result.default_score
    console.print(
        f"best     trial {result.best.number}: {result.metric} {gain:.1%} below the default's"
        if gain > 0
        else "best     the default configuration: no other trial was better"
    )
    trials = len(result.trials)
    pruned = sum(trial.state == "pruned" for trial in result.trials)
    console.print(
        f"trials   {trials} of {result.planned}, {pruned} of them pruned"
        + ("" if trials == result.planned else "; time ran out: allow more with --seconds")
    )
    console.print(f"source   {deployment.source.name}")
    console.print(f"file     {objects.url(path)}")
    console.print(f"picture  {picture}")
    console.print(f"next     {typed('run')}: models from {key_of(hour)} on are trained with it")


def _best_trials(result: TuningResult) -> Table:
    """A table of the default, the three best other complete trials, and both seasonal naives."""
    default, *others = result.trials
    complete = [trial for trial in others if trial.state == "complete"]
    columns = [default, *sorted(complete, key=lambda trial: trial.score)[:3]]
    # Without lines between the columns it fits into 80 characters.
    title = f"The best of {len(result.trials)} trials"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for trial in columns:
        name = "default" if trial is default else f"trial {trial.number}"
        style = "bold" if trial.number == result.best.number else ""
        table.add_column(name, justify="right", style=style)
    for naive in ("same hour\nyesterday", "same hour\nlast week"):
        table.add_column(naive, justify="right")
    for name in default.parameters:
        table.add_row(name, *(_short(trial.parameters[name]) for trial in columns))
    table.add_section()
    scores = [*(trial.score for trial in columns), *result.baseline_scores.values()]
    table.add_row(result.metric, *(f"{score:.4f}" for score in scores))
    return table


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
