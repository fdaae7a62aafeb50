"""`make backfill`: replay a range of hours as if it were live, and print the errors."""

from __future__ import annotations

from datetime import datetime

from energy_assets.commands.deployment import Deployment
from energy_assets.commands.execution import execute
from energy_assets.commands.steps import steps_to_replay
from energy_assets.commands.terminal import console, print_errors, scored_forecasts
from energy_assets.partitions import key_of
from energy_assets.stores.files import write_whole


def backfill(deployment: Deployment, start: datetime, end: datetime) -> None:
    """Replay the hours from `start` to `end`, both included, and print their errors."""
    console.print(f"[bold]Replaying {key_of(start)} to {key_of(end)} UTC[/bold], {deployment}")
    steps = list(steps_to_replay(deployment, start, end))
    execute(deployment, steps, hours=sum(step.hours for step in steps))

    scored = scored_forecasts(deployment, start, end)
    if scored.rows.empty:
        console.print("The range is too short: none of its hours was forecast within it.")
        return
    from energy_assets.forecasts.pictures import horizon_picture

    errors = print_errors(scored, f"Forecasts for {key_of(start)} to {key_of(end)}")
    picture = deployment.folder / "backtest.png"
    write_whole(picture, horizon_picture(errors, deployment.source.name))
    console.print(f"picture  {picture}")
