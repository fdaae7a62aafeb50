"""The response to columns known ahead, above all to the weather: what each series makes of them.

Consumption is a product: what it would be in usual weather, times the factor by which the weather
raises or lowers it. The factor is fitted first, and the series are divided by it. All models then
work on series without weather, and their forecasts are multiplied by the factor of the hours ahead.

The logarithm of the factor is linear in hinges of each column, at its value and at two smoothed
values (buildings take days to cool), with other weights in each part of the day.

Does not belong here: the tables that the columns come from (`exogenous`), and how the weights are
found (`response_fit`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, HOURS_PER_WEEK, Floats, Ints

KNOTS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""The quantiles of a column at which the slope of the response may change."""

SMOOTHING_HOURS = (12.0, 48.0)
"""The time constants of the smoothed values."""

MEMORY = HOURS_PER_WEEK
"""Hours before an hour that its smoothed values look at."""

BLOCKS = 4
"""The parts of the day that have weights of their own."""

PARTS = 1 + len(SMOOTHING_HOURS)
TERMS = 1 + len(KNOTS)

_LIMIT = 1.0
"""The logarithm of the factor stays within these bounds, whatever the weather."""


@dataclass(frozen=True)
class Kind:
    """Columns that measure the same, by position, and how their values become terms.

    Values are standardised with `centre` and `spread` and kept within `limits`; `knots` and
    `limits` are standardised.
    """

    columns: tuple[int, ...]
    centre: float
    spread: float
    knots: tuple[float, ...]
    limits: tuple[float, float]


@dataclass(frozen=True)
class Response:
    """How series respond to columns known ahead.

    `names` are those of the columns. `series` are the keys of the rows of `mix` and `weights`, or
    None for a single series; a last row is for new series. `mix`, shape (series + 1, columns), is
    the share of each column in its kind. `weights` has the shape (series + 1, kinds, parts, blocks,
    terms).
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    series: pd.Index | None
    mix: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]

    @classmethod
    def joined(cls, parts: Sequence[Response], series: pd.Index, rows: Ints) -> Response:
        """The response of several groups of series that have the kinds in common.

        `rows` are the positions of `series`, and of the row for new series, in the rows of all
        groups one after the other.
        """
        mix, weights = (
            np.concatenate([getattr(part, name) for part in parts])[rows]
            for name in ("mix", "weights")
        )
        return replace(parts[0], series=series, mix=mix, weights=weights)

    def factor(self, values: Floats, series: pd.Index | None, local_hours: Ints) -> Floats:
        """The factor of each hour, shape (series, hours).

        `values` has the shape (columns, series, hours); the first `MEMORY` hours have less to look
        back at. Where a kind is unknown, it counts as in the nearest hour in which it is known, and
        if there is none, as in usual weather.
        """
        rows = np.zeros(values.shape[1], dtype=np.int64)
        if series is not None and self.series is not None:
            rows = self.series.get_indexer(series)
        blocks, count = self.weights.shape[3:]
        block = local_hours * blocks // HOURS_PER_DAY
        logarithm = np.zeros(values.shape[1:])
        for number, kind in enumerate(self.kinds):
            terms, same = _hinges_of_each(combined(values, self.mix[rows], kind), kind)
            weights = self.weights[rows, number][:, :, block]
            of_kind = np.zeros(logarithm.shape)
            # Summed term by term, which does not depend on how many hours there are.
            for part in range(PARTS):
                for term in range(count):
                    of_kind += weights[:, part, :, term] * terms[part, term, same]
            logarithm += _nearest(of_kind)
        return np.exp(np.clip(logarithm, -_LIMIT, _LIMIT))


def hinges(values: Floats, kind: Kind) -> Floats:
    """The terms of standardised values: (parts, terms, series, hours) from (series, hours)."""
    known = np.clip(_nearest(values), *kind.limits)
    parts = [np.where(np.isnan(values), np.nan, known)]
    padded = np.pad(known, ((0, 0), (MEMORY - 1, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, MEMORY, axis=1)
    for hours in SMOOTHING_HOURS:
        decay = np.exp(-np.arange(MEMORY)[::-1] / hours)
        parts.append((windows * (decay / decay.sum())).sum(axis=-1))
    return np.stack(
        [np.stack([part, *(np.maximum(part - knot, 0.0) for knot in kind.knots)]) for part in parts]
    )


def _hinges_of_each(values: Floats, kind: Kind) -> tuple[Floats, Ints]:
    """The terms of the different rows of `values`, and which of them belongs to each row."""
    numbers: dict[bytes, int] = {}
    same = np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in values])
    _, first = np.unique(same, return_index=True)
    return hinges(values[first], kind), same


def combined(values: Floats, mix: npt.NDArray[np.floating], kind: Kind) -> Floats:
    """The standardised values of a kind, shape (series, hours): a mean of its known columns."""
    columns = list(kind.columns)
    shares = mix[:, columns].T[:, :, None] * np.isfinite(values[columns])
    total = shares.sum(axis=0)
    mixed = np.where(total > 0, np.nan_to_num(values[columns]) * shares, 0.0).sum(axis=0)
    mixed = np.divide(mixed, total, out=np.full(mixed.shape, np.nan), where=total > 0)
    return (mixed - kind.centre) / kind.spread


def _nearest(values: Floats) -> Floats:
    """Missing values replaced by the nearest known one of the same row; 0 if there is none."""
    missing = np.isnan(values)
    if not missing.any():
        return values
    hours = np.arange(values.shape[1])
    before = np.maximum.accumulate(np.where(missing, -1, hours), axis=1)
    after = np.minimum.accumulate(np.where(missing, len(hours), hours)[:, ::-1], axis=1)[:, ::-1]
    take_before = (before >= 0) & ((after == len(hours)) | (hours - before <= after - hours))
    source = np.where(take_before, before, np.minimum(after, len(hours) - 1))
    return np.nan_to_num(np.take_along_axis(values, source, axis=1))
