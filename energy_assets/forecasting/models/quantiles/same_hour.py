"""The mean and the quantiles of a series' own history at the same hour of the day.

A household is a low base with appliances now and then. Nobody knows when, so its errors do not
scatter around a forecast: most are small, some are many times the forecast, and none is far below
it. What the same hour of the day was like on other days is then a better guess, and it cannot run
away from the history. Its mean is what can be added up: models on a logarithmic scale forecast
something like the median, and the sum of many of these is far too low.

A series has as much of it as its history spikes upwards, unless a forecast that knows when it
spikes was better on the held-out days.

Does not belong here: intervals around a forecast (`intervals`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, Floats, Ints

_LOWER = (0.005, 0.01, 0.025, 0.05, 0.1, 0.175, 0.25, 0.325, 0.4)
PROBABILITIES = np.array([*_LOWER, 0.5, *(1 - p for p in reversed(_LOWER))])
"""The probabilities whose quantiles are kept. Others are interpolated, up to the outermost."""

MEDIAN = len(_LOWER)
MEAN = len(PROBABILITIES)
"""The columns of the median and of the mean in a table."""

SCORED = (0.05, 0.1, 0.25, 0.75, 0.9, 0.95)
"""The probabilities whose losses are compared."""

SPIKES = (0.1, 0.25)
"""By this share medians are below means, from no spikes to nothing but spikes. The largest share of
twenty utilities was 0.08, the median of made-up households 0.5."""

OUTER = 0.1
"""Intervals from this quantile to the one as far from the other end hold the mean."""

DAYS = 56
"""So many of the newest days count."""

MIN_DAYS = 14
"""With fewer days at an hour, a series has no quantiles of it."""

MARGIN = 0.1
"""The whole weight unless the loss is larger; none if it is larger by about this share."""

POOLED = 0.3
"""Few days can mislead, so this is the share of all series in the ratio of losses of each, ..."""

LARGEST = 0.4
"""... which is no more than this, on the logarithmic scale."""

Key = tuple[object, ...]
Table = npt.NDArray[np.float32]
"""Quantiles by local hour of the day at `PROBABILITIES`, then the mean: (..., 24, columns)."""


@dataclass(frozen=True)
class SameHour:
    """The weight of each series, of those with any, and its table in the unit of the panel.

    `ratio` is the pooled logarithm of the ratio of losses, see `pooled_ratio`.
    """

    weights: Mapping[Key, float]
    tables: Mapping[Key, Table]
    ratio: float = 0.0

    def of(self, keys: list[Key], ratios: Floats, tables: Table) -> SameHour:
        """With the series of these keys, ratios of losses and tables."""
        logarithm = np.log(ratios, out=np.full(len(ratios), np.inf), where=ratios > 0)
        shrunk = (1 - POOLED) * logarithm + POOLED * self.ratio
        weights = np.clip(1.0 - shrunk / MARGIN, 0.0, 1.0) * spiky(tables)
        rows = np.flatnonzero(weights)
        chosen = [keys[row] for row in rows]
        return replace(
            self,
            weights=dict(zip(chosen, weights[rows].tolist(), strict=True)),
            tables=dict(zip(chosen, tables[rows], strict=True)),
        )

    def with_tables(self, tables: Table) -> SameHour:
        """With other tables, in the same order."""
        return replace(self, tables=dict(zip(self.weights, tables, strict=True)))

    @classmethod
    def joined(cls, parts: Sequence[SameHour]) -> SameHour:
        """Those of groups of series, sorted."""
        weights = {key: weight for part in parts for key, weight in part.weights.items()}
        tables = {key: table for part in parts for key, table in part.tables.items()}
        ordered = dict(sorted(weights.items())), dict(sorted(tables.items()))
        return cls(*ordered, parts[0].ratio)

    def mixed(
        self,
        probability: float,
        quantile: Floats,
        forecast: Floats,
        keys: list[Key],
        hours: Ints,
        factor: Floats | float,
    ) -> Floats:
        """A `quantile`, shape (series, ...), mixed with that of the same hour.

        `hours`, shape (...), are the local hours of the day. `factor`, shape (series, ...), is that
        of the response, which the history is without.
        """

        def own(tables: Table) -> Floats:
            return at(tables, hours, probability)

        mixed = self._mixed(quantile, own, keys, factor)
        if OUTER < probability < 1 - OUTER:
            return mixed
        rows, mean = self._rows(keys), self.mean(forecast, keys, hours, factor)
        further = np.minimum if probability <= OUTER else np.maximum
        mixed[rows] = further(mixed[rows], mean[rows])
        return mixed

    def mean(
        self, forecast: Floats, keys: list[Key], hours: Ints, factor: Floats | float = 1.0
    ) -> Floats:
        """A `forecast` mixed with the mean of the same hour, as in `mixed`."""

        def own(tables: Table) -> Floats:
            return tables[:, hours, MEAN].astype(np.float64)

        return self._mixed(forecast, own, keys, factor)

    def _rows(self, keys: list[Key]) -> list[int]:
        return [row for row, key in enumerate(keys) if key in self.weights]

    def _mixed(
        self,
        values: Floats,
        own: Callable[[Table], Floats],
        keys: list[Key],
        factor: Floats | float,
    ) -> Floats:
        rows, mixed = self._rows(keys), values.copy()
        if not rows:
            return mixed
        weights = np.array([self.weights[keys[row]] for row in rows])
        weights = weights.reshape(-1, *(1 for _ in values.shape[1:]))
        history = own(np.stack([self.tables[keys[row]] for row in rows]))
        history = history * (factor if isinstance(factor, float) else factor[rows])
        both = (1 - weights) * values[rows] + weights * history
        mixed[rows] = np.where(np.isfinite(history), both, values[rows])
        return mixed


def spiky(tables: Table) -> Floats:
    """From 0 to 1: how much series spike upwards, shape (series,)."""
    mean, median = (np.nansum(tables[:, :, column], axis=1) for column in (MEAN, MEDIAN))
    median = np.maximum(median, 0.0)
    share = np.divide(median, mean, out=np.ones(len(tables)), where=mean > median)
    return np.interp(1.0 - share, SPIKES, (0.0, 1.0))


def table_of(values: Floats, hours: Ints) -> Table:
    """The table of values, shape (series, hours), with the hours of the day `hours`.

    Each hour of the day has the values of the hour before and after as well. NaN if there are too
    few. The k-th smallest of n is the quantile at k / (n + 1).
    """
    values, hours = values[:, -DAYS * HOURS_PER_DAY :], hours[-DAYS * HOURS_PER_DAY :]
    padded = np.pad(values, ((0, 0), (1, 1)), constant_values=np.nan)
    table = np.full((len(values), HOURS_PER_DAY, MEAN + 1), np.nan, dtype=np.float32)
    for hour in range(HOURS_PER_DAY):
        columns = np.flatnonzero(hours == hour)
        if len(columns) < MIN_DAYS:
            continue
        ordered = np.sort(np.concatenate([padded[:, columns + n] for n in range(3)], axis=1))
        count = np.isfinite(ordered).sum(axis=1)[:, None]
        rank = np.clip(PROBABILITIES * (count + 1) - 1, 0, np.maximum(count - 1, 0))
        below = rank.astype(np.int64)
        above = np.minimum(below + 1, np.maximum(count - 1, 0))
        low, high = (np.take_along_axis(ordered, ranks, axis=1) for ranks in (below, above))
        enough = count >= 3 * MIN_DAYS
        quantiles = low + (rank - below) * (high - low)
        mean = np.nansum(ordered, axis=1, keepdims=True) / np.maximum(count, 1)
        table[:, hour] = np.where(enough, np.hstack([quantiles, mean]), np.nan)
    return table


def at(tables: Table, hours: Ints, probability: float) -> Floats:
    """The quantiles of tables (series, 24, columns) at `hours`: (series, *hours.shape)."""
    position = np.interp(probability, PROBABILITIES, np.arange(len(PROBABILITIES)))
    below = min(int(position), len(PROBABILITIES) - 2)
    low, high = (tables[:, hours, n].astype(np.float64) for n in (below, below + 1))
    return low + (position - below) * (high - low)


def losses(actual: Floats, quantile: Callable[[float], Floats]) -> Floats:
    """The pinball losses of quantiles at `SCORED`, summed for each series: shape (series,).

    `actual` has the shape (series, origins, horizons).
    """
    total = np.zeros(len(actual))
    for probability in SCORED:
        error = actual - quantile(probability)
        terms = np.maximum(probability * error, (probability - 1) * error)
        total += np.where(np.isfinite(actual), terms, 0.0).sum(axis=(1, 2))
    return total


def pooled_ratio(ratios: Floats) -> float:
    """The mean logarithm of the ratios of losses of all series, within bounds."""
    known = ratios[np.isfinite(ratios) & (ratios > 0)]
    return float(np.clip(np.log(known).mean(), -LARGEST, LARGEST)) if len(known) else LARGEST
