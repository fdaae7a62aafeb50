"""Held-out forecasts with their intervals, and what their quantiles are scored by."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from energy_assets.forecasting.evaluation.metrics import QUANTILES, distribution_terms
from energy_assets.forecasting.models import calibrating
from energy_assets.forecasting.models.held_out import HeldOut
from energy_assets.forecasting.models.intervals import Calibration
from energy_assets.forecasting.panel.matrix import Floats


def columns_of(
    held_out: HeldOut, coverage: float, pooled: Sequence[Calibration] | None = None
) -> dict[str, Floats]:
    """`lower` and `upper`, the ends of intervals, and the terms of `distribution_terms`.

    They have the shape (series, origins, horizons). Each day is calibrated on the others; `pooled`
    is as in `calibrating.quantiles`.
    """
    ends = [(1 - coverage) / 2, (1 + coverage) / 2]
    found = calibrating.quantiles(held_out, [*ends, *QUANTILES], pooled)
    bounds = {"lower": next(found), "upper": next(found)}
    return bounds | distribution_terms(held_out.actual, zip(QUANTILES, found, strict=True))


def table(held_out: HeldOut, coverage: float) -> pd.DataFrame:
    """The table of forecasts, with intervals; see `GlobalForecaster.holdout_`."""
    columns = {"actual": held_out.actual, "forecast": held_out.forecast}
    columns |= columns_of(held_out, coverage)
    found = held_out.panel.table(held_out.origins, columns)
    return found.dropna(subset="actual", ignore_index=True)
