"""Speed: the forecaster beside its peers, and beside the time its own regressors take.

    python -m benchmarks.speed

Fits 76 simulated series of 720 hours and forecasts 24 hours. The methods take turns in warm
processes, and medians are shown; sktime's reduction, which takes a minute, runs once.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import lightgbm as lgb
import pandas as pd

from benchmarks import accuracy, data, tables
from energy_assets.forecasting import GlobalForecaster
from energy_assets.forecasting.models import ridge
from energy_assets.forecasting.panel.matrix import training_window

REGRESSORS: tuple[tuple[Any, str], ...] = (
    (lgb, "train"),
    (lgb.Booster, "predict"),
    (ridge, "_sums"),
    (ridge, "solve"),
)
"""What fits and predicts on finished matrices. A new regressor must be added here.

None of them may call another, or its time would count twice.
"""
VARIANTS: dict[str, dict[str, Any]] = {
    accuracy.OURS: {},
    f"{accuracy.OURS}, without intervals": {"calibration_days": 0},
    f"{accuracy.OURS}, LightGBM alone": {"linear_weight": 0.0, "lear_weight": 0.0},
}
STEPS = list(range(1, 25))
PARTS = ("fit", "predict")


def main() -> int:
    """Print the tables; the exit status is always 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    accuracy.add_peers_options(parser)
    tables.add_options(parser)
    options = parser.parse_args()
    seconds, regressor_seconds = measure(data.simulated(), options)
    frame = pd.DataFrame(
        {
            name: {part: statistics.median(timings[part]) for part in timings}
            for name, timings in seconds.items()
        }
    ).T.rename_axis("method")
    frame["fit + predict s"] = frame["fit"] + frame["predict"]
    ours = frame.loc[accuracy.OURS]
    methods = pd.DataFrame(
        {
            "fit + predict s": frame["fit + predict s"],
            "to ours": frame["fit + predict s"] / ours["fit + predict s"],
            "predict s": frame["predict"],
            "predict to ours": frame["predict"] / ours["predict"],
        }
    )
    regressors = pd.DataFrame(
        {
            "total s": {name: frame.loc[name, "fit + predict s"] for name in regressor_seconds},
            "its regressors s": {
                name: sum(statistics.median(timings[part]) for part in PARTS)
                for name, timings in regressor_seconds.items()
            },
        }
    ).rename_axis("fit + predict")
    regressors["ratio"] = regressors["total s"] / regressors["its regressors s"]
    title = f"76 series of 720 hours, {options.threads} thread(s), medians of {options.repeat}"
    tables.publish("speed", {title: methods, "Of that, the regressors": regressors}, options)
    return 0


Seconds = dict[str, list[float]]


def measure(
    setting: data.Setting, options: argparse.Namespace
) -> tuple[dict[str, Seconds], dict[str, Seconds]]:
    """The seconds of each method's fits and predicts, and those of our regressors within them."""
    seconds: dict[str, Seconds] = defaultdict(lambda: defaultdict(list))
    regressors: dict[str, Seconds] = defaultdict(lambda: defaultdict(list))
    place = {"country": setting.country, "timezone": setting.timezone, "n_jobs": options.threads}
    origin = setting.origins[-1]
    window = training_window(setting.panel, origin, setting.window_days)
    GlobalForecaster(**place).fit(window).predict(fh=STEPS)
    peers = options.peers
    for repeat in range(options.repeat):
        for name, changed in VARIANTS.items():
            forecaster = GlobalForecaster(**place, **changed)
            for part in PARTS:
                with regressors_timed() as timings:
                    start = time.perf_counter()
                    if part == "fit":
                        forecaster.fit(window)
                    else:
                        forecaster.predict(fh=STEPS)
                    seconds[name][part].append(time.perf_counter() - start)
                regressors[name][part].append(sum(timings))
        options.peers = [peer for peer in peers if repeat == 0 or not peer.startswith("sktime")]
        with tempfile.TemporaryDirectory() as folder:
            _, peer_timings = accuracy.run_peers(setting, options, Path(folder))
        # The first origin is only a warm-up.
        for timing in peer_timings:
            if timing["origin"] == str(origin):
                for part in PARTS:
                    seconds[timing["method"]][part].append(timing[part])
    return seconds, regressors


@contextmanager
def regressors_timed() -> Iterator[list[float]]:
    """Time the calls of REGRESSORS within the context; yields the list of their seconds."""
    timings: list[float] = []

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                timings.append(time.perf_counter() - start)

        return call

    with ExitStack() as patches:
        for owner, name in REGRESSORS:
            patches.enter_context(mock.patch.object(owner, name, timed(getattr(owner, name))))
        yield timings


if __name__ == "__main__":
    sys.exit(main())
