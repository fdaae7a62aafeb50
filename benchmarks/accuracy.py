"""Accuracy on real data: `GlobalForecaster` beside its peers and seasonal naive.

    python -m benchmarks.accuracy --data FOLDER

FOLDER holds a copy of ConsumptionDE35Hour (CSV) or of the hourly demand of US authorities
(Parquet), see `benchmarks/data.py`. Every method forecasts 24 hours from the same origins, each
from the days before the origin alone, and all are scored by `forecasting.evaluation`. The exit
status is 1 where the mean MAPE on the Danish data is above its bound.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from benchmarks import data, tables
from energy_assets.forecasting import GlobalForecaster
from energy_assets.forecasting.evaluation import scores as evaluation
from energy_assets.forecasting.models import seasonal_naive as baseline

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
"""These forecast from the usual origins only, not those of special days."""

HOURS_AHEAD = {"h 1-6": (1, 6), "h 7-18": (7, 18), "h 19-24": (19, 24)}


def main() -> int:
    """Print the tables of each data set and return the exit status."""
    options = _options()
    if not (found := list(data.settings(options.data))):
        raise SystemExit(f"{options.data} holds neither {data.DE35} nor {data.EIA}.")
    shown: dict[str, pd.DataFrame] = {}
    good = True
    for setting in found:
        if options.only and options.only not in setting.name:
            continue
        if options.origins:
            setting = setting.first(options.origins)
        forecasts = run(setting, options)
        shown |= compare(setting, forecasts)
        ours = forecasts[(forecasts["method"] == OURS) & forecasts["origin"].isin(setting.origins)]
        good &= evaluation.summary(ours)["mape"] <= BOUNDS.get(setting.name, float("inf"))
    tables.publish("accuracy", shown, options)
    return int(not good)


def run(setting: data.Setting, options: argparse.Namespace) -> pd.DataFrame:
    """The table of forecasts of all methods at all origins."""
    with tempfile.TemporaryDirectory() as folder:
        kept = options.keep / setting.name.replace(" ", "-") if options.keep else Path(folder)
        made, _ = ask_peers(setting, options, kept)
    forecaster = GlobalForecaster(
        country=setting.country, timezone=setting.timezone, n_jobs=options.threads
    )

    def ours(window: pd.DataFrame, horizon: int) -> pd.DataFrame:
        steps = list(range(1, horizon + 1))
        fitted = forecaster.clone().fit(window)
        forecast = fitted.predict(fh=steps).set_axis(["forecast"], axis=1)
        bounds = fitted.predict_interval(fh=steps, coverage=0.8)
        forecast[["lower", "upper"]] = bounds.to_numpy()
        return forecast

    def peer(name: str) -> evaluation.Forecast:
        own = made[made["method"] == name]

        def method(window: pd.DataFrame, horizon: int) -> pd.DataFrame:
            origin = window.index.get_level_values(-1).max()
            rows = own[own["origin"] == origin].set_index(["series", "datetime_utc"])
            return rows[["forecast", "lower", "upper"]].copy()

        return method

    methods = {
        OURS: ours,
        "seasonal naive 24": lambda window, horizon: baseline.forecast(window, horizon, 24),
        "seasonal naive 168": lambda window, horizon: baseline.forecast(window, horizon, 168),
        **{name: peer(name) for name in options.peers},
    }
    quick = {name: method for name, method in methods.items() if name not in SLOW_PEERS}
    forecasts = [
        evaluation.rolling_origin(setting.panel, some, origins, setting.window_days)
        for some, origins in ((methods, setting.origins), (quick, setting.special_origins))
        if len(origins)
    ]
    return pd.concat(forecasts, ignore_index=True)


def ask_peers(
    setting: data.Setting, options: argparse.Namespace, folder: Path
) -> tuple[pd.DataFrame, list[dict]]:
    """The peers' forecasts and timings, from a process in their own environment.

    What `folder` already holds as the answer to the same request is not asked for again.
    """
    request = {
        "origins": {
            peer: [str(o) for o in (setting.origins if peer in SLOW_PEERS else setting.all_origins)]
            for peer in options.peers
        },
        "window_days": setting.window_days,
        "timezone": setting.timezone,
        "threads": options.threads,
    }
    forecasts, asked = folder / "forecasts.parquet", folder / "request.json"
    if not forecasts.exists() or json.loads(asked.read_text()) != request:
        folder.mkdir(parents=True, exist_ok=True)
        forecasts.unlink(missing_ok=True)
        asked.write_text(json.dumps(request))
        data.wide(setting.panel).to_parquet(folder / "panel.parquet")
        program = Path(__file__).with_name("peers.py")
        subprocess.run([options.python, program, folder], check=True, env=environment(options))
    return pd.read_parquet(forecasts), json.loads((folder / "timings.json").read_text())


def environment(options: argparse.Namespace) -> dict[str, str]:
    """The variables of a peers' process: as many threads as ours has."""
    return os.environ | {"OMP_NUM_THREADS": str(options.threads), "NUMBA_NUM_THREADS": "1"}


def compare(setting: data.Setting, forecasts: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The tables of a setting, by title: points, intervals, special days."""
    usual = forecasts[forecasts["origin"].isin(setting.origins)]
    points, intervals = {}, {}
    for name, table in usual.groupby("method", sort=False):
        if table["lower"].notna().any():
            intervals[name] = interval_scores(table)
        if "conformal" in name:
            continue
        scores, mape = evaluation.summary(table), evaluation.by_horizon(table)["mape"]
        points[name] = (
            {"MAPE": scores["mape"], "median MAPE": scores["mape_median"]}
            | {"WAPE": scores["wape"], "MASE": scores["mase"]}
            | {title: mape.loc[first:last].mean() for title, (first, last) in HOURS_AHEAD.items()}
        )
    title = f"{setting.name}: {len(setting.origins)} origins from {setting.origins[0]} UTC"
    shown = {
        title: _frame(points),
        f"{setting.name}: 80 % intervals": _frame(intervals),
    }
    if setting.special:
        shown[f"{setting.name}: MAPE of special days"] = special_scores(setting, forecasts)
    return shown


def interval_scores(table: pd.DataFrame) -> dict[str, float]:
    """Coverage, over all and at the worst horizons, width, and pinball loss of 80 % intervals.

    The pinball loss is the mean of those of the quantiles .1 and .9, each relative to the mean
    of its series. The width is relative to the actual value.
    """
    inside = evaluation.by_horizon(table)["coverage"]
    mean = table.groupby("series")["actual"].transform("mean")
    scaled = table[["actual", "lower", "upper"]].div(mean, axis=0)
    losses = [
        evaluation.pinball_loss(scaled["actual"].to_numpy(), scaled[bound].to_numpy(), alpha)
        for bound, alpha in (("lower", 0.1), ("upper", 0.9))
    ]
    positive = table[table["actual"] > 0]
    return {
        "coverage": evaluation.summary(table)["coverage"],
        "lowest of a horizon": inside.min(),
        "highest": inside.max(),
        "width / actual": ((positive["upper"] - positive["lower"]) / positive["actual"]).mean(),
        "pinball loss": sum(losses) / 2,
    }


def special_scores(setting: data.Setting, forecasts: pd.DataFrame) -> pd.DataFrame:
    """MAPE of each method on each kind of special day, mean and median over series."""
    gaps = data.gapped(setting)
    points = forecasts[~forecasts["method"].str.contains("conformal")]
    columns = {}
    for name, origins in setting.special.items():
        rows = points[points["origin"].isin(origins)]
        if name == "after a gap":
            rows = rows[
                gaps.reindex(pd.MultiIndex.from_frame(rows[["origin", "series"]])).to_numpy()
            ]
        scores = {
            method: evaluation.summary(table)
            for method, table in rows.groupby("method", sort=False)
        }
        columns[name] = {method: score["mape"] for method, score in scores.items()}
        columns[f"{name}, median"] = {m: score["mape_median"] for m, score in scores.items()}
    return pd.DataFrame(columns).rename_axis("method")


def _frame(rows: dict[str, dict[str, float]]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")


def add_peers_options(parser: argparse.ArgumentParser) -> None:
    """The options of what runs the peers."""
    parser.add_argument(
        "--python",
        default=".venv-peers/bin/python",
        help="the interpreter of the peers' environment, which `make bench` sets up",
    )
    parser.add_argument(
        "--peers", nargs="*", default=[*PEERS, *SLOW_PEERS], help="which, default all"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of every method")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the real data")
    parser.add_argument("--only", help="only the data sets with this in their name")
    parser.add_argument("--origins", type=int, help="only the first so many origins")
    parser.add_argument("--keep", type=Path, help="folder to keep and reuse the peers' forecasts")
    add_peers_options(parser)
    tables.add_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
