"""Sums of series: their forecasts, with intervals from the errors that the sums have made.

Adding up the bounds of the series would make the interval of a sum far too wide, since their errors
do not all go the same way at once. Taking them as independent would make it too narrow. So the past
errors of the sum itself say how wide it has to be. They are measured in units of the added
half-widths of its series, which carry the hour of the day and the horizon.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np
from cachetools import LRUCache

from energy_assets.errors import StorageError
from energy_assets.forecasting.panel.matrix import Floats, Ints
from energy_assets.forecasts.versions import ASSET, first_issued, read_if_possible
from energy_assets.partitions import DAY, HORIZON, HOUR
from energy_assets.schemas import SERIES_KEY, TARGET
from energy_assets.serving.data.forecast import Forecast, Quantiles, filled, series_of
from energy_assets.serving.data.observations import Observations
from energy_assets.serving.data.series import SeriesIndex
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.paths import stored_hours

PAST = timedelta(days=14)
"""Forecasts of this long before the origin tell how large joint errors are."""

PRIOR_HOURS = 24
"""The added bounds count as much as this many hours of errors."""

_COLUMNS = [*SERIES_KEY, "horizon", "origin", "made_at", TARGET, "lower", "upper"]
_MOST_GROUPS = 200
_WORKERS = 4

_log = logging.getLogger(__name__)

Label = tuple[str | None, str | None]
"""Area and consumer type of a sum; None: all that were selected."""


@dataclass(frozen=True)
class Group:
    """Series that are added up."""

    label: Label
    positions: Ints
    is_standard: bool
    """Whether it is all series, those of one area, or those of one consumer type."""


@dataclass(frozen=True)
class PastSum:
    """Forecasts of sums from an earlier origin, and their added half-widths.

    Both have the shape (sums, horizons).
    """

    origin: datetime
    point: Floats
    half_width: Floats


def groups_of(index: SeriesIndex, positions: Ints, by: str) -> list[Group]:
    """The selected series in groups: `total`, or by `area` or `consumer_type`."""
    chosen = index if len(positions) == len(index) else index.of(positions)
    areas, types = chosen.area_positions, chosen.consumer_type_positions
    area = next(iter(areas)) if len(areas) == 1 else None
    consumer_type = next(iter(types)) if len(types) == 1 else None
    groups: list[tuple[Label, Ints]]
    if by == "total":
        groups = [((area, consumer_type), positions)]
    elif by == "area":
        groups = [((code, consumer_type), positions[rows]) for code, rows in areas.items()]
    else:
        groups = [((area, code), positions[rows]) for code, rows in types.items()]
    standard = standard_groups(index)
    return [
        Group(label, rows, label in standard and np.array_equal(standard[label], rows))
        for label, rows in groups
    ]


def standard_groups(index: SeriesIndex) -> dict[Label, Ints]:
    """All series, those of each area, and those of each consumer type unless these are many."""
    groups: dict[Label, Ints] = {(None, None): np.arange(len(index))}
    groups |= {(area, None): rows for area, rows in index.area_positions.items()}
    if len(index.consumer_type_positions) + len(groups) <= _MOST_GROUPS:
        groups |= {(None, code): rows for code, rows in index.consumer_type_positions.items()}
    return groups


class PastSums:
    """The sums that earlier forecasts were for; those of the standard groups are kept."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._kept: LRUCache[datetime, tuple[SeriesIndex, dict[Label, tuple[Floats, Floats]]]]
        self._kept = LRUCache(2_000)
        self._origins: dict[date, list[datetime]] = {}
        self._lock = threading.Lock()

    def warm(self, origin: datetime, index: SeriesIndex) -> None:
        """Read what the sums at an origin will need."""
        groups = [Group(label, rows, True) for label, rows in standard_groups(index).items()]
        with self._lock:
            self._origins.clear()
        try:
            self.before(origin, index, groups)
        except StorageError as error:
            _log.warning("past forecasts cannot be read yet: %s", error)

    def before(
        self, origin: datetime, index: SeriesIndex, groups: Sequence[Group]
    ) -> list[PastSum]:
        """The sums over `groups` in the forecasts first issued in the `PAST` before an origin.

        Forecasts of other series are left out.
        """
        origins = self._stored(origin - PAST, origin - HOUR)
        standard = all(group.is_standard for group in groups)
        of_origin = self._standard if standard else self._summed
        with ThreadPoolExecutor(_WORKERS) as pool:
            found = pool.map(lambda past: of_origin(past, index, groups), origins)
            return [sums for sums in found if sums is not None]

    def _stored(self, first: datetime, last: datetime) -> list[datetime]:
        """The stored origins from `first` to `last`; each day is listed once a snapshot."""
        days = [
            first.date() + number * DAY for number in range((last.date() - first.date()).days + 1)
        ]
        for day in days:
            if day not in self._origins:
                start = datetime.combine(day, time())
                listed = stored_hours(self._objects, ASSET, start, start + DAY - HOUR)
                with self._lock:
                    self._origins[day] = listed
        return [
            origin
            for day in days
            for origin in self._origins.get(day, [])
            if first <= origin <= last
        ]

    def _standard(
        self, origin: datetime, index: SeriesIndex, groups: Sequence[Group]
    ) -> PastSum | None:
        with self._lock:
            kept = self._kept.get(origin)
        if kept is None:
            found = self._read(origin)
            if found is None:
                return None
            theirs, point, half_width = found
            sums = {
                label: (point[rows].sum(axis=0), half_width[rows].sum(axis=0))
                for label, rows in standard_groups(theirs).items()
            }
            # Most forecasts are of the same series: one index serves them all.
            kept = index if theirs == index else theirs, sums
            with self._lock:
                self._kept[origin] = kept
        theirs, sums = kept
        if theirs is not index and theirs != index:
            return None
        pairs = [sums[group.label] for group in groups]
        return PastSum(origin, *(np.stack(part) for part in zip(*pairs, strict=True)))

    def _summed(
        self, origin: datetime, index: SeriesIndex, groups: Sequence[Group]
    ) -> PastSum | None:
        found = self._read(origin)
        if found is None or found[0] != index:
            return None
        return PastSum(
            origin,
            *(
                np.stack([part[group.positions].sum(axis=0) for group in groups])
                for part in found[1:]
            ),
        )

    def _read(self, origin: datetime) -> tuple[SeriesIndex, Floats, Floats] | None:
        """Series, point forecasts and half-widths of the forecast first issued from an origin."""
        versions = read_if_possible(self._objects, origin, _COLUMNS)
        if versions is None:
            return None
        rows = first_issued(versions)
        index, series = series_of(rows)
        steps = rows["horizon"].to_numpy() - 1
        shape = len(index), HORIZON
        lower, upper, point = (
            filled(shape, series, steps, rows[column].to_numpy())
            for column in ("lower", "upper", TARGET)
        )
        return index, point, (upper - lower) / 2


def sum_forecast(
    forecast: Forecast,
    groups: Sequence[Group],
    past: Iterable[PastSum],
    observations: Observations,
) -> tuple[Floats, Quantiles, int]:
    """Point forecasts, shape (sums, horizons), and quantiles of the sums over `groups`.

    `observations` are those known at the origin of `forecast`. A quantile of a sum is a weighted
    mean of two: the added quantiles of its series, which count as much as `PRIOR_HOURS` hours, and
    its point forecast plus the quantile of its past errors. Also returns how many hours with errors
    there were.
    """
    rows = [group.positions for group in groups]
    point, half_width, added = (
        np.stack([_added(values, group) for group in rows])
        for values in (forecast.point, forecast.half_widths, forecast.quantiles.array)
    )
    probabilities = forecast.quantiles.probabilities
    count = PAST // HOUR + 1
    about = np.datetime64(forecast.origin, "h") - count + 1 + np.arange(count)
    actual = observations.sums(forecast.index, rows, about[0], count)
    errors, hours = _relative_errors(past, actual, about)
    values = added
    if hours:
        quantiles = np.nanquantile(errors, probabilities, axis=1).T  # (sums, probabilities)
        seen = point[..., None] + half_width[..., None] * quantiles[:, None, :]
        values = (PRIOR_HOURS * added + hours * seen) / (PRIOR_HOURS + hours)
    return point, Quantiles(probabilities, np.maximum.accumulate(values, axis=-1)), hours


def _added(values: Floats, rows: Ints) -> Floats:
    """The sum of some rows."""
    return (values if len(rows) == len(values) else values[rows]).sum(axis=0)


def _relative_errors(
    past: Iterable[PastSum], actual: Floats, hours: np.ndarray
) -> tuple[Floats, int]:
    """Past errors of the sums in units of the added half-widths, shape (sums, errors).

    NaN where a series was not observed. Also the number of different hours that they are about; 0
    if a sum has no errors.
    """
    errors, about = [], []
    for sums in past:
        ahead = np.datetime64(sums.origin, "h") + np.arange(1, sums.point.shape[1] + 1)
        column = np.searchsorted(hours, ahead)
        known = (
            (column < len(hours)) & (ahead >= hours[0])
            if len(hours)
            else np.zeros(len(ahead), bool)
        )
        if not known.any():
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (actual[:, column[known]] - sums.point[:, known]) / sums.half_width[:, known]
        ratio[~np.isfinite(ratio)] = np.nan
        errors.append(ratio)
        about.append(ahead[known][np.isfinite(ratio).any(axis=0)])
    if not errors:
        return np.empty((len(actual), 0)), 0
    together = np.concatenate(errors, axis=1)
    if not np.isfinite(together).any(axis=1).all():
        return together, 0
    return together, len(np.unique(np.concatenate(about)))
