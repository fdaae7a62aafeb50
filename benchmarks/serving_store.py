"""A store as hourly runs leave it, for any number of series: written directly.

It holds what the HTTP service reads: the stored forecasts of some origins, some scored hours, and a
published forecast with its tables. The values are artificial.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd

from energy_assets.forecasts.course_files import MONITORED_HOURS, course_tables
from energy_assets.forecasts.publishing import FOLDER, POINTER, Published, publish
from energy_assets.forecasts.scoring import score_forecasts
from energy_assets.forecasts.versions import ASSET
from energy_assets.partitions import HORIZON, HOUR
from energy_assets.schemas import (
    CONSUMPTION,
    CONSUMPTION_VERSIONS,
    KNOWN_AT,
    MONITORING,
    PREDICTIONS,
    QUANTILES,
    TARGET,
)
from energy_assets.settings import utc_now
from energy_assets.sources.profiles import PROFILES, DatasetProfile
from energy_assets.stores.embedded.object_store import LocalObjectStore
from energy_assets.stores.parquet import encode
from energy_assets.stores.paths import hour_path

SIMULATED = 76
"""So many series has the data set of the simulator, and of the course."""

ORIGINS, SCORED_HOURS, OBSERVED_HOURS = 26, 2, 30 * 24


@dataclass(frozen=True)
class Store:
    """A store, and two publications that its pointer can name."""

    environment: dict[str, str]
    """The variables that choose it."""
    objects: LocalObjectStore
    keys: Sequence[tuple[str, str]]
    publications: tuple[Published, Published]
    """Of two origins, one after the other."""

    def name(self, published: Published) -> None:
        """Let the pointer name one of the two."""
        content = json.dumps(asdict(published), default=datetime.isoformat, indent=2)
        self.objects.write(POINTER, content.encode())


def build(folder: Path, series: int) -> Store:
    """Write a store; its pointer names the older publication."""
    if series == SIMULATED:
        source, dataset = "simulator", "ConsumptionDE35Hour"
        codes = sorted(PROFILES[dataset].known_consumer_types or ())
        keys = [(area, code) for area in ("DK1", "DK2") for code in codes]
    else:  # a data set whose areas and consumer types have codes of any number
        source, dataset = "file", "ConsumptionGridAreaHour"
        keys = [(f"DK{1 + number % 2}", f"G{number:06}") for number in range(series)]
    panel = _Panel(sorted(keys))
    objects = LocalObjectStore(folder / f"{source}-{dataset}" / "objects")
    newest = utc_now().replace(minute=0, second=0, microsecond=0) - HOUR
    for back in range(ORIGINS):
        _write(objects, ASSET, newest - back * HOUR, panel.forecast(newest - back * HOUR))
    origin = newest - HOUR
    history = panel.observations(origin - (OBSERVED_HOURS - 1) * HOUR, OBSERVED_HOURS)
    for back in range(SCORED_HOURS):
        hour = origin - back * HOUR
        made = [panel.forecast(hour - ahead * HOUR) for ahead in range(1, HORIZON + 1)]
        made = [version[version["datetime_utc"] == hour] for version in made]
        observed = panel.observations(hour, 1)[list(CONSUMPTION.dtypes)]
        _write(objects, MONITORING.name, hour, score_forecasts(observed, made))
    profile = PROFILES[dataset]
    tables = course_tables(objects, panel.forecast(origin), history, profile)
    # As columns, the periods of millions of rows are written many times faster than in an index.
    tables = {name: frame.reset_index() for name, frame in _monitored(tables).items()}
    older = publish(objects, panel.forecast(origin), tables, source)
    return Store(
        {
            "ENERGY_SOURCE": source,
            "ENERGY_DATASET": dataset,
            "STORAGE_ROOT": str(folder),
            "PARTITIONS_START": "2023-01-01-00:00",
        },
        objects,
        panel.keys,
        (older, _next(objects, older, panel.forecast(newest), profile)),
    )


def _next(
    objects: LocalObjectStore, older: Published, version: pd.DataFrame, profile: DatasetProfile
) -> Published:
    """The publication of a later forecast, in files of its own. No pointer names it yet.

    Its other tables are those of the older one, so the newest hour has no observation yet.
    """
    newest = version["origin"].iloc[0].to_pydatetime()
    folder = f"{FOLDER}/{newest:%Y-%m-%d/%H}/next"
    files = {name: f"{folder}/{name}" for name in older.files}
    for name, path in older.files.items():
        objects.write(files[name], objects.read(path))
    no_history = version.iloc[:0].assign(**{KNOWN_AT: version["origin"].iloc[:0]})
    table = course_tables(objects, version, no_history, profile)["predictions.parquet"]
    objects.write(files["predictions.parquet"], encode(table, {}))
    made_at = version["made_at"].iloc[0].to_pydatetime()
    return replace(older, origin=newest, made_at=made_at, files=files, published_at=utc_now())


def _monitored(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables with a whole week of scores, which so few scored hours do not give."""
    observed = tables["y.parquet"][[TARGET]]
    hours = observed.index.get_level_values("datetime_utc")
    week = observed[hours > hours.max() - MONITORED_HOURS]
    errors = pd.DataFrame({"MAPE": 0.05}, index=hours[-MONITORED_HOURS:].rename("datetime_utc"))
    return tables | {
        "y_monitoring.parquet": week,
        "predictions_monitoring.parquet": week * 1.05,
        "metrics_monitoring.parquet": errors,
    }


def _write(objects: LocalObjectStore, asset: str, hour: datetime, rows: pd.DataFrame) -> None:
    objects.write(hour_path(asset, hour, "parquet"), encode(rows, {}))


class _Panel:
    """Artificial series with a level, a shape of the day, and noise."""

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        self.keys = keys
        self._levels = np.random.default_rng(0).uniform(100, 10_000, len(keys))

    def observations(self, start: datetime, count: int) -> pd.DataFrame:
        """Rows of `CONSUMPTION_VERSIONS` for the `count` hours from `start` on."""
        rows = self._rows(start, count)
        rows[TARGET] = self._values(start, count).ravel()
        rows[KNOWN_AT] = rows["datetime_utc"] + HOUR
        return rows[list(CONSUMPTION_VERSIONS.dtypes)]

    def forecast(self, origin: datetime) -> pd.DataFrame:
        """Rows of `PREDICTIONS`."""
        rows = self._rows(origin + HOUR, HORIZON)
        values = self._values(origin + HOUR, HORIZON).ravel()
        width = 0.04 * values
        for probability, name in QUANTILES.items():
            rows[name] = values + width * NormalDist().inv_cdf(probability)
        steps = np.tile(np.arange(1, HORIZON + 1), len(self.keys))
        return rows.assign(
            **{TARGET: values},
            horizon=steps,
            origin=pd.Timestamp(origin),
            model_version=f"{origin:%Y-%m-%dT%H}-00000000",
            weather_effect=np.nan,
            quality="model",
            made_at=pd.Timestamp(origin + HOUR + timedelta(minutes=2)),
        )[list(PREDICTIONS.dtypes)]

    def _rows(self, start: datetime, count: int) -> pd.DataFrame:
        codes = np.array(self.keys, dtype=object)
        hours = pd.date_range(start, periods=count, freq="h", unit="ns")
        return pd.DataFrame(
            {
                "area": np.repeat(codes[:, 0], count),
                "consumer_type": np.repeat(codes[:, 1], count),
                "datetime_utc": np.tile(hours.to_numpy(), len(self.keys)),
            }
        )

    def _values(self, start: datetime, count: int) -> np.ndarray:
        """Values of the shape (series, hours); the noise differs with `start`."""
        draws = np.random.default_rng(int(start.timestamp()))
        hours = start.hour + np.arange(count)
        day = 1 - 0.3 * np.cos(2 * np.pi * (hours - 3) / 24)
        noise = draws.normal(1, 0.03, (len(self.keys), count))
        return self._levels[:, None] * day * noise
