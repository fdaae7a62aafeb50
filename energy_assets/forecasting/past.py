"""The past that forecasts are made from: observations, treated and without gaps.

Does not belong here: the rules for doubtful values (`panel.doubts`), and the models.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from energy_assets.forecasting.models.bounds import Bounds
from energy_assets.forecasting.panel.doubts import Treated, treated
from energy_assets.forecasting.panel.faults import MONTH
from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, Floats, PanelMatrix

KEPT_HOURS = MONTH * HOURS_PER_DAY
"""Hours of observations that are kept, to recognise doubtful values among newer ones."""


@dataclass(frozen=True)
class Past:
    """What is known at the origin.

    `observed` are the newest observations as they came, `history` the last hours treated and
    without gaps, as many as forecasts look back at. `doubts` is the table of doubtful hours, see
    `Treated.table`. `bounds` limit the forecasts, and `doubtful`, shape (series, 1), is the share
    of doubtful hours in the last day.
    """

    observed: PanelMatrix
    history: PanelMatrix
    doubts: pd.DataFrame
    bounds: Bounds
    doubtful: Floats

    @classmethod
    def of(cls, observed: PanelMatrix, hours: int) -> Past:
        """The past of a panel up to its end, with so many hours of history."""
        found = treated(observed)
        return cls.of_treated(observed, found, found.filled(), hours)

    @classmethod
    def of_treated(
        cls, observed: PanelMatrix, treated: Treated, filled: PanelMatrix, hours: int
    ) -> Past:
        """The same, for a panel that is treated and filled already."""
        doubtful = treated.missing[:, -HOURS_PER_DAY:].mean(axis=1, keepdims=True)
        return cls(
            observed.last(KEPT_HOURS),
            filled.last(hours),
            treated.table(),
            Bounds.of(treated.panel.array),
            doubtful,
        )

    def joined(self, newer: PanelMatrix) -> PanelMatrix:
        """The observations up to the end of `newer`, which wins."""
        return self.observed.until(newer.hours[-1]).joined(newer)
