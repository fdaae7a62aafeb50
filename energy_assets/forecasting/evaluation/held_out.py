"""Held-out forecasts with their intervals, and what their quantiles are scored by."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from energy_assets.forecasting.evaluation.metrics import QUANTILES, distribution_terms
from energy_assets.forecasting.models.held_out import HeldOut
from energy_assets.forecasting.models.quantiles import calibrating
from energy_assets.forecasting.models.quantiles.intervals import Calibration
from energy_assets.forecasting.panel.matrix import Floats


def columns_of(
    held_out: HeldOut, coverage: float, pooled: Sequence[Calibration] | None = None
) -> dict[str, Floats]:
    """`forecast`, `lower` and `upper`, the ends of intervals, and `distribution_terms`.

    They have the shape (series, origins, horizons). Each day is calibrated on the others; `pooled`
    is as in `calibrating.ByDay`.
    """
    found = calibrating.ByDay.of(held_out, pooled)
    ends = {"lower": (1 - coverage) / 2, "upper": (1 + coverage) / 2}
    columns = {"forecast": found.forecast()}
    columns |= {name: found.quantile(probability) for name, probability in ends.items()}
    quantiles = ((probability, found.quantile(probability)) for probability in QUANTILES)
    return columns | distribution_terms(held_out.actual, quantiles)


def table(held_out: HeldOut, coverage: float) -> pd.DataFrame:
    """The table of forecasts, with intervals; see `GlobalForecaster.holdout_`."""
    columns = {"actual": held_out.actual, **columns_of(held_out, coverage)}
    found = held_out.panel.table(held_out.origins, columns)
    return found.dropna(subset="actual", ignore_index=True)
