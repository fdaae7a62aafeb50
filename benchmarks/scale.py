"""Scale: seconds and memory of fit and forecast, for a thousand series and many more.

    python -m benchmarks.scale --series 1000 10000 100000

Uses artificial series of 720 hours with a daily and a weekly shape. Each number of series runs in
its own process, whose peak resident memory is shown.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd

from benchmarks import tables
from energy_assets.forecasting import GlobalForecaster

HOURS = 720


def main() -> int:
    """Print the table; the exit status is 1 if a process fails, for example for lack of memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    tables.add_options(parser)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.series[0], options.threads)))
        return 0
    rows = []
    for count in options.series:
        command = ["-m", "benchmarks.scale", "--one", "--series", str(count)]
        command += ["--threads", str(options.threads)]
        done = subprocess.run([sys.executable, *command], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            print(f"{count} series failed with status {done.returncode}", file=sys.stderr)
            break
        rows.append(json.loads(done.stdout.splitlines()[-1]))
    frame = pd.DataFrame(rows, index=pd.Index(options.series[: len(rows)], name="series"))
    if rows:
        total = frame["fit s"] + frame["predict s"]
        frame["ms / series"] = 1000 * total / frame.index.to_numpy()
        frame["to the row before"] = total / total.shift()
        tables.publish("scale", {f"{HOURS} hours, {options.threads} thread(s)": frame}, options)
    return int(len(rows) < len(options.series))


def measure(count: int, threads: int) -> dict[str, float]:
    """Seconds of fit and predict on `count` series, and the peak memory of this process in GB."""
    history = panel(count)
    forecaster = GlobalForecaster(country="DK", timezone="Europe/Copenhagen", n_jobs=threads)
    start = time.perf_counter()
    forecaster.fit(history)
    fitted = time.perf_counter()
    forecaster.predict(fh=list(range(1, 25)))
    done = time.perf_counter()
    # Linux counts in KB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    return {"fit s": fitted - start, "predict s": done - fitted, "peak GB": peak}


def panel(count: int) -> pd.DataFrame:
    """`count` series of HOURS hours with level, daily and weekly shape, and noise."""
    draws = np.random.default_rng(0)
    hours = pd.date_range("2023-02-01", periods=HOURS, freq="h", name="datetime_utc")
    level = draws.uniform(100, 10_000, count)
    day = draws.uniform(0.1, 0.4, count)
    week = draws.uniform(0, 0.3, count)
    daily = 1 - np.cos(2 * np.pi * (hours.hour.to_numpy() - 3) / 24)
    weekend = (hours.dayofweek >= 5).astype(float)
    values = np.multiply.outer(day, daily)
    values += 1 - np.multiply.outer(week, weekend)
    values *= level[:, None] * draws.normal(1, 0.03, values.shape)
    index = pd.MultiIndex.from_product([np.arange(count), hours], names=["series", hours.name])
    return pd.DataFrame({"energy_consumption": values.ravel()}, index=index)


if __name__ == "__main__":
    sys.exit(main())
