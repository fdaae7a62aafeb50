"""What bad history does to forecasts: ours, the seasonal naives' and a peer's.

    python -m benchmarks.robustness [--data FOLDER] [--peers "mlforecast, recent and weekly lags"]

One series in eight of a panel is spoilt before the origin, by one fault at a time of the catalogue
in `energy_assets_tests/forecasting/faults.py`; in the last row, one in twenty by many faults at
once. Every method forecasts the next day from the spoilt panel. Its score is the mean absolute
error divided by the mean of the true values, as a mean over the spoilt series and the origins.

`bound` is 1.5 times the better of the naives, had they the panel without the fault. `largest` is
the largest forecast of ours divided by the largest true value of its series, `coverage` that of our
80 % intervals, both for the spoilt series. For the other series, `others` is our error, and `moved`
how far our forecasts are from those of the panel without faults.

Without `--data`, the panel is simulated. The exit status is 1 if an error is above its bound; where
the fault takes all that the better naive knows, such as the last two days, that may be too much to
ask.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import data, tables
from benchmarks.accuracy import add_peers_options, run_peers
from energy_assets.forecasting.fitted import fit
from energy_assets.forecasting.models import seasonal_naive
from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY
from energy_assets.forecasting.parameters import Parameters
from energy_assets_tests.forecasting.faults import FAULTS, NO_FAULT, spoil_many, spoil_some

EVERY, MANY = 8, 20
BOUND = 1.5

Spoil = Callable[[pd.DataFrame], pd.DataFrame]
"""A panel -> the same, with some series spoilt."""


def main() -> int:
    """Print a table for each data set and return the exit status."""
    options = _options()
    settings = list(data.settings(options.data)) if options.data else [data.simulated()]
    results = {
        f"{setting.name}: error of spoilt series": compare(setting.first(options.origins), options)
        for setting in settings
        if setting.window_days == 30 and (not options.only or options.only in setting.name)
    }
    tables.publish("robustness", results, options)
    return int(any((frame["ours"] > frame["bound"]).any() for frame in results.values()))


def compare(setting: data.Setting, options: argparse.Namespace) -> pd.DataFrame:
    """The scores of every method with every fault, and without any."""
    rows = {}
    clean: dict[pd.Timestamp, pd.DataFrame] = {}
    spoilers: dict[str, tuple[int, Spoil]] = {
        name: (EVERY, partial(spoil_some, fault=fault, every=EVERY))
        for name, fault in ({"nothing": NO_FAULT} | FAULTS).items()
    }
    spoilers["many faults at once, one series in 20"] = MANY, partial(spoil_many, every=MANY)
    for name, (every, spoil) in spoilers.items():
        scores = []
        for origin in setting.origins:
            at = Scores(setting, origin, spoil, every, options)
            ours = at.ours()
            scores.append(at.all(ours, clean.setdefault(origin, ours)))
        table = pd.DataFrame(scores)
        rows[name] = table.mean()
        rows[name]["largest"] = table["largest"].max()
        print(f"{setting.name}: {name}", file=sys.stderr)
    return pd.DataFrame(rows).T.rename_axis("spoilt by")


class Scores:
    """The scores of every method at one origin of a panel with one fault."""

    def __init__(
        self,
        setting: data.Setting,
        origin: pd.Timestamp,
        spoil: Spoil,
        every: int,
        options: argparse.Namespace,
    ) -> None:
        panel = data.wide(setting.panel)
        window = panel.loc[:origin].iloc[-HOURS_PER_DAY * setting.window_days :]
        actual = panel.loc[origin:].iloc[1 : 1 + HOURS_PER_DAY]
        # A gap of the data in the day ahead would leave nothing to compare with.
        known = actual.columns[actual.notna().all() & window.notna().any()]
        self.clean, self.actual = data.long(window[known]), actual[known]
        self.panel = spoil(self.clean)
        self.spoilt = np.arange(len(known)) % every == 0
        self.setting, self.options, self.origin = setting, options, origin

    def all(self, ours: pd.DataFrame, unspoilt: pd.DataFrame) -> dict[str, float]:
        """The columns of the table, given our forecasts, and those of the panel without faults."""
        naives = seasonal_naive.SEASONAL_NAIVES
        clean = [self._error(self._naive(self.clean, rule.season)) for rule in naives]
        forecast, actual = self._wide(ours["forecast"]), self.actual
        covered = (actual >= self._wide(ours["lower"])) & (actual <= self._wide(ours["upper"]))
        return {
            "ours": self._error(ours["forecast"]),
            **{rule.label: self._error(self._naive(self.panel, rule.season)) for rule in naives},
            **{name: self._error(self._peer(name)) for name in self.options.peers},
            "bound": BOUND * min(clean),
            "largest": float((forecast.max() / actual.max())[self.spoilt].max()),
            "coverage": float(covered.loc[:, self.spoilt].to_numpy().mean()),
            "others": self._error(ours["forecast"], ~self.spoilt),
            "moved": self._share(self._wide(ours["forecast"] - unspoilt["forecast"]), ~self.spoilt),
        }

    def ours(self) -> pd.DataFrame:
        """Our forecasts of the spoilt panel."""
        place = {"country": self.setting.country, "timezone": self.setting.timezone}
        parameters = Parameters(n_jobs=self.options.threads, **place)
        return fit(self.panel, None, parameters).predict(HOURS_PER_DAY, seasonal_naive.INTERVAL)

    def _naive(self, panel: pd.DataFrame, season: int) -> pd.Series:
        return seasonal_naive.forecast(panel, HOURS_PER_DAY, season)["forecast"]

    def _peer(self, name: str) -> pd.Series:
        """The forecast of a peer, which runs in its own environment."""
        with tempfile.TemporaryDirectory() as folder:
            only = argparse.Namespace(**{**vars(self.options), "peers": [name]})
            here = replace(
                self.setting,
                panel=self.panel,
                origins=pd.DatetimeIndex([self.origin]),
                special={},
            )
            forecasts, _ = run_peers(here, only, Path(folder))
        return forecasts.set_index(["series", "datetime_utc"])["forecast"]

    def _error(self, forecast: pd.Series, chosen: np.ndarray | None = None) -> float:
        """The error of the chosen series, by default the spoilt ones."""
        chosen = self.spoilt if chosen is None else chosen
        return self._share(self._wide(forecast) - self.actual, chosen)

    def _share(self, difference: pd.DataFrame, chosen: np.ndarray) -> float:
        """The size of a difference as a share of the true values, as a mean over series."""
        share = difference.abs().mean() / self.actual.abs().mean()
        return float(share[chosen].mean())

    def _wide(self, values: pd.Series) -> pd.DataFrame:
        wide = data.wide(values.to_frame())
        return wide.reindex(index=self.actual.index, columns=self.actual.columns)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with real data")
    parser.add_argument("--only", help="only the data sets with this in their name")
    parser.add_argument("--origins", type=int, default=2, help="how many origins, by default 2")
    add_peers_options(parser)
    parser.set_defaults(peers=[])
    tables.add_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
