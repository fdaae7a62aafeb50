"""What more history brings and costs, and how holidays are forecast.

    python -m benchmarks.years --data FOLDER

FOLDER holds the hourly demand of US authorities (Parquet), see `benchmarks/data.py`. The origins of
the first table are in the second half of 2017, at different hours and weekdays. Those of the second
are the midnights before public holidays, and after them. The exit status is 1 if fitting takes
more than in proportion to the hours of the window, or if a holiday is forecast worse than by
yesterday's value.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path

import holidays
import numpy as np
import pandas as pd

from benchmarks import data, tables
from energy_assets.forecasting.evaluation.rolling_origin import Forecast, rolling_origin
from energy_assets.forecasting.evaluation.scores import by_horizon, summary
from energy_assets.forecasting.fitted import fit
from energy_assets.forecasting.models import seasonal_naive
from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY
from energy_assets.forecasting.parameters import Parameters

ORIGINS = pd.date_range("2017-07-05 05:00", periods=16, freq="267h")
DAYS = (30, 365, 730)
OURS = "GlobalForecaster"
ZONE = "America/Chicago"


def main() -> int:
    """Print the tables and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the real data")
    parser.add_argument("--origins", type=int, default=len(ORIGINS), help="how many origins")
    parser.add_argument("--threads", type=int, default=1, help="threads of our method")
    tables.add_options(parser)
    options = parser.parse_args()
    panel = data.read_eia(next(iter(sorted(options.data.glob(data.EIA)))))
    history = by_history(panel, ORIGINS[: options.origins], options.threads)
    special = by_holiday(panel, options.threads)
    results = {
        f"{len(data.wide(panel).columns)} authorities, {options.origins} origins": history,
        "MAPE of holidays of 2017 and of the days after them": special,
    }
    tables.publish("years", results, options)
    seconds = history["fit, CPU s"] / history["hours"]
    in_proportion = seconds.iloc[-1] <= 1.1 * seconds.iloc[-2]
    naive = special.loc["seasonal naive 24", "holiday"]
    better = (special.filter(like=OURS, axis=0)["holiday"] < naive).all()
    return int(not (in_proportion and better))


def by_history(panel: pd.DataFrame, origins: pd.DatetimeIndex, threads: int) -> pd.DataFrame:
    """The errors and the seconds of a fit by the length of the window."""
    rows, first = {}, panel.index.get_level_values(-1).min()
    for days in DAYS:
        seconds: list[float] = []
        table = rolling_origin(panel, {OURS: ours(threads, seconds)}, origins, days)
        scores, mape = summary(table), by_horizon(table)["mape"]
        known = np.asarray((origins - first) / pd.Timedelta(hours=1))
        rows[f"{days} days"] = {
            "hours": float(np.minimum(known, days * HOURS_PER_DAY).mean()),
            "median MAPE": scores["mape_median"],
            "MAPE": scores["mape"],
            "h 1-6": mape.loc[1:6].mean(),
            "h 7-12": mape.loc[7:12].mean(),
            "h 13-24": mape.loc[13:24].mean(),
            "fit, CPU s": float(np.median(seconds)),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("history, up to")


def by_holiday(panel: pd.DataFrame, threads: int) -> pd.DataFrame:
    """The MAPE of holidays and of the days after them, by method."""
    days = pd.DatetimeIndex(sorted(holidays.country_holidays("US", years=2017)))
    after = (days + pd.Timedelta(days=1)).difference(days)
    origins = {name: _eves(group) for name, group in (("holiday", days), ("day after", after))}
    rows = {}
    for name, method, window in (
        *((f"{OURS}, {days} days", ours(threads, []), days) for days in DAYS[:2]),
        *(
            (f"seasonal naive {season}", _naive(season), DAYS[0])
            for season in (HOURS_PER_DAY, 7 * HOURS_PER_DAY)
        ),
    ):
        scores = {
            group: summary(rolling_origin(panel, {name: method}, eves, window))
            for group, eves in origins.items()
        }
        rows[name] = {group: score["mape"] for group, score in scores.items()}
        rows[name] |= {f"{group}, median": s["mape_median"] for group, s in scores.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")


def ours(threads: int, seconds: list[float]) -> Forecast:
    """The forecast of `GlobalForecaster`; appends the CPU seconds of each fit to `seconds`."""
    parameters = Parameters(country="US", timezone=ZONE, n_jobs=threads)

    def forecast(window: pd.DataFrame, horizon: int) -> pd.DataFrame:
        started = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = fit(window, None, parameters)
        seconds.append(time.process_time() - started)
        return fitted.predict(horizon, {0.1: "lower", 0.9: "upper"})

    return forecast


def _naive(season: int) -> Forecast:
    return lambda window, horizon: seasonal_naive.forecast(window, horizon, season)


def _eves(days: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The last hour before each of some local days."""
    midnight = days.tz_localize(ZONE).tz_convert("UTC").tz_localize(None)
    return midnight - pd.Timedelta(hours=1)


if __name__ == "__main__":
    sys.exit(main())
