"""A soak: 500 hours, one after the other, in one process, while runs fail.

    python -m benchmarks.soak

In each hour the schedules and sensors are evaluated with real cursors, stores and a real Dagster
instance, and the runs they request are executed. Only the time is simulated. One run in twenty
fails: the source or a store stops answering in the middle, or the process dies. The simulated
source is late and incomplete now and then; in addition it is away for six hours, and later nothing
runs for eight.

The exit status is 1 if an hour has no forecast, or if memory or open files keep growing.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from benchmarks import tables
from benchmarks.simulated_daemon import BREAKABLE, Breakable, Daemon, Faults, simulated_time

if TYPE_CHECKING:
    from energy_assets.commands.deployment import Deployment

START = datetime(2023, 3, 13, 22)
HOUR = timedelta(hours=1)
DAYS = 20
"""The training window; with half of it no model beats the naive forecast."""
SERIES = [(area, code) for area in ("DK1", "DK2") for code in ("111", "121", "211", "320", "445")]
SOURCE_AWAY, STANDSTILL = 6, 8
"""Hours without a source, after a third; hours in which nothing runs, after three fifths."""
MOST_GROWTH, MOST_FILES = 1.10, 5
"""Memory and open files may grow this much in the last two fifths of the hours."""


@dataclass(frozen=True)
class FewSeries:
    """The records of `SERIES` alone."""

    source: Any

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self.source, attribute)

    def fetch(self, start: datetime, end: datetime) -> pd.DataFrame:
        """The records of the hours [start, end)."""
        records = self.source.fetch(start, end)
        profile = self.source.profile
        names = records[[profile.area_column, profile.consumer_type_column]]
        return records[pd.MultiIndex.from_frame(names).isin(SERIES)]


def main() -> int:
    """Print the tables; the exit status is 1 if a forecast is missing or the process grows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.05, help="of the runs that fail")
    tables.add_options(parser)
    options = parser.parse_args()
    # In memory if possible: there is no disk to be waited for.
    memory = next(filter(os.path.isdir, ["/dev/shm"]), None)  # noqa: S108
    with tempfile.TemporaryDirectory(prefix="soak-", dir=memory) as folder:
        return _soak(Path(folder), options)


def _soak(folder: Path, options: argparse.Namespace) -> int:
    home = folder / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    os.environ |= {
        "DAGSTER_HOME": str(home),
        "STORAGE_ROOT": str(folder / "storage"),
        "PARTITIONS_START": f"{START:%Y-%m-%d-%H:%M}",
        "DAYS_DELAY": "0",
    }
    import dagster as dg

    logging.disable(logging.WARNING)
    hours = [START + number * HOUR for number in range(options.hours)]
    first_away, first_off = options.hours // 3, options.hours * 3 // 5
    faults, choice = Faults(), random.Random(options.seed)  # noqa: S311
    samples: list[dict[str, Any]] = []
    seconds: list[float] = []
    with (
        simulated_time(),
        dg.DagsterInstance.from_config(str(home)) as instance,
    ):
        deployment = _deployment(folder, faults)
        daemon = Daemon(deployment, instance, faults, choice, options.share)
        for number, hour in enumerate(hours):
            started = time.monotonic()
            faults.source_away = 0 <= number - first_away < min(SOURCE_AWAY, options.hours // 5)
            if not 0 <= number - first_off < min(STANDSTILL, options.hours // 5):
                daemon.hour(hour + HOUR)
            seconds.append(time.monotonic() - started)
            if number + 1 in _sampled(options.hours):
                samples.append(_sample(number + 1, folder, seconds))
                print(samples[-1], file=sys.stderr, flush=True)
        forecasts = _forecasts(deployment, hours)
    growth = pd.DataFrame(samples).set_index("after hours")
    made = int(forecasts["made"].sum())
    qualities = forecasts["quality"].value_counts()
    late = forecasts.loc[forecasts["late"] > 0, "late"]
    figures = {
        "hours": options.hours,
        "hours with a forecast": made,
        **{f"first issued with quality {name}": n for name, n in qualities.items()},
        "late forecasts": len(late),
        "longest lateness (h)": float(late.max()),
        **dict(sorted(daemon.counts.items())),
    }
    table = pd.DataFrame({"figure": pd.Series(figures, dtype=object)}).rename_axis("what")
    titles = {f"A soak of {options.hours} hours, seed {options.seed}": table, "Growth": growth}
    tables.publish("soak", titles, options)
    middle, end = growth.iloc[-3], growth.iloc[-1]
    grown = (
        end["memory (MB)"] > MOST_GROWTH * middle["memory (MB)"]
        or end["open files"] > middle["open files"] + MOST_FILES
    )
    return int(made < options.hours or bool(grown))


def _sampled(hours: int) -> set[int]:
    """After each fifth of the hours."""
    return {hours * fifths // 5 for fifths in range(1, 6)}


def _deployment(folder: Path, faults: Faults) -> Deployment:
    """Few series, a configuration that is quick to train, and the rows before the first hour."""
    from energy_assets.commands.deployment import Deployment
    from energy_assets.contract.rules import validate_records
    from energy_assets.definitions import build_resources
    from energy_assets.forecasting.tuning.result import NotTuned
    from energy_assets.schemas import first_versions
    from energy_assets.settings import read_settings
    from energy_assets.sources.simulator import Simulator

    settings = read_settings(
        _env_file=None,
        storage_root=folder / "storage",
        energy_source="simulator",
        days_export=DAYS,
        runs_kept_days=7,
        models_kept_days=8,
        wandb_mode="disabled",
    )
    resources = {**build_resources(settings), "source": FewSeries(Simulator())}
    # Files have their times from the real clock, by which everything here is new.
    resources["feature_store"].retention_hours = 0
    resources["model_registry"].retention_hours = 0
    source = resources["source"]
    records = source.fetch(START - (DAYS + 2) * 24 * HOUR, START)
    rows = validate_records(records, source.profile).rows
    resources["feature_store"].upsert(first_versions(rows))
    config = NotTuned(best_parameters={"n_estimators": 20}, unsearched="chosen by the benchmark")
    path = f"best_config/{START - HOUR:%Y-%m-%d/%H}.json"
    resources["object_store"].write(path, config.model_dump_json().encode())
    broken = {name: Breakable(resources[name], name, faults) for name in BREAKABLE}
    return Deployment.of(settings, **broken)


def _forecasts(deployment: Deployment, hours: list[datetime]) -> pd.DataFrame:
    """For each hour: whether it has a forecast, the first one's quality, and its hours too late."""
    from energy_assets.errors import NotFoundError
    from energy_assets.forecasts.versions import first_issued, read_versions
    from energy_assets.partitions import due

    grace = timedelta(minutes=deployment.settings.forecast_grace_minutes)
    rows = []
    for hour in hours:
        try:
            issued = first_issued(read_versions(deployment.object_store, hour)).iloc[0]
        except NotFoundError:
            rows.append({"made": False, "quality": "none", "late": 0.0})
            continue
        waited = issued["made_at"] - due(hour, 0)
        late = waited / HOUR if waited > grace else 0.0
        rows.append({"made": True, "quality": issued["quality"], "late": late})
    return pd.DataFrame(rows)


def _sample(number: int, folder: Path, seconds: list[float]) -> dict[str, Any]:
    """What there is after some hours. The seconds are the median of the last fifty hours."""
    storage = next(path for path in (folder / "storage").iterdir() if path.is_dir())
    status = Path("/proc/self/status").read_text().splitlines()
    (memory,) = (line for line in status if line.startswith("VmRSS"))
    places = {
        "feature store": storage / "feature_store",
        "objects": storage / "objects",
        "models": storage / "models",
        "Dagster": folder / "dagster_home",
    }
    return {
        "after hours": number,
        "seconds an hour": statistics.median(seconds[-50:]),
        "memory (MB)": int(memory.split()[1]) / 1024,
        "open files": len(os.listdir("/proc/self/fd")),
        **{f"{name} (MB)": _megabytes(place) for name, place in places.items()},
    }


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    sys.exit(main())
