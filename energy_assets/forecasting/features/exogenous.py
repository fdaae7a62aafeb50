"""Columns that are known ahead, such as weather and prices: from `X` to the arrays of a model.

Does not belong here: the features computed from them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from energy_assets.errors import ForecastError
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.matrix import HOURS_PER_WEEK, Floats, PanelMatrix, aligned


def of_window(X: pd.DataFrame, window: PanelMatrix, horizon: int) -> tuple[Floats, Sequence[float]]:
    """The values of a training window, each column centred on its mean, and the means.

    The values have the shape (columns, series, hours + horizon). They are NaN where unknown, and
    for all hours after the window.
    """
    values = aligned(X, window.hours, window.series)
    means = np.nanmean(values, axis=(1, 2))
    centred = values - means[:, None, None]
    return np.pad(centred, ((0, 0), (0, 0), (0, horizon)), constant_values=np.nan), means.tolist()


def last_week(X: pd.DataFrame, window: PanelMatrix) -> pd.DataFrame:
    """The rows that forecasts from the end of `window` look back at."""
    return X[X.index.get_level_values(-1).isin(pd.Index(window.hours[-HOURS_PER_WEEK:]))]


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
    """The centred values for the hours of `history` and the `reach` hours after it.

    None for a model without exogenous columns. Raises ForecastError if `X` lacks one of them.
    """
    names = list(design.exogenous)
    if not names:
        return None
    if X is None or not set(names) <= set(map(str, X.columns)):
        raise ForecastError(
            f"The model was fitted with the exogenous columns {names}: pass them to predict as X, "
            "for every hour ahead."
        )
    hours = history.hours.append(time_axis.ahead(history.hours, np.arange(1, reach + 1)))
    values = aligned(updated(past, X).rename(columns=str)[names], hours, history.series)
    return values - np.array(design.exogenous_means)[:, None, None]
