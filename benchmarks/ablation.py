"""Ablation: what each part of `GlobalForecaster` contributes, at the origins of `accuracy`.

    python -m benchmarks.ablation --data FOLDER

One thing is changed at a time, see `benchmarks.variants`. Only point forecasts are compared.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import pandas as pd

from benchmarks import data, tables
from benchmarks.variants import VARIANTS, Variant
from energy_assets.forecasting.evaluation.rolling_origin import rolling_origin
from energy_assets.forecasting.evaluation.scores import by_horizon, summary


def main() -> int:
    """Print a table for each data set; the exit status is always 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the real data")
    parser.add_argument("--only", default="", help="only the data sets with this in their name")
    parser.add_argument("--origins", type=int, help="use only this many origins")
    parser.add_argument("--variant", default="", help="only the variants with this in their name")
    parser.add_argument("--threads", type=int, default=1)
    tables.add_options(parser)
    options = parser.parse_args()
    results = {}
    for setting in data.settings(options.data):
        if options.only in setting.name:
            if options.origins:
                setting = setting.first(options.origins)
            results[setting.name] = measure(setting, options.threads, options.variant)
    tables.publish("ablation", results, options)
    return 0


def measure(setting: data.Setting, threads: int, only: str) -> pd.DataFrame:
    """The scores of every variant, and its mean MAPE relative to the default's."""
    rows: dict[str, dict[str, float]] = {}
    place = {"country": setting.country, "timezone": setting.timezone}
    for name, variant in VARIANTS.items():
        if variant.long_only and setting.window_days < 100:
            continue
        if rows and only not in name:
            continue
        print(f"{setting.name}: {name}", file=sys.stderr)
        seconds: list[float] = []

        def method(
            window: pd.DataFrame,
            horizon: int,
            variant: Variant = variant,
            seconds: list[float] = seconds,
        ) -> pd.DataFrame:
            start = time.process_time()
            forecast = variant.forecast(window, horizon, place, threads)
            seconds.append(time.process_time() - start)
            return forecast

        table = rolling_origin(setting.panel, {name: method}, setting.origins, setting.window_days)
        scores, mape = summary(table), by_horizon(table)["mape"]
        rows[name] = {
            "MAPE": scores["mape"],
            "to default": scores["mape"] / rows["default"]["MAPE"] if rows else 1.0,
            "median MAPE": scores["mape_median"],
            "h 1-6": mape.loc[1:6].mean(),
            "h 19-24": mape.loc[19:24].mean(),
            "CPU seconds": statistics.median(seconds),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("variant")


if __name__ == "__main__":
    sys.exit(main())
