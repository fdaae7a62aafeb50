"""Quantiles of a series' own history at the same hour of the day.

A household is a low base with appliances now and then. Nobody knows when, so its errors do not
scatter around a forecast: most are small, some are many times the forecast, and none is far below
it. What the same hour of the day was like on other days is then a better guess, and it cannot run
away from the history. A series has as much of it as it was better on the held-out days.

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

SCORED = (0.05, 0.1, 0.25, 0.75, 0.9, 0.95)
"""The probabilities whose losses are compared."""

DAYS = 56
"""So many of the newest days count."""

MIN_DAYS = 14
"""With fewer days at an hour, a series has no quantiles of it."""

MARGIN = 0.1
"""A loss that is smaller by about this share has the whole weight."""

POOLED = 0.3
"""Few days can mislead, so this is the share of all series in the ratio of losses of each, ..."""

LARGEST = 0.4
"""... which is no more than this, on the logarithmic scale."""

Key = tuple[object, ...]
Table = npt.NDArray[np.float32]
"""Quantiles by local hour of the day at `PROBABILITIES`, shape (..., 24, probabilities)."""


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
        weights = np.clip(-shrunk / MARGIN, 0.0, 1.0)
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
        rows = [row for row, key in enumerate(keys) if key in self.weights]
        if not rows:
            return quantile
        weights = np.array([self.weights[keys[row]] for row in rows])
        weights = weights.reshape(-1, *(1 for _ in hours.shape))
        own = at(np.stack([self.tables[keys[row]] for row in rows]), hours, probability)
        own = own * (factor if isinstance(factor, float) else factor[rows])
        around, mixed = quantile[rows], quantile.copy()
        both = np.where(np.isfinite(own), (1 - weights) * around + weights * own, around)
        mixed[rows] = beside(both, forecast[rows], probability)
        return mixed


def table_of(values: Floats, hours: Ints) -> Table:
    """The quantiles of values, shape (series, hours), with the hours of the day `hours`.

    Each hour of the day has the values of the hour before and after as well. NaN if there are too
    few. The k-th smallest of n is the quantile at k / (n + 1).
    """
    values, hours = values[:, -DAYS * HOURS_PER_DAY :], hours[-DAYS * HOURS_PER_DAY :]
    padded = np.pad(values, ((0, 0), (1, 1)), constant_values=np.nan)
    table = np.full((len(values), HOURS_PER_DAY, len(PROBABILITIES)), np.nan, dtype=np.float32)
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
        table[:, hour] = np.where(enough, low + (rank - below) * (high - low), np.nan)
    return table


def at(tables: Table, hours: Ints, probability: float) -> Floats:
    """The quantiles of tables (series, 24, probabilities) at `hours`: (series, *hours.shape)."""
    position = np.interp(probability, PROBABILITIES, np.arange(len(PROBABILITIES)))
    below = min(int(position), len(PROBABILITIES) - 2)
    low, high = (tables[:, hours, n].astype(np.float64) for n in (below, below + 1))
    return low + (position - below) * (high - low)


def beside(quantile: Floats, forecast: Floats, probability: float) -> Floats:
    """A quantile on its side of the forecast, which is the one at 0.5."""
    if probability == 0.5:
        return forecast
    return np.minimum(quantile, forecast) if probability < 0.5 else np.maximum(quantile, forecast)


def losses(actual: Floats, forecast: Floats, quantile: Callable[[float], Floats]) -> Floats:
    """The pinball losses of quantiles at `SCORED`, summed for each series: shape (series,).

    `actual` and `forecast` have the shape (series, origins, horizons).
    """
    total = np.zeros(len(actual))
    for probability in SCORED:
        error = actual - beside(quantile(probability), forecast, probability)
        terms = np.maximum(probability * error, (probability - 1) * error)
        total += np.where(np.isfinite(actual), terms, 0.0).sum(axis=(1, 2))
    return total


def pooled_ratio(ratios: Floats) -> float:
    """The mean logarithm of the ratios of losses of all series, within bounds."""
    known = ratios[np.isfinite(ratios) & (ratios > 0)]
    return float(np.clip(np.log(known).mean(), -LARGEST, LARGEST)) if len(known) else LARGEST
