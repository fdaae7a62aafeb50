"""A panel as it would have been in usual weather, which all models are trained on.

Does not belong here: what columns known ahead do to a panel (`features.known_ahead`), and which
values are doubtful (`doubts`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from energy_assets.forecasting.doubts.treatment import Treated, treated
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.features.known_ahead import factors
from energy_assets.forecasting.features.known_ahead.factors import Factors
from energy_assets.forecasting.features.known_ahead.response_fit import Pooled
from energy_assets.forecasting.models.blas import single_blas_thread
from energy_assets.forecasting.models.held_out import HeldOut
from energy_assets.forecasting.models.quantiles import usual_errors
from energy_assets.forecasting.models.training import Training
from energy_assets.forecasting.models.training_rows import TrainingWindow
from energy_assets.forecasting.panel.matrix import PanelMatrix


@dataclass(frozen=True)
class UsualPanel:
    """A panel without its response to columns known ahead, and without doubtful values.

    `panel` still has the doubtful values, `found` is the same treated. Without `factors`, both are
    those of the panel itself. The last `held_out_hours` hours are held out.
    """

    panel: PanelMatrix
    found: Treated
    held_out_hours: int
    factors: Factors | None = None

    @classmethod
    def of(cls, observed: PanelMatrix, held_out_hours: int) -> UsualPanel:
        """A panel that responds to nothing."""
        return cls(observed, treated(observed), held_out_hours)

    def divided(
        self,
        X: pd.DataFrame,
        X_ahead: pd.DataFrame | None,
        training: Training,
        pooled: Pooled | None = None,
    ) -> UsualPanel:
        """The same without its response to `X`; itself if it has none. See `factors.fit`."""
        how = training.design, self.held_out_hours, pooled, training.workers
        with single_blas_thread:
            found = factors.fit(self.found.panel, X, X_ahead, *how)
        if found is None:
            return self
        panel = replace(self.panel, array=self.panel.array / found.factor)
        return replace(self, panel=panel, found=treated(panel), factors=found)

    @cached_property
    def window(self) -> TrainingWindow:
        """The window to train on: without doubtful values, and without gaps for the features."""
        return TrainingWindow(self.found.panel, self.found.filled(), held_out=self.held_out_hours)

    def judged(self, held_out: HeldOut, design: Design) -> HeldOut:
        """Forecasts of the held-out days, with the errors to be expected of `expected` factors."""
        held_out = usual_errors.with_history(held_out, self.window, design)
        if self.factors is None:
            return held_out
        return held_out.misjudged(self.factors.expected / self.factors.factor)

    def in_its_unit(self, held_out: HeldOut) -> HeldOut:
        """Forecasts of the held-out days in the unit of the panel that was divided."""
        return held_out if self.factors is None else held_out.times(self.factors.factor)
