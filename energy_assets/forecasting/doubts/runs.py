"""Runs of hours in a (series x hours) matrix that belong together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from energy_assets.forecasting.panel.matrix import Bools, Floats, Ints


@dataclass(frozen=True)
class Runs:
    """Runs of consecutive hours of a series: their rows, and their first and last columns.

    They are sorted by row and hour; all arrays have the shape (runs,).
    """

    shape: tuple[int, int]
    row: Ints
    first: Ints
    last: Ints

    @classmethod
    def of(cls, mask: Bools) -> Runs:
        """The runs of hours in `mask`."""
        return cls._between(mask, mask[:, 1:] & mask[:, :-1])

    @classmethod
    def of_equal(cls, values: npt.NDArray[np.generic], mask: Bools | None = None) -> Runs:
        """The runs of hours with the same value, of those in `mask`."""
        mask = np.ones(values.shape, dtype=bool) if mask is None else mask
        same = (values[:, 1:] == values[:, :-1]) & mask[:, 1:] & mask[:, :-1]
        return cls._between(mask, same)

    @classmethod
    def _between(cls, mask: Bools, joined: Bools) -> Runs:
        """`joined` says whether an hour goes on from the hour before it."""
        edge = np.zeros((len(mask), 1), dtype=bool)
        row, first = np.nonzero(mask & ~np.hstack([edge, joined]))
        last = np.nonzero(mask & ~np.hstack([joined, edge]))[1]
        return cls(mask.shape, row, first, last)

    @property
    def length(self) -> Ints:
        """The number of hours in each run."""
        return self.last - self.first + 1

    def where(self, chosen: Bools) -> Runs:
        """Some of the runs."""
        return Runs(self.shape, self.row[chosen], self.first[chosen], self.last[chosen])

    def mask(self) -> Bools:
        """The hours of all runs, in the shape of the matrix."""
        change = np.zeros((self.shape[0], self.shape[1] + 1), dtype=np.int8)
        change[self.row, self.first] += 1
        change[self.row, self.last + 1] -= 1
        return np.cumsum(change[:, :-1], axis=1) > 0

    def hours(self) -> tuple[Ints, Ints, Ints]:
        """The run, row and column of each hour, shape (hours in runs,)."""
        run = np.repeat(np.arange(len(self.row)), self.length)
        offset = np.arange(len(run)) - np.repeat(np.cumsum(self.length) - self.length, self.length)
        return run, self.row[run], self.first[run] + offset

    def mean(self, run: Ints, values: Floats) -> Floats:
        """The mean of `values`, one for each hour that `run` assigns, by run; NaN without any."""
        known = np.isfinite(values)
        total = np.bincount(run[known], values[known], len(self.row))
        count = np.bincount(run[known], minlength=len(self.row))
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)
