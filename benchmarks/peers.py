"""The peers' forecasts: mlforecast, skforecast, and sktime's reduction as in the course.

    .venv-peers/bin/python benchmarks/peers.py FOLDER

Runs in its own environment (benchmarks/peers.txt) and does not import energy_assets. Reads
`panel.parquet` (hours x series) and `request.json` from FOLDER: the origins of each method, the
days of the window, the time zone and the number of threads. A method with temperatures also reads
`temperatures.parquet` (hours x stations), of the hours ahead too. Writes `forecasts.parquet`
(method, origin, series, datetime_utc, forecast, lower, upper) and `timings.json`, a list of
{method, origin, fit, predict} in seconds.

None of these libraries handles gaps throughout, so gaps are filled beforehand and in the same way
for all: with the value of a week ago, else of a day ago, else the last one. Each library is used as
its documentation shows. The lags, scaling and loss of mlforecast and skforecast are the best of
those tried on the Danish data they are scored on, which favours them.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

# In the same folder as this program.
import course
import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor

HORIZON = 24
WEEKLY_LAGS = [24, 25, 26, 48, 72, 96, 120, 144, 166, 167, 168, 169, 170, 192]
LAGS = [1, 2, 3, *WEEKLY_LAGS]
TUNED = {"objective": "l1", "n_estimators": 200, "learning_rate": 0.07}

Predict = Callable[[], pd.DataFrame]
"""Returns the columns series, datetime_utc, forecast and possibly lower, upper."""


def sktime_course(window: pd.DataFrame, threads: int, zone: str) -> Predict:
    """The model of the course energy-forecasting: lags 1 to 72, means, deviations, recursive."""
    model = course.pipeline(_lightgbm(threads))

    def keys(hours: pd.Index) -> pd.DataFrame:
        """The parts of each series' name (area, consumer type) as numbers, for each hour."""
        index = pd.MultiIndex.from_product([window.columns, hours], names=["series", "time"])
        parts = index.get_level_values(0).str.split("/", expand=True).to_frame(index=False)
        return parts.apply(lambda part: pd.factorize(part)[0]).set_axis(index)

    panel = keys(window.index)[[]].assign(y=window.to_numpy().T.ravel())
    model.fit(panel, X=keys(window.index), fh=list(range(1, HORIZON + 1)))

    def predict() -> pd.DataFrame:
        forecast = model.predict(X=keys(_ahead(window)))
        return forecast.set_axis(["forecast"], axis=1).rename_axis(["series", "datetime_utc"])

    return lambda: predict().reset_index()


def mlforecast_course(window: pd.DataFrame, threads: int, zone: str) -> Predict:
    """The features of the course in mlforecast."""
    from mlforecast.lag_transforms import RollingMean, RollingStd

    rolling = [kind(hours) for kind in (RollingMean, RollingStd) for hours in course.WINDOWS]
    return _mlforecast(
        window,
        _lightgbm(threads),
        lags=list(range(1, 73)),
        lag_transforms={1: rolling},
        date_features=["hour", "dayofweek"],
        num_threads=threads,
    )


def mlforecast_weekly(window: pd.DataFrame, threads: int, zone: str) -> Predict:
    """Only daily and weekly lags in mlforecast, so that no forecast is fed back."""
    return mlforecast_best(window, threads, zone, lags=WEEKLY_LAGS)


def mlforecast_best(
    window: pd.DataFrame,
    threads: int,
    zone: str,
    lags: Sequence[int] = LAGS,
    conformal_windows: int = 0,
    known_ahead: pd.DataFrame | None = None,
) -> Predict:
    """The best setting found for mlforecast: recent and weekly lags of standardised logarithms."""
    from mlforecast.target_transforms import GlobalSklearnTransformer, LocalStandardScaler
    from sklearn.preprocessing import FunctionTransformer

    def hour(times: pd.DatetimeIndex) -> pd.Index:
        return _local(times, zone).hour

    def weekday(times: pd.DatetimeIndex) -> pd.Index:
        return _local(times, zone).weekday

    log = GlobalSklearnTransformer(FunctionTransformer(np.log1p, np.expm1))
    return _mlforecast(
        window,
        _lightgbm(threads, **TUNED),
        conformal_windows=conformal_windows,
        known_ahead=known_ahead,
        lags=lags,
        target_transforms=[log, LocalStandardScaler()],
        date_features=[hour, weekday],
        num_threads=threads,
    )


def mlforecast_conformal_2(window: pd.DataFrame, threads: int, zone: str) -> Predict:
    """`mlforecast_best` with conformal intervals from two windows, mlforecast's default."""
    return mlforecast_best(window, threads, zone, conformal_windows=2)


def mlforecast_conformal_10(window: pd.DataFrame, threads: int, zone: str) -> Predict:
    """`mlforecast_best` with conformal intervals from ten windows."""
    return mlforecast_best(window, threads, zone, conformal_windows=10)


def skforecast_best(window: pd.DataFrame, threads: int, zone: str) -> Predict:
    """The global recursive forecaster of skforecast with the same lags, transform and loss."""
    from skforecast.recursive import ForecasterRecursiveMultiSeries
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    def calendar(hours: pd.Index) -> pd.DataFrame:
        local = _local(hours, zone)
        return pd.DataFrame({"hour": local.hour, "weekday": local.weekday}, index=hours)

    model = ForecasterRecursiveMultiSeries(
        _lightgbm(threads, **TUNED),
        lags=LAGS,
        encoding="ordinal",
        transformer_series=make_pipeline(FunctionTransformer(np.log1p, np.expm1), StandardScaler()),
    )
    model.fit(window, exog=calendar(window.index), suppress_warnings=True)

    def predict() -> pd.DataFrame:
        forecast = model.predict(HORIZON, exog=calendar(_ahead(window)), suppress_warnings=True)
        named = forecast.rename(columns={"level": "series", "pred": "forecast"})
        return named.rename_axis("datetime_utc").reset_index()

    return predict


METHODS: dict[str, Callable[[pd.DataFrame, int, str], Predict]] = {
    "sktime, the course": sktime_course,
    "mlforecast, the course": mlforecast_course,
    "mlforecast, weekly lags": mlforecast_weekly,
    "mlforecast, recent and weekly lags": mlforecast_best,
    "mlforecast, conformal 2": mlforecast_conformal_2,
    "mlforecast, conformal 10": mlforecast_conformal_10,
    "skforecast, recent and weekly lags": skforecast_best,
}


TEMPERATURES = "mlforecast, temperatures"
"""`mlforecast_best` with the temperatures of all stations as columns."""


def main(folder: Path) -> None:
    """Forecast with every method from each of its requested origins."""
    # A filter would not do: sktime sets its own while it runs.
    warnings.showwarning = lambda *arguments, **named: None
    request = json.loads((folder / "request.json").read_text())
    panel = pd.read_parquet(folder / "panel.parquet")
    methods = dict(METHODS)
    if (temperatures := folder / "temperatures.parquet").exists():
        known_ahead = pd.read_parquet(temperatures)
        methods[TEMPERATURES] = partial(mlforecast_best, known_ahead=known_ahead)
    tables: list[pd.DataFrame] = []
    timings: list[dict[str, Any]] = []
    requested = request["origins"]
    origins = sorted({origin for group in requested.values() for origin in group})
    for number, origin in enumerate(map(pd.Timestamp, origins)):
        window = filled(panel, origin, request["window_days"])
        for name in (name for name in requested if str(origin) in requested[name]):
            start = time.perf_counter()
            predict = methods[name](window, request["threads"], request["timezone"])
            fitted = time.perf_counter()
            forecast = predict()
            done = time.perf_counter()
            tables.append(forecast.assign(method=name, origin=origin))
            timings.append(
                {"method": name, "origin": str(origin)}
                | {"fit": fitted - start, "predict": done - fitted}
            )
        print(f"peers: origin {number + 1} of {len(origins)}", file=sys.stderr)
    columns = ["method", "origin", "series", "datetime_utc", "forecast", "lower", "upper"]
    forecasts = pd.concat(tables, ignore_index=True).reindex(columns=columns)
    forecasts.to_parquet(folder / "forecasts.parquet")
    (folder / "timings.json").write_text(json.dumps(timings))


def filled(panel: pd.DataFrame, origin: pd.Timestamp, days: int) -> pd.DataFrame:
    """The `days` days up to and including `origin`, or what there is of them, without gaps."""
    start = max(origin - pd.Timedelta(hours=24 * days - 1), panel.index[0])
    window = panel.reindex(pd.date_range(start, origin, freq="h"))
    for lag in (168, 24):
        window = window.fillna(window.shift(lag))
    return window.ffill().bfill()


def _mlforecast(
    window: pd.DataFrame,
    model: LGBMRegressor,
    conformal_windows: int = 0,
    known_ahead: pd.DataFrame | None = None,
    **settings: Any,
) -> Predict:
    from mlforecast import MLForecast
    from mlforecast.utils import PredictionIntervals

    rows = window.rename_axis(index="ds", columns="unique_id")
    rows = rows.melt(ignore_index=False, value_name="y").reset_index()
    X = None
    if known_ahead is not None:
        rows = rows.merge(known_ahead, left_on="ds", right_index=True)
        X = known_ahead.loc[_ahead(window)].rename_axis("ds").reset_index()
        X = pd.DataFrame({"unique_id": window.columns}).merge(X, how="cross")
    intervals = PredictionIntervals(conformal_windows, HORIZON) if conformal_windows else None
    forecaster = MLForecast({"forecast": model}, freq="h", **settings)
    forecaster.fit(rows, static_features=[], prediction_intervals=intervals)
    names = {
        "unique_id": "series",
        "ds": "datetime_utc",
        "forecast-lo-80": "lower",
        "forecast-hi-80": "upper",
    }
    level = [80] if intervals else None
    return lambda: forecaster.predict(HORIZON, level=level, X_df=X).rename(columns=names)


def _lightgbm(threads: int, **parameters: Any) -> LGBMRegressor:
    return LGBMRegressor(n_jobs=threads, verbosity=-1, **parameters)


def _ahead(window: pd.DataFrame) -> pd.DatetimeIndex:
    return pd.date_range(window.index[-1], periods=HORIZON + 1, freq="h")[1:]


def _local(times: pd.Index, zone: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(zone)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
