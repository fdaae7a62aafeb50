"""The command line: `run` forecasts from an hour, `backfill` replays a range of hours."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Sequence
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
        from energy_assets import report

        if options.command == "run":
            report.run(options.origin)
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
    return parser


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
