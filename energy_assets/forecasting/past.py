"""The past that forecasts are made from: observations, treated and without gaps.

Does not belong here: the rules for doubtful values (`doubts.treatment`), and the models.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from energy_assets.forecasting.doubts.treatment import Treated, treated
from energy_assets.forecasting.doubts.usual import MONTH
from energy_assets.forecasting.models.bounds import Bounds
from energy_assets.forecasting.models.kinds import LITTLE_HISTORY, Kinds
from energy_assets.forecasting.panel.matrix import (
    HOURS_PER_DAY,
    HOURS_PER_WEEK,
    Floats,
    Ints,
    PanelMatrix,
)

DOUBTFUL = 1.0
"""Intervals are twice as wide if the whole day before the origin is doubtful."""

UNKNOWN = 1.0
"""And by this much wider for the share of the last day, and of the last week, before the start."""

KEPT_HOURS = MONTH * HOURS_PER_DAY
"""Hours of observations that are kept, to recognise doubtful values among newer ones."""


@dataclass(frozen=True)
class Past:
    """What is known at the origin.

    `observed` are the newest observations as they came, `history` the last hours treated and
    without gaps, as many as forecasts look back at. `doubts` is the table of doubtful hours, see
    `Treated.table`. `bounds` limit the forecasts. `known`, shape (series,), counts
    the hours since the first observation, and `wider`, shape (series, 1), says by which factor
    intervals are wider than those of a series whose past is known and beyond doubt.
    """

    observed: PanelMatrix
    history: PanelMatrix
    doubts: pd.DataFrame
    bounds: Bounds
    known: Ints
    wider: Floats

    @classmethod
    def of(cls, observed: PanelMatrix, hours: int, kinds: Kinds | None) -> Past:
        """The past of a panel up to its end, with so many hours of history.

        `kinds` fill in the past of new series.
        """
        found = treated(observed)
        return cls.of_treated(observed, found, found.filled(), hours, kinds)

    @classmethod
    def of_treated(
        cls,
        observed: PanelMatrix,
        treated: Treated,
        filled: PanelMatrix,
        hours: int,
        kinds: Kinds | None,
    ) -> Past:
        """The same, for a panel that is treated and filled already."""
        history = filled.last(hours)
        bounds = Bounds.of(treated.panel.array).within(Bounds.of(observed.array))
        known = np.isfinite(filled.array).sum(axis=1)
        if kinds is not None:
            history = kinds.extended(history)
            little = (known < LITTLE_HISTORY)[:, None]
            bounds = bounds.beyond(Bounds.of(np.where(little, history.array, 0.0)))
        doubtful = treated.missing[:, -HOURS_PER_DAY:].sum(axis=1) / HOURS_PER_DAY
        unknown = sum(np.maximum(1 - known / hours, 0) for hours in (HOURS_PER_DAY, HOURS_PER_WEEK))
        return cls(
            observed.last(KEPT_HOURS),
            history,
            treated.table(),
            bounds,
            known,
            (1 + DOUBTFUL * doubtful + UNKNOWN * unknown)[:, None],
        )

    @property
    def little(self) -> pd.DataFrame:
        """The series with little history: the series levels, and the `hours` that are known."""
        few = np.flatnonzero(self.known < LITTLE_HISTORY)
        table = pd.DataFrame({"hours": self.known[few]})
        if self.history.series is None:
            return table
        return pd.concat([self.history.series.take(few).to_frame(index=False), table], axis=1)

    def joined(self, newer: PanelMatrix) -> PanelMatrix:
        """The observations up to the end of `newer`, which wins."""
        return self.observed.until(newer.hours[-1]).joined(newer)
