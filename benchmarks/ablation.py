"""Ablation: what each part of `GlobalForecaster` brings, at the origins of the accuracy tables.

    python -m benchmarks.ablation --data FOLDER

One thing is changed at a time, see `benchmarks.variants`. Nothing is held out, so that only
forecasts are compared.
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
from energy_assets.forecasting.evaluation import scores as evaluation


def main() -> int:
    """Print a table for each data set; the exit status is always 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the real data")
    parser.add_argument("--only", default="", help="only the data sets with this in their name")
    parser.add_argument("--origins", type=int, help="only the first so many origins")
    parser.add_argument("--variant", default="", help="only those with this in their name")
    parser.add_argument("--threads", type=int, default=1)
    tables.add_options(parser)
    options = parser.parse_args()
    shown = {}
    for setting in data.settings(options.data):
        if options.only in setting.name:
            some = setting.first(options.origins) if options.origins else setting
            shown[setting.name] = measure(some, options.threads, options.variant)
    tables.publish("ablation", shown, options)
    return 0


def measure(setting: data.Setting, threads: int, only: str) -> pd.DataFrame:
    """The scores of every variant, and what each is relative to the default's mean MAPE."""
    found: dict[str, dict[str, float]] = {}
    place = {"country": setting.country, "timezone": setting.timezone}
    for name, variant in VARIANTS.items():
        if variant.long_only and setting.window_days < 100:
            continue
        if found and only not in name:
            continue
        print(f"{setting.name}: {name}", file=sys.stderr)
        seconds: list[float] = []

        def method(
            window: pd.DataFrame,
            horizon: int,
            variant: Variant = variant,
            seconds: list[float] = seconds,
        ) -> pd.DataFrame:
            begun = time.process_time()
            made = variant.forecast(window, horizon, place, threads)
            seconds.append(time.process_time() - begun)
            return made

        table = evaluation.rolling_origin(
            setting.panel, {name: method}, setting.origins, setting.window_days
        )
        scores, mape = evaluation.summary(table), evaluation.by_horizon(table)["mape"]
        found[name] = {
            "MAPE": scores["mape"],
            "to default": scores["mape"] / found["default"]["MAPE"] if found else 1.0,
            "median MAPE": scores["mape_median"],
            "h 1-6": mape.loc[1:6].mean(),
            "h 19-24": mape.loc[19:24].mean(),
            "CPU seconds": statistics.median(seconds),
        }
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("variant")


if __name__ == "__main__":
    sys.exit(main())
