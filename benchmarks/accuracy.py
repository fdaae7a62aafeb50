"""Accuracy on real data: `GlobalForecaster` beside other libraries and the seasonal naives.

    python -m benchmarks.accuracy --data FOLDER

FOLDER holds a copy of ConsumptionDE35Hour (CSV) or of the hourly demand of US authorities
(Parquet), see `benchmarks/data.py`. Every method forecasts 24 hours from the same origins, using
only the days before each origin, and all are scored by `forecasting.evaluation`. The exit status is
1 if the mean MAPE on the Danish data is above its bound.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from benchmarks import data, tables
from energy_assets.forecasting import GlobalForecaster
from energy_assets.forecasting.evaluation.metrics import pinball_loss
from energy_assets.forecasting.evaluation.rolling_origin import (
    Forecast,
    from_forecaster,
    rolling_origin,
)
from energy_assets.forecasting.evaluation.scores import by_horizon, summary
from energy_assets.forecasting.models import seasonal_naive
from energy_assets.forecasting.models.seasonal_naive import SEASONAL_NAIVES

OURS = "GlobalForecaster"
BOUNDS = {"DE35, 30 days": 0.060}
PEERS = (
    "mlforecast, weekly lags",
    "mlforecast, recent and weekly lags",
    "skforecast, recent and weekly lags",
)
SLOW_PEERS = (
    "sktime, the course",
    "mlforecast, the course",
    "mlforecast, conformal 2",
    "mlforecast, conformal 10",
)
"""These forecast from the regular origins only, not on special days."""

HOURS_AHEAD = {"h 1-6": (1, 6), "h 7-18": (7, 18), "h 19-24": (19, 24)}


def main() -> int:
    """Print the tables of each data set and return the exit status."""
    options = _options()
    if not (settings := list(data.settings(options.data))):
        raise SystemExit(f"{options.data} has neither {data.DE35} nor {data.EIA}.")
    results: dict[str, pd.DataFrame] = {}
    within_bounds = True
    for setting in settings:
        if options.only and options.only not in setting.name:
            continue
        if options.origins:
            setting = setting.first(options.origins)
        forecasts = run(setting, options)
        results |= compare(setting, forecasts)
        ours = forecasts[(forecasts["method"] == OURS) & forecasts["origin"].isin(setting.origins)]
        within_bounds &= summary(ours)["mape"] <= BOUNDS.get(setting.name, float("inf"))
    tables.publish("accuracy", results, options)
    return int(not within_bounds)


def run(setting: data.Setting, options: argparse.Namespace) -> pd.DataFrame:
    """The table of forecasts of all methods at all origins."""
    with tempfile.TemporaryDirectory() as folder:
        cache = options.keep / setting.name.replace(" ", "-") if options.keep else Path(folder)
        peer_forecasts, _ = run_peers(setting, options, cache)
    forecaster = GlobalForecaster(
        country=setting.country, timezone=setting.timezone, n_jobs=options.threads
    )

    def naive(season: int) -> Forecast:
        return lambda window, horizon: seasonal_naive.forecast(window, horizon, season)

    def peer(name: str) -> Forecast:
        forecasts = peer_forecasts[peer_forecasts["method"] == name]

        def method(window: pd.DataFrame, horizon: int) -> pd.DataFrame:
            origin = window.index.get_level_values(-1).max()
            rows = forecasts[forecasts["origin"] == origin].set_index(["series", "datetime_utc"])
            return rows[["forecast", "lower", "upper"]].copy()

        return method

    methods = {
        OURS: from_forecaster(forecaster),
        **{rule.name.replace("_", " "): naive(rule.season) for rule in SEASONAL_NAIVES},
        **{name: peer(name) for name in options.peers},
    }
    fast = {name: method for name, method in methods.items() if name not in SLOW_PEERS}
    forecasts = [
        rolling_origin(setting.panel, group, origins, setting.window_days)
        for group, origins in ((methods, setting.origins), (fast, setting.special_origins))
        if len(origins)
    ]
    return pd.concat(forecasts, ignore_index=True)


def run_peers(
    setting: data.Setting, options: argparse.Namespace, folder: Path
) -> tuple[pd.DataFrame, list[dict]]:
    """The peers' forecasts and timings for a setting; see `ask_peers`."""
    origins = {
        peer: [str(o) for o in (setting.origins if peer in SLOW_PEERS else setting.all_origins)]
        for peer in options.peers
    }
    folder.mkdir(parents=True, exist_ok=True)
    data.wide(setting.panel).to_parquet(folder / "panel.parquet")
    return ask_peers(origins, setting.window_days, setting.timezone, options, folder)


def ask_peers(
    origins: Mapping[str, Sequence[str]],
    window_days: int,
    timezone: str,
    options: argparse.Namespace,
    folder: Path,
) -> tuple[pd.DataFrame, list[dict]]:
    """The peers' forecasts and timings, from a process in their own environment.

    `folder` holds what they read. If it already has the results of the same request, they are used
    again.
    """
    request = {
        "origins": origins,
        "window_days": window_days,
        "timezone": timezone,
        "threads": options.threads,
    }
    forecasts, request_file = folder / "forecasts.parquet", folder / "request.json"
    if not forecasts.exists() or json.loads(request_file.read_text()) != request:
        forecasts.unlink(missing_ok=True)
        request_file.write_text(json.dumps(request))
        program = Path(__file__).with_name("peers.py")
        subprocess.run([options.python, program, folder], check=True, env=environment(options))
    return pd.read_parquet(forecasts), json.loads((folder / "timings.json").read_text())


def environment(options: argparse.Namespace) -> dict[str, str]:
    """The environment variables of a peers' process, with as many threads as ours."""
    return os.environ | {"OMP_NUM_THREADS": str(options.threads), "NUMBA_NUM_THREADS": "1"}


def compare(setting: data.Setting, forecasts: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The tables of a setting, by title: point forecasts, intervals, special days."""
    regular = forecasts[forecasts["origin"].isin(setting.origins)]
    points, intervals = {}, {}
    for name, table in regular.groupby("method", sort=False):
        if table["lower"].notna().any():
            intervals[name] = interval_scores(table)
        if "conformal" in name:
            continue
        scores, mape = summary(table), by_horizon(table)["mape"]
        points[name] = (
            {"MAPE": scores["mape"], "median MAPE": scores["mape_median"]}
            | {"WAPE": scores["wape"], "MASE": scores["mase"]}
            | {title: mape.loc[first:last].mean() for title, (first, last) in HOURS_AHEAD.items()}
        )
    title = f"{setting.name}: {len(setting.origins)} origins from {setting.origins[0]} UTC"
    results = {
        title: _frame(points),
        f"{setting.name}: 80 % intervals": _frame(intervals),
    }
    if setting.special:
        results[f"{setting.name}: MAPE of special days"] = special_scores(setting, forecasts)
    return results


def interval_scores(table: pd.DataFrame) -> dict[str, float]:
    """Coverage (overall and at the extreme horizons), width and pinball loss of 80 % intervals.

    The pinball loss is the mean over the quantiles .1 and .9, each relative to the mean of its
    series. The width is relative to the actual value.
    """
    coverage = by_horizon(table)["coverage"]
    mean = table.groupby("series")["actual"].transform("mean")
    scaled = table[["actual", "lower", "upper"]].div(mean, axis=0)
    losses = [
        pinball_loss(scaled["actual"].to_numpy(), scaled[bound].to_numpy(), alpha)
        for bound, alpha in (("lower", 0.1), ("upper", 0.9))
    ]
    positive = table[table["actual"] > 0]
    return {
        "coverage": summary(table)["coverage"],
        "lowest of a horizon": coverage.min(),
        "highest": coverage.max(),
        "width / actual": ((positive["upper"] - positive["lower"]) / positive["actual"]).mean(),
        "pinball loss": sum(losses) / 2,
    }


def special_scores(setting: data.Setting, forecasts: pd.DataFrame) -> pd.DataFrame:
    """The MAPE of each method on each kind of special day, mean and median over series."""
    gaps = data.gapped(setting)
    points = forecasts[~forecasts["method"].str.contains("conformal")]
    columns = {}
    for name, origins in setting.special.items():
        rows = points[points["origin"].isin(origins)]
        if name == "after a gap":
            rows = rows[
                gaps.reindex(pd.MultiIndex.from_frame(rows[["origin", "series"]])).to_numpy()
            ]
        scores = {method: summary(table) for method, table in rows.groupby("method", sort=False)}
        columns[name] = {method: score["mape"] for method, score in scores.items()}
        columns[f"{name}, median"] = {m: score["mape_median"] for m, score in scores.items()}
    return pd.DataFrame(columns).rename_axis("method")


def _frame(rows: dict[str, dict[str, float]]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")


def add_peers_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for choosing and running the peers."""
    parser.add_argument(
        "--peers", nargs="*", default=[*PEERS, *SLOW_PEERS], help="which peers, by default all"
    )
    add_python_options(parser)


def add_python_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for running peers."""
    parser.add_argument(
        "--python",
        default=".venv-peers/bin/python",
        help="the Python of the peers' environment, which `make bench` sets up",
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of every method")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the real data")
    parser.add_argument("--only", help="only the data sets with this in their name")
    parser.add_argument("--origins", type=int, help="use only this many origins")
    parser.add_argument("--keep", type=Path, help="folder to keep and reuse the peers' forecasts")
    add_peers_options(parser)
    tables.add_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
