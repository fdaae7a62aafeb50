"""What temperatures are worth: `GlobalForecaster` beside the regression that the field starts from.

    python -m benchmarks.weather --data FOLDER

`make bench` sets up the environment of mlforecast, which is given the same temperatures.

FOLDER holds hourly loads and temperatures of the Global Energy Forecasting Competition 2012, two
Parquet files. Which station belongs to which zone is not told. From each origin of 2006, every
method forecasts 24 hours from the year before it.

The regression is the benchmark of Tao Hong: the logarithm of the load on the month, the hour of the
week, and the temperature, its square and its cube by month and by hour of the day (Hong, Pinson,
Fan (2014), "Global Energy Forecasting Competition 2012", International Journal of Forecasting 30).
It does not know the last hours, so it is shown with its mean error of the last day as well.

Temperatures are as observed, or with the errors of a forecast: 1.3 degrees C at 24 hours in the
mean. The exit status is 1 if our median MAPE is above the bound, as a share of the regression's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import tables
from benchmarks.accuracy import add_python_options, ask_peers
from energy_assets.forecasting.fitted import fit
from energy_assets.forecasting.panel.matrix import Floats, Ints
from energy_assets.forecasting.parameters import Parameters

LOADS, TEMPERATURES = "gefcom2012_load*.parquet", "gefcom2012_temperature*.parquet"
WINDOW = 365 * 24
HORIZON = 24
ERROR_AT_24_HOURS = 1.3
"""Mean absolute error of a temperature forecast, degrees C."""

BOUND = 0.80
"""Our error at most, as a share of the regression's with its last errors."""

OURS, REGRESSION = "GlobalForecaster, temperatures", "regression, last day's error carried on"

Method = Callable[["Window"], Floats]
"""Forecasts the loads of the hours ahead, shape (zones, horizon)."""


class Window:
    """The loads and temperatures up to an origin, and the temperatures of the hours ahead."""

    def __init__(self, loads: pd.DataFrame, temperatures: pd.DataFrame, end: int) -> None:
        known = slice(end - WINDOW, end)
        self.loads = loads.iloc[known]
        self.observed = temperatures.iloc[end - WINDOW : end + HORIZON]
        self.hours = pd.DatetimeIndex(self.observed.index)

    def forecast_temperatures(self) -> pd.DataFrame:
        """The temperatures with the errors of a forecast, which grow with the hours ahead."""
        rng = np.random.default_rng(int(self.hours[-1].timestamp()))
        stations = self.observed.shape[1]
        steps = 0.8 * rng.normal(size=(HORIZON, 1)) + 0.6 * rng.normal(size=(HORIZON, stations))
        error = steps.cumsum(axis=0) * ERROR_AT_24_HOURS / (np.sqrt(2 / np.pi) * np.sqrt(HORIZON))
        forecast = self.observed.copy()
        forecast.iloc[-HORIZON:] += error
        return forecast


def main() -> int:
    """Print the table and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the real data")
    parser.add_argument("--origins", type=int, default=24, help="how many origins")
    add_python_options(parser)
    tables.add_options(parser)
    options = parser.parse_args()
    loads, temperatures = read(options.data)
    first = loads.index.searchsorted(pd.Timestamp("2006-01-06 05:00")) + 1
    # Every hour of the day, and all seasons.
    ends = [first + number * (15 * 24 - 11) for number in range(options.origins)]
    ends = [end for end in ends if end + HORIZON <= len(loads)]
    rows = {}
    for name, method in methods(options.threads).items():
        started = time.perf_counter()
        errors = np.stack([_errors(method, loads, temperatures, end) for end in ends])
        rows[name] = _scores(errors) | {"seconds": (time.perf_counter() - started) / len(ends)}
    for name, errors, seconds in _mlforecast(loads, temperatures, ends, options):
        rows[name] = _scores(errors) | {"seconds": seconds}
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
    title = f"{loads.shape[1]} zones, {len(ends)} origins of 2006, a year of history"
    tables.publish("weather", {title: frame}, options)
    median = frame["MAPE, median zone"]
    return int(median[OURS] > BOUND * median[REGRESSION])


def _scores(errors: Floats) -> dict[str, float]:
    """The scores of absolute percentage errors, shape (origins, zones, horizon)."""
    by_zone = errors.mean(axis=0)
    parts = {"h 1-6": slice(0, 6), "h 19-24": slice(18, 24)}
    return {
        "MAPE, median zone": float(np.median(by_zone.mean(axis=1))),
        "MAPE, mean of zones": float(by_zone.mean()),
        **{title: float(np.median(by_zone[:, at].mean(axis=1))) for title, at in parts.items()},
    }


def _mlforecast(
    loads: pd.DataFrame, temperatures: pd.DataFrame, ends: list[int], options: argparse.Namespace
) -> Iterator[tuple[str, Floats, float]]:
    """The errors and seconds an origin of mlforecast, without and with temperatures."""
    origins = [str(loads.index[end - 1]) for end in ends]
    peers = {"mlforecast, recent and weekly lags": origins, "mlforecast, temperatures": origins}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        loads.rename(columns=str).to_parquet(folder / "panel.parquet")
        temperatures.add_prefix("station_").to_parquet(folder / "temperatures.parquet")
        forecasts, timings = ask_peers(peers, WINDOW // 24, "UTC", options, folder)
    for peer in peers:
        found = forecasts[forecasts["method"] == peer]
        errors = []
        for end, origin in zip(ends, pd.to_datetime(origins), strict=True):
            of_origin = found[found["origin"] == origin]
            forecast = of_origin.pivot_table("forecast", "datetime_utc", "series")
            forecast = forecast[[str(zone) for zone in loads.columns]].to_numpy()
            errors.append(np.abs(forecast / loads.iloc[end : end + HORIZON].to_numpy() - 1).T)
        spent = [
            timing["fit"] + timing["predict"] for timing in timings if timing["method"] == peer
        ]
        yield peer, np.stack(errors), float(np.mean(spent))


def read(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Loads (hours x zones) and temperatures (hours x stations)."""
    loads, temperatures = (
        pd.read_parquet(next(iter(sorted(folder.glob(pattern)))))
        for pattern in (LOADS, TEMPERATURES)
    )
    return (
        loads.pivot_table(index="ds", columns="zone", values="y"),
        temperatures.pivot_table(index="ds", columns="station", values="temperature"),
    )


def methods(threads: int) -> dict[str, Method]:
    """The methods by name."""
    return {
        "GlobalForecaster, no temperatures": lambda window: ours(window, None, threads),
        OURS: lambda window: ours(window, window.observed, threads),
        "GlobalForecaster, forecast temperatures": lambda window: ours(
            window, window.forecast_temperatures(), threads
        ),
        "regression": lambda window: regression(window, window.observed, carried_hours=0),
        REGRESSION: lambda window: regression(window, window.observed, carried_hours=24),
        "the same, forecast temperatures": lambda window: regression(
            window, window.forecast_temperatures(), carried_hours=24
        ),
    }


def ours(window: Window, temperatures: pd.DataFrame | None, threads: int) -> Floats:
    """The forecast of `GlobalForecaster`, which is given all stations for every zone."""
    names = ["zone", "datetime_utc"]
    y = window.loads.melt(ignore_index=False).set_index("zone", append=True).swaplevel()
    y = y.rename_axis(names).sort_index()
    X = None
    if temperatures is not None:
        columns = temperatures.add_prefix("temperature:")
        zones = list(window.loads.columns)
        X = pd.concat([columns] * len(zones), keys=zones, names=names)
    parameters = Parameters(country="US", timezone="UTC", calibration_days=0, n_jobs=threads)
    fitted = fit(y, X, parameters)
    return fitted.predict(HORIZON, X=X)["forecast"].to_numpy().reshape(-1, HORIZON)


def regression(window: Window, temperatures: pd.DataFrame, carried_hours: int) -> Floats:
    """Tao Hong's regression on the mean of the three stations that explain a zone best."""
    logs = np.log(np.maximum(window.loads.to_numpy(), 1.0))
    known = len(logs)
    forecasts = []
    for zone in range(logs.shape[1]):
        stations = _best_stations(logs[:, zone], temperatures.to_numpy()[:known])
        terms = _terms(temperatures.to_numpy()[:, stations].mean(axis=1), window.hours)
        gram = terms[:known].T @ terms[:known] + 1e-3 * np.eye(terms.shape[1])
        weights = np.linalg.solve(gram, terms[:known].T @ logs[:, zone])
        residuals = logs[:, zone] - terms[:known] @ weights
        carried = residuals[-carried_hours:].mean() if carried_hours else 0.0
        forecasts.append(np.exp(terms[known:] @ weights + carried))
    return np.stack(forecasts)


def _best_stations(logs: Floats, temperatures: Floats) -> Ints:
    errors = []
    for degrees in temperatures.T:
        terms = np.stack([degrees**power for power in range(4)], axis=1)
        errors.append(np.linalg.lstsq(terms, logs, rcond=None)[1].sum())
    return np.argsort(errors)[:3]


def _terms(degrees: Floats, hours: pd.DatetimeIndex) -> Floats:
    month = np.eye(12)[hours.month - 1]
    hour = np.eye(24)[hours.hour]
    # Of about the same size, so that the equations can be solved well.
    powers = [degrees / 10, degrees**2 / 100, degrees**3 / 1000]
    by_temperature = [part * power[:, None] for power in powers for part in (month, hour)]
    trend = np.arange(len(hours))[:, None] / len(hours)
    week = np.eye(168)[hours.weekday * 24 + hours.hour]
    return np.hstack([month, week, *by_temperature, trend])


def _errors(method: Method, loads: pd.DataFrame, temperatures: pd.DataFrame, end: int) -> Floats:
    """Absolute percentage errors, shape (zones, horizon)."""
    actual = loads.iloc[end : end + HORIZON].to_numpy().T
    return np.abs(method(Window(loads, temperatures, end)) / actual - 1)


if __name__ == "__main__":
    sys.exit(main())
