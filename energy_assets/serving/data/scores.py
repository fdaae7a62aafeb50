"""Scores of forecasts: the stored `monitoring_metrics` as sums that can be put together quickly."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from cachetools import LRUCache

from energy_assets.errors import NotFoundError, StorageError, UnreachableError
from energy_assets.forecasting.evaluation.metrics import percentage_errors
from energy_assets.forecasting.panel.matrix import Floats
from energy_assets.partitions import HORIZON
from energy_assets.schemas import MONITORING
from energy_assets.serving.data.forecast import filled, series_of
from energy_assets.serving.data.series import SeriesIndex
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.paths import hour_path

_WORKERS = 4
_COLUMNS = ["area", "consumer_type", "horizon", "actual", "forecast", "covered"]


@dataclass(frozen=True)
class ScoredHour:
    """The forecasts made for an hour, NaN where there was none.

    `actual` has the shape (series,); `forecast` and `covered` (series, horizons).
    """

    hour: np.datetime64
    index: SeriesIndex
    actual: Floats
    forecast: Floats
    covered: Floats

    @property
    def size(self) -> int:
        """The bytes it takes in memory."""
        return self.actual.nbytes + self.forecast.nbytes + self.covered.nbytes


class ScoreArchive:
    """The scored hours; those read last are kept in memory."""

    def __init__(self, objects: ObjectStore, memory: int = 300_000_000) -> None:
        self._objects = objects
        self._hours: LRUCache[np.datetime64, ScoredHour] = LRUCache(
            memory, getsizeof=lambda scored: scored.size
        )
        self._lock = threading.Lock()

    def read(self, hours: Iterable[np.datetime64]) -> list[ScoredHour]:
        """The hours that have scores, in order."""
        with ThreadPoolExecutor(_WORKERS) as pool:
            return [scored for scored in pool.map(self._one, hours) if scored is not None]

    def forget(self) -> None:
        """Read everything again when it is next asked for."""
        with self._lock:
            self._hours.clear()

    def _one(self, hour: np.datetime64) -> ScoredHour | None:
        with self._lock:
            if (scored := self._hours.get(hour)) is not None:
                return scored
        scored = self._load(hour)
        if scored is not None and scored.size <= self._hours.maxsize:
            with self._lock:
                self._hours[hour] = scored
        return scored

    def _load(self, hour: np.datetime64) -> ScoredHour | None:
        path = hour_path(MONITORING.name, hour.astype(datetime), "parquet")
        try:
            table = pq.read_table(pa.BufferReader(self._objects.read(path)), columns=_COLUMNS)
        except UnreachableError:
            raise
        except (NotFoundError, StorageError, pa.ArrowInvalid, OSError):
            return None
        if not table.num_rows:
            return None
        rows = table.to_pandas(ignore_metadata=True)
        index, series = series_of(rows)
        steps = rows["horizon"].to_numpy() - 1
        shape = len(index), HORIZON
        actual = np.full(len(index), np.nan)
        actual[series] = rows["actual"].to_numpy()
        return ScoredHour(
            hour,
            index,
            actual,
            filled(shape, series, steps, rows["forecast"].to_numpy()),
            filled(shape, series, steps, rows["covered"].to_numpy().astype(float)),
        )


class ErrorSums:
    """Sums of errors by line (series or sum) and horizon, from which all scores follow.

    The forecast comes first, then the naives, whose names these are.
    """

    def __init__(self, lines: int, naives: Sequence[str]) -> None:
        self._naives = tuple(naives)
        shape = (1 + len(naives), lines, HORIZON)
        self._ape, self._ape_count = np.zeros(shape), np.zeros(shape)
        self._absolute, self._actual = np.zeros(shape), np.zeros(shape)
        self._covered, self._coverable = np.zeros(shape[1:]), np.zeros(shape[1:])
        self._count = np.zeros(shape[1:], dtype=np.int64)

    def add(
        self, actual: Floats, forecast: Floats, covered: Floats, naives: Sequence[Floats]
    ) -> None:
        """Add an hour.

        `actual` and `naives` have the shape (lines,), `forecast` and `covered` (lines, horizons).
        """
        made = np.isfinite(forecast) & np.isfinite(actual)[:, None]
        truth = np.broadcast_to(actual[:, None], made.shape)
        spread = [np.broadcast_to(naive[:, None], made.shape) for naive in naives]
        for number, values in enumerate([forecast, *spread]):
            error = np.abs(values - truth)
            known = made & np.isfinite(error)
            self._absolute[number] += np.where(known, error, 0)
            self._actual[number] += np.where(known, truth, 0)
            ape = percentage_errors(truth, values)
            usable = made & np.isfinite(ape)
            self._ape[number] += np.where(usable, ape, 0)
            self._ape_count[number] += usable
        coverable = made & np.isfinite(covered)
        self._covered += np.where(coverable, covered, 0)
        self._coverable += coverable
        self._count += made

    def scores(self, axes: str) -> dict[str, np.ndarray]:
        """The columns of scores: one row for each of `series` or `horizon`, or one for `total`.

        MAPE is the mean over the hours of each series and horizon, then over series, then over
        horizons: every series counts the same, however large it is.
        """
        axis = {"series": (1,), "horizon": (0,), "total": (0, 1)}[axes]
        columns = {"forecasts": np.atleast_1d(self._count.sum(axis=axis))}
        with np.errstate(divide="ignore", invalid="ignore"):
            ape = self._ape / self._ape_count
            absolute = self._absolute.sum(axis=tuple(1 + one for one in axis))
            wape = absolute / self._actual.sum(axis=tuple(1 + one for one in axis))
            columns["mape"] = _mape(ape[0], axes)
            columns["wape"] = _finite(wape[0])
            columns["mae"] = _finite(absolute[0] / self._count.sum(axis=axis))
            covered = self._covered.sum(axis=axis) / self._coverable.sum(axis=axis)
            columns["coverage"] = _finite(covered)
        for number, naive in enumerate(self._naives, 1):
            columns[f"mape_{naive}"] = _mape(ape[number], axes)
            columns[f"wape_{naive}"] = _finite(wape[number])
        return columns


def _mape(ape: Floats, axes: str) -> Floats:
    if axes == "series":
        return _mean(ape, 1)
    by_horizon = _mean(ape, 0)
    return by_horizon if axes == "horizon" else np.atleast_1d(_mean(by_horizon, 0))


def _finite(values: Floats) -> Floats:
    return np.atleast_1d(np.where(np.isfinite(values), values, np.nan))


def _mean(values: Floats, axis: int) -> np.ndarray:
    """The mean of what is known along an axis; NaN where nothing is."""
    known = np.isfinite(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(known, values, 0).sum(axis=axis) / known.sum(axis=axis)


def local_days(hours: np.ndarray, timezone: str) -> np.ndarray:
    """The local day of each UTC hour, `datetime64[D]`."""
    times = pd.DatetimeIndex(hours.astype("datetime64[ns]"), tz="UTC").tz_convert(timezone)
    return times.tz_localize(None).to_numpy().astype("datetime64[D]")
