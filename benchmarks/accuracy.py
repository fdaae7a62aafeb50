"""Accuracy on a real file: `GlobalForecaster` beside seasonal naive, at rolling origins.

    python benchmarks/accuracy.py --file ConsumptionDE35Hour.csv

Every forecast is made from the days before its origin alone. The bound that must hold for the
copy of March 2023 is a mean MAPE of 0.078; the exit status is 1 where it does not.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from energy_assets.forecasting import GlobalForecaster, baseline, evaluation

BOUND = 0.078
COLUMNS = {"mape": "MAPE", "mape_median": "median MAPE", "wape": "WAPE", "mase": "MASE"}


def main() -> int:
    """Print the table and return the exit status."""
    options = _options()
    console = Console(stderr=options.json)
    panel = read_de35(options.file)
    origins = pd.date_range(options.start, options.end, freq=f"{options.step_hours}h")
    forecaster = GlobalForecaster(n_jobs=options.n_jobs)
    methods = {
        "GlobalForecaster": evaluation.from_forecaster(forecaster),
        "seasonal_naive_24": lambda window, horizon: baseline.forecast(window, horizon, 24),
        "seasonal_naive_168": lambda window, horizon: baseline.forecast(window, horizon, 168),
    }
    begun = time.monotonic()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("origins", total=len(origins))
        forecasts = evaluation.rolling_origin(
            panel,
            methods,
            origins,
            window_days=options.window_days,
            on_origin=lambda origin: progress.advance(task),
        )
    scores = {str(name): evaluation.summary(table) for name, table in forecasts.groupby("method")}
    table = Table(
        title=f"{len(origins)} origins, {origins[0]} to {origins[-1]} UTC, 24 hours ahead"
    )
    table.add_column("method")
    for title in (*COLUMNS.values(), "80 % coverage"):
        table.add_column(title, justify="right")
    for name in methods:
        values = [scores[name][metric] for metric in (*COLUMNS, "coverage")]
        table.add_row(name, *(f"{value:.4f}" for value in values))
    console.print(table)
    console.print(f"{time.monotonic() - begun:.0f} s; bound for the mean MAPE: {BOUND}")
    if options.json:
        print(json.dumps({"origins": len(origins), "bound": BOUND, "scores": scores}))
    return int(scores["GlobalForecaster"]["mape"] > BOUND)


def read_de35(path: Path) -> pd.DataFrame:
    """The panel in a CSV export of ConsumptionDE35Hour, index (area, consumer_type, hour)."""
    published = pd.read_csv(path, sep=";", dtype={"ConsumerType_DE35": str})
    published["HourUTC"] = pd.to_datetime(published["HourUTC"])
    keys = ["PriceArea", "ConsumerType_DE35", "HourUTC"]
    return published.set_index(keys)[["TotalCon"]].astype(float).sort_index()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", type=Path, required=True, help="CSV as published, with ';'")
    parser.add_argument(
        "--start", type=pd.Timestamp, default="2023-03-05T22:00", help="first origin"
    )
    parser.add_argument("--end", type=pd.Timestamp, default="2023-03-15T22:00", help="last origin")
    parser.add_argument("--step-hours", type=int, default=24, help="hours between origins")
    parser.add_argument("--window-days", type=int, default=30, help="days of history for each fit")
    parser.add_argument("--n-jobs", type=int, default=None, help="threads, default all")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON on stdout")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
