"""Ablation: what each part of `GlobalForecaster` brings, at the origins of the accuracy tables.

    python -m benchmarks.ablation --data FOLDER

One parameter is changed at a time. Nothing is held out, so that only forecasts are compared.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd

from benchmarks import data, tables
from energy_assets.forecasting import GlobalForecaster, direct, evaluation

SAMPLED = "trees and pooled weights from 5 series"
SAMPLED_ROWS = 18_000
"""Of 30 days; the rows of all series train them unless there are very many series."""

VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "LightGBM alone": {"linear_weight": 0.0, "lear_weight": 0.0},
    "linear model alone": {"linear_weight": 1.0, "lear_weight": 0.0},
    "autoregression (LEAR) alone": {"lear_weight": 1.0},
    "without LEAR": {"lear_weight": 0.0},
    "without LightGBM": {"linear_weight": 1.0},
    "20 trees": {"n_estimators": 20},
    "60 trees": {"n_estimators": 60},
    "200 trees": {"n_estimators": 200},
    "15 leaves": {"num_leaves": 15},
    "trees on every row": {"thinning": 1},
    "origins 13 h apart": {"origin_step": 13},
    "origins 25 h apart": {"origin_step": 25},
    SAMPLED: {},
    "no holidays": {"country": None},
    "UTC instead of local time": {"timezone": "UTC"},
    "recursive": {"strategy": "recursive"},
}
ONLY_LONG = ("autoregression (LEAR) alone", "without LEAR")


def main() -> int:
    """Print a table for each data set; the exit status is always 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the real data")
    parser.add_argument("--only", default="", help="only the data sets with this in their name")
    parser.add_argument("--origins", type=int, help="only the first so many origins")
    parser.add_argument("--threads", type=int, default=1)
    tables.add_options(parser)
    options = parser.parse_args()
    shown = {}
    for setting in data.settings(options.data):
        if options.only in setting.name:
            some = setting.first(options.origins) if options.origins else setting
            shown[setting.name] = measure(some, options.threads)
    tables.publish("ablation", shown, options)
    return 0


def measure(setting: data.Setting, threads: int) -> pd.DataFrame:
    """The scores of every variant, and what each is relative to the default's mean MAPE."""
    found: dict[str, dict[str, float]] = {}
    for name, changed in VARIANTS.items():
        if name in ONLY_LONG and setting.window_days < 100:
            continue
        print(f"{setting.name}: {name}", file=sys.stderr)
        place = {"country": setting.country, "timezone": setting.timezone}
        forecaster = GlobalForecaster(**{**place, **changed}, calibration_days=0, n_jobs=threads)
        seconds: list[float] = []

        def method(
            window: pd.DataFrame,
            horizon: int,
            forecaster: GlobalForecaster = forecaster,
            seconds: list[float] = seconds,
        ) -> pd.DataFrame:
            begun = time.perf_counter()
            made = forecaster.clone().fit(window).predict(fh=list(range(1, horizon + 1)))
            seconds.append(time.perf_counter() - begun)
            return made.set_axis(["forecast"], axis=1)

        rows = SAMPLED_ROWS * setting.window_days // 30 if name == SAMPLED else direct.MAX_ROWS
        with mock.patch.object(direct, "MAX_ROWS", rows):
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
            "seconds": statistics.median(seconds),
        }
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("variant")


if __name__ == "__main__":
    sys.exit(main())
