"""The command line: `run` forecasts from an hour, `backfill` replays a range of hours.

`tune` searches for the best configuration, `check-settings` asks every backend that is chosen.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime

from dagster import DagsterError

from energy_assets.errors import EnergyAssetsError
from energy_assets.settings import PARTITION_FORMAT, PROJECT_ROOT, settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a failure that we know of is one clear line and exit status 1."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("DAGSTER_HOME", str(PROJECT_ROOT / "dagster_home"))
    # The terminal belongs to our own progress and report; Dagster's log stays in its UI.
    warnings.filterwarnings("ignore", module="dagster")
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    try:
        settings()
        from energy_assets.commands import report

        if options.command == "run":
            report.run(options.origin)
        elif options.command == "tune":
            budget = {"trials": options.trials, "seconds": options.seconds}
            report.tune(options.hour, {name: it for name, it in budget.items() if it is not None})
        elif options.command == "check-settings":
            return 0 if report.check_settings() else 1
        else:
            report.backfill(options.start, options.end)
    except (EnergyAssetsError, DagsterError) as error:
        print(f"energy-assets: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("energy-assets: interrupted; what is done is kept", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="energy-assets", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="forecast the 24 hours after an hour")
    run.add_argument(
        "--origin", type=_hour, help="the newest hour that may be known; YYYY-MM-DD-HH:MM"
    )
    backfill = commands.add_parser("backfill", help="replay a range of hours as if it were live")
    backfill.add_argument("--start", type=_hour, required=True, help="first hour, YYYY-MM-DD-HH:MM")
    backfill.add_argument("--end", type=_hour, required=True, help="last hour, YYYY-MM-DD-HH:MM")
    tune = commands.add_parser("tune", help="search for the best configuration at an hour")
    tune.add_argument("--hour", type=_hour, help="the newest by default; YYYY-MM-DD-HH:MM")
    tune.add_argument("--trials", type=_positive(int), help="TUNING_TRIALS by default")
    tune.add_argument("--seconds", type=_positive(float), help="TUNING_SECONDS by default")
    commands.add_parser("check-settings", help="tell of each backend whether it can be reached")
    return parser


def _positive(number: type[int] | type[float]) -> Callable[[str], int | float]:
    def read(text: str) -> int | float:
        try:
            value = number(text)
        except ValueError:
            value = 0
        if not 0 < value < math.inf:
            kind = "whole number" if number is int else "number"
            raise argparse.ArgumentTypeError(f"{text!r} is no {kind} above 0")
        return value

    return read


def _hour(text: str) -> datetime:
    try:
        hour = datetime.strptime(text, PARTITION_FORMAT)
    except ValueError:
        hour = None
    if hour is None or hour.minute:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no full hour; give it in UTC as in 2023-03-10-21:00"
        )
    return hour
