"""The command line: `run`, `backfill`, `tune`, `status`, `serve`, `init` and others."""

from __future__ import annotations

import argparse
import logging
import math
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime

from dagster import DagsterError

from energy_assets.commands import dagster_home
from energy_assets.commands.first_partition import choose_first_partition
from energy_assets.commands.project_files import make_home, write_project_files
from energy_assets.errors import EnergyAssetsError
from energy_assets.settings import PARTITION_FORMAT, Settings, read_settings, typed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. An error of ours or of Dagster's is printed as one line; exit status 1."""
    options = _parser().parse_args(arguments)
    # The terminal is for our own progress and report. Dagster's log can be read in its UI.
    warnings.filterwarnings("ignore", module="dagster")
    for name in ("dagster", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        settings = read_settings()
        dagster_home.set_default()
        with dagster_home.naming_dagster_home():
            return _execute(options, settings)
    except (EnergyAssetsError, DagsterError) as error:
        print(f"energy-assets: {error}", file=sys.stderr)
        return 1


def _execute(options: argparse.Namespace, settings: Settings) -> int:
    if options.command not in ("init", "serve", "api-key"):
        make_home()
    if options.command in ("run", "backfill", "tune", "init"):
        origins = (getattr(options, name, None) for name in ("origin", "start", "hour"))
        choose_first_partition(settings, next(filter(None, origins), None))
    if options.command == "init":
        for path in write_project_files():
            print(f"Wrote {path}")
        print(f"The page and API, if `{typed('serve')}` runs beside this: {settings.page_url}/")
        return 0
    if options.command == "api-key":
        from energy_assets.commands.api_key import print_new_key

        print_new_key(options.name)
        return 0
    if options.command == "serve":
        from energy_assets.commands.serve import serve

        serve(settings)
        return 0
    # Imported here, because importing the partitions reads the settings, and `main` reports errors.
    from energy_assets.commands.backfill import backfill
    from energy_assets.commands.check_settings import check_settings
    from energy_assets.commands.deployment import Deployment
    from energy_assets.commands.run import run
    from energy_assets.commands.status import status
    from energy_assets.commands.tune import tune
    from energy_assets.sources import source_id
    from energy_assets.tracking import open_tracking

    if options.command == "check-settings":
        return 0 if check_settings(settings) else 1
    if options.command == "status":
        return 0 if status(Deployment.of(settings)) else 1
    open_tracking(settings, source_id(settings))  # reports a missing credential before any work
    deployment = Deployment.of(settings)
    if options.command == "run":
        run(deployment, options.origin)
    elif options.command == "backfill":
        backfill(deployment, options.start, options.end)
    else:
        limits = {"trials": options.trials, "seconds": options.seconds}
        budget = {name: limit for name, limit in limits.items() if limit is not None}
        tune(deployment, options.hour, budget)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="energy-assets", description="Hourly forecasts of electricity consumption."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="forecast the 24 hours after an hour")
    run.add_argument("--origin", type=_hour, help="the last known hour, YYYY-MM-DD-HH:MM")
    backfill = commands.add_parser("backfill", help="replay a range of hours as if it were live")
    backfill.add_argument("--start", type=_hour, required=True, help="first hour, YYYY-MM-DD-HH:MM")
    backfill.add_argument("--end", type=_hour, required=True, help="last hour, YYYY-MM-DD-HH:MM")
    tune = commands.add_parser("tune", help="search for the best configuration at an hour")
    tune.add_argument("--hour", type=_hour, help="YYYY-MM-DD-HH:MM; default: the newest hour")
    tune.add_argument("--trials", type=_positive(int), help="default: TUNING_TRIALS")
    tune.add_argument("--seconds", type=_positive(float), help="default: TUNING_SECONDS")
    commands.add_parser("status", help="show how things stand; exit status 1: something to do")
    commands.add_parser("serve", help="the HTTP API and page over the published forecasts")
    api_key = commands.add_parser("api-key", help="make a key for the HTTP API")
    api_key.add_argument("name", type=_name, help="whose key it is, such as planner")
    commands.add_parser("init", help="prepare a project folder: missing files, first partition")
    commands.add_parser("check-settings", help="check whether each backend can be reached")
    return parser


def _positive(number: type[int] | type[float]) -> Callable[[str], int | float]:
    def read(text: str) -> int | float:
        try:
            value = number(text)
        except ValueError:
            value = 0
        if not 0 < value < math.inf:
            kind = "whole number" if number is int else "number"
            raise argparse.ArgumentTypeError(f"{text!r} is not a {kind} above 0")
        return value

    return read


def _name(text: str) -> str:
    if not re.fullmatch(r"[\w.-]{1,50}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name of letters, digits, _, . and -")
    return text


def _hour(text: str) -> datetime:
    try:
        hour = datetime.strptime(text, PARTITION_FORMAT)
    except ValueError:
        hour = None
    if hour is None or hour.minute:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a full hour; write it in UTC, as in 2023-03-10-21:00"
        )
    return hour
