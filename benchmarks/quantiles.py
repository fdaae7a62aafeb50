"""What a forecast says of its own errors: pinball loss, coverage and width of its quantiles.

    python -m benchmarks.quantiles [--data FOLDER]

FOLDER holds the data of `benchmarks.accuracy` and the loads of `benchmarks.weather`, which are
forecast without temperatures. Without it, only made-up households are forecast. Beside the
forecaster stand the quantiles that the same hour of the day had in the window, and those of the
seasonal naive.

`pinball` is the mean loss of nine quantiles as a share of the mean of each series, and `width` that
of the 80 % interval. `sum` is the sum of the forecasts, or of the means of the same hour, as a
share of the sum of the observations. The other columns are shares of the observations: in the 80 %
interval at all horizons and at some, on weekends and holidays, and in the worst of the origins;
then in wider intervals and above upper quantiles. A table of few origins is off by some hundredths.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import holidays
import numpy as np
import pandas as pd

from benchmarks import data, tables, weather
from energy_assets.forecasting.evaluation.metrics import (
    QUANTILES,
    UPPER_TAIL,
    covered,
    distribution_terms,
)
from energy_assets.forecasting.fitted import fit
from energy_assets.forecasting.models import seasonal_naive
from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, training_window
from energy_assets.forecasting.panel.time_axis import HOUR
from energy_assets.forecasting.parameters import Parameters
from energy_assets_tests.forecasting.households import households

NAMES = {probability: f"q{round(100 * probability):02}" for probability in QUANTILES}
SEEDS = range(3)


def main() -> int:
    """Print a table for each panel."""
    options = _options()
    results = {}
    for setting in settings(options.data):
        if options.only and options.only not in setting.name:
            continue
        if options.origins:
            setting = setting.first(options.origins)
        rows = pd.concat([at(setting, origin, options.threads) for origin in setting.origins])
        scored = {
            name: scores(table, setting) for name, table in rows.groupby("method", sort=False)
        }
        title = f"{setting.name}: {len(setting.origins)} origins"
        results[title] = pd.DataFrame(scored).T.rename_axis("method")
        print(title, file=sys.stderr)
    tables.publish("quantiles", results, options)
    return 0


def settings(folder: Path | None) -> Iterator[data.Setting]:
    """The panels with their origins, at all hours of the day."""
    for seed in SEEDS:
        panel, days = households(seed, days=30 + 15 * seed + 5), 30 + 15 * seed
        first = panel.index.get_level_values(-1).min() + pd.Timedelta(days=days) - HOUR
        origins = pd.date_range(first, periods=8, freq="13h")
        yield data.Setting(f"households {seed}", panel, days, origins, **data.DENMARK)
    if folder is None:
        return
    for setting in data.settings(folder):
        if setting.name.startswith("EIA") and setting.window_days == 30:
            # Three times as many as elsewhere, because they are cheap.
            often = pd.date_range(setting.origins[0], periods=36, freq="235h")
            setting = replace(setting, origins=often)
        yield setting
    if any(folder.glob(weather.LOADS)):
        loads = weather.read(folder)[0].rename(columns=str).rename_axis("datetime_utc")
        panel, american = data.long(loads), {"country": "US", "timezone": "America/New_York"}
        for days in (30, 365):
            # All seasons, weekdays and hours of the day that have the history.
            first = loads.index[0] + pd.Timedelta(days=days + 1)
            origins = pd.date_range(first, loads.index[-HOURS_PER_DAY - 1], periods=48).floor("h")
            yield data.Setting(f"GEFCom 2012, {days} days", panel, days, origins, **american)


def at(setting: data.Setting, origin: pd.Timestamp, threads: int) -> pd.DataFrame:
    """The quantiles of every method at an origin, beside what was `actual`."""
    window = training_window(setting.panel, origin, setting.window_days)
    parameters = Parameters(country=setting.country, timezone=setting.timezone, n_jobs=threads)
    methods = {
        "GlobalForecaster": fit(window, None, parameters).predict(HOURS_PER_DAY, NAMES),
        "same hour of the window": _same_hour(window, origin),
        "seasonal naive": seasonal_naive.forecast(window, quantiles=NAMES),
    }
    tables = []
    for name, made in methods.items():
        rows = made[["forecast", *NAMES.values()]].assign(
            method=name, origin=origin, actual=setting.panel.iloc[:, 0].reindex(made.index)
        )
        tables.append(rows.dropna(subset="actual").reset_index())
    return pd.concat(tables, ignore_index=True)


def _same_hour(window: pd.DataFrame, origin: pd.Timestamp) -> pd.DataFrame:
    values = window.iloc[:, 0]
    hour = values.index.get_level_values(-1).hour.rename("hour")
    by_hour = values.groupby([values.index.get_level_values(0), hour])
    wide = pd.DataFrame({name: by_hour.quantile(share) for share, name in NAMES.items()})
    wide["forecast"] = by_hour.mean()
    ahead = pd.date_range(origin + HOUR, periods=HOURS_PER_DAY, freq="h", name="datetime_utc")
    series = wide.index.get_level_values(0).unique()
    index = pd.MultiIndex.from_product([series, ahead], names=["series", "datetime_utc"])
    keys = [index.get_level_values(0), index.get_level_values(1).hour]
    return wide.reindex(pd.MultiIndex.from_arrays(keys)).set_axis(index)


def scores(table: pd.DataFrame, setting: data.Setting) -> dict[str, float]:
    """The columns of the table of results."""
    actual = table["actual"].to_numpy()
    quantiles = {probability: table[name].to_numpy() for probability, name in NAMES.items()}
    terms = distribution_terms(actual, quantiles.items())
    size = table["actual"].abs().groupby(table["series"]).transform("mean").to_numpy()

    def inside(low: float, high: float) -> pd.Series:
        return pd.Series(covered(actual, quantiles[low], quantiles[high]), table.index)

    in_80 = inside(0.1, 0.9)
    local = table["datetime_utc"].dt.tz_localize("UTC").dt.tz_convert(setting.timezone)
    public = holidays.country_holidays(setting.country)
    horizon = (table["datetime_utc"] - table["origin"]) // HOUR
    groups = {
        f"h {first}-{first + 5}": horizon.between(first, first + 5) for first in range(1, 24, 6)
    }
    groups |= {
        "weekends": local.dt.weekday >= 5,
        "holidays": local.dt.date.map(lambda day: day in public),
    }
    return {
        "pinball": float(np.nanmean(terms["pinball"] / size)),
        "width": float(np.mean((quantiles[0.9] - quantiles[0.1]) / size)),
        "sum": float(table["forecast"].sum() / table["actual"].sum()),
        "80 %": float(in_80.mean()),
        **{name: float(in_80[rows].mean()) for name, rows in groups.items()},
        "worst origin": float(in_80.groupby(table["origin"]).mean().min()),
        "90 %": float(inside(0.05, 0.95).mean()),
        "98 %": float(inside(0.01, 0.99).mean()),
        **{f"> {p:.0%}": float(np.nanmean(terms[name])) for p, name in UPPER_TAIL.items()},
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with real data")
    parser.add_argument("--only", help="only the panels with this in their name")
    parser.add_argument("--origins", type=int, help="use only this many origins")
    parser.add_argument("--threads", type=int, default=1, help="threads of the forecaster")
    tables.add_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
