"""Columns that are known ahead, such as weather and prices: from `X` to the arrays of a model.

Does not belong here: the features computed from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from energy_assets.errors import ForecastError
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.matrix import HOURS_PER_WEEK, Floats, PanelMatrix, aligned


def at(X: pd.DataFrame, names: Sequence[str], hours: Any, series: pd.Index | None) -> Floats:
    """The values of some columns, shape (columns, series, hours); NaN where unknown."""
    return aligned(X.rename(columns=str)[list(names)], hours, series)


def require(X: pd.DataFrame | None, names: Sequence[str]) -> pd.DataFrame:
    """The table; raises ForecastError if it lacks one of the columns."""
    if X is None or not set(names) <= set(map(str, X.columns)):
        raise ForecastError(
            f"The model was fitted with the exogenous columns {list(names)}: pass them to predict "
            "as X, for every hour ahead."
        )
    return X


def last_weeks(X: pd.DataFrame, window: PanelMatrix) -> pd.DataFrame:
    """The rows that forecasts from the end of `window` look back at: those of two weeks."""
    return X[X.index.get_level_values(-1).isin(pd.Index(window.hours[-2 * HOURS_PER_WEEK :]))]


def updated(past: pd.DataFrame | None, X: pd.DataFrame) -> pd.DataFrame:
    """The rows of both tables; where both have a row, `X` wins."""
    if past is None:
        return X
    both = pd.concat([past[list(X.columns)], X])
    return both[~both.index.duplicated(keep="last")]


def ahead(
    X: pd.DataFrame | None,
    past: pd.DataFrame | None,
    design: Design,
    history: PanelMatrix,
    reach: int,
) -> Floats | None:
    """What models of earlier releases see: the centred values of `history` and `reach` hours more.

    None for a model that sees no exogenous columns. Raises ForecastError if `X` lacks one of them.
    """
    if not (names := list(design.exogenous)):
        return None
    hours = history.hours.append(time_axis.ahead(history.hours, np.arange(1, reach + 1)))
    values = at(updated(past, require(X, names)), names, hours, history.series)
    return values - np.array(design.exogenous_means)[:, None, None]
