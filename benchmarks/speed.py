"""Speed: the forecaster beside its peers, and beside what its own regressors take.

    python -m benchmarks.speed

76 simulated series of 720 hours: fit and forecast 24 hours. The methods take turns, each in a warm
process, and what is shown are medians; sktime's reduction, which takes a minute, runs once.
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
from energy_assets.forecasting.models import ridge as linear
from energy_assets.forecasting.panel.matrix import training_window

REGRESSORS: tuple[tuple[Any, str], ...] = (
    (lgb, "train"),
    (lgb.Booster, "predict"),
    (linear, "_sums"),
    (linear, "solve"),
)
"""What fits and predicts on finished matrices: a regressor that joins the forecaster belongs here.

None of them may call another, or its time counts twice.
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
    seconds, own = measure(data.simulated(), options)
    frame = pd.DataFrame(
        {
            name: {part: statistics.median(took[part]) for part in took}
            for name, took in seconds.items()
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
            "total s": {name: frame.loc[name, "fit + predict s"] for name in own},
            "its regressors s": {
                name: sum(statistics.median(took[part]) for part in PARTS)
                for name, took in own.items()
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
    """The seconds of each method's fits and predicts, and those of our own regressors in them."""
    seconds: dict[str, Seconds] = defaultdict(lambda: defaultdict(list))
    own: dict[str, Seconds] = defaultdict(lambda: defaultdict(list))
    origin = setting.origins[-1]
    window = training_window(setting.panel, origin, setting.window_days)
    GlobalForecaster(n_jobs=options.threads).fit(window).predict(fh=STEPS)
    asked = options.peers
    for repeat in range(options.repeat):
        for name, changed in VARIANTS.items():
            forecaster = GlobalForecaster(n_jobs=options.threads, **changed)
            for part in PARTS:
                with regressors_timed() as took:
                    begun = time.perf_counter()
                    if part == "fit":
                        forecaster.fit(window)
                    else:
                        forecaster.predict(fh=STEPS)
                    seconds[name][part].append(time.perf_counter() - begun)
                own[name][part].append(sum(took))
        options.peers = [peer for peer in asked if repeat == 0 or not peer.startswith("sktime")]
        with tempfile.TemporaryDirectory() as folder:
            _, timings = accuracy.ask_peers(setting, options, Path(folder))
        # The first origin only warms the process up.
        for timing in timings:
            if timing["origin"] == str(origin):
                for part in PARTS:
                    seconds[timing["method"]][part].append(timing[part])
    return seconds, own


@contextmanager
def regressors_timed() -> Iterator[list[float]]:
    """Within it, the seconds of each call of one of REGRESSORS are appended to what it gives."""
    took: list[float] = []

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                took.append(time.perf_counter() - begun)

        return call

    with ExitStack() as patches:
        for owner, name in REGRESSORS:
            patches.enter_context(mock.patch.object(owner, name, timed(getattr(owner, name))))
        yield took


if __name__ == "__main__":
    sys.exit(main())
