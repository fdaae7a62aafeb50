"""Columns that are known ahead, such as weather and prices: what is kept, and what enters a model.

Belongs here: their way from `X` to the arrays of a model. Does not belong here: their features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from energy_assets.errors import ForecastError
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.matrix import WEEK, Floats, HourlyMatrix, aligned

if TYPE_CHECKING:
    from energy_assets.forecasting.models.blend import Design


def of_window(
    X: pd.DataFrame, window: HourlyMatrix, horizon: int
) -> tuple[Floats, Sequence[float]]:
    """The values of a training window, each column less its mean, and these means.

    Shape (columns, series, hours + horizon); NaN where unknown, as are all hours after the window.
    """
    values = aligned(X, window.hours, window.series)
    means = np.nanmean(values, axis=(1, 2))
    centred = values - means[:, None, None]
    return np.pad(centred, ((0, 0), (0, 0), (0, horizon)), constant_values=np.nan), means.tolist()


def last_week(X: pd.DataFrame, window: HourlyMatrix) -> pd.DataFrame:
    """The rows that forecasts from the end of `window` look back at."""
    return X[X.index.get_level_values(-1).isin(pd.Index(window.hours[-WEEK:]))]


def newest(kept: pd.DataFrame | None, X: pd.DataFrame) -> pd.DataFrame:
    """Both tables' rows, those of `X` where both have one."""
    if kept is None:
        return X
    both = pd.concat([kept[list(X.columns)], X])
    return both[~both.index.duplicated(keep="last")]


def ahead(
    X: pd.DataFrame | None,
    kept: pd.DataFrame | None,
    design: Design,
    history: HourlyMatrix,
    reach: int,
) -> Floats | None:
    """The values of `history` and of the `reach` hours after it, as `design` knows them.

    None for a model without such columns. Raises ForecastError if `X` lacks one.
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
    values = aligned(newest(kept, X).rename(columns=str)[names], hours, history.series)
    return values - np.array(design.exogenous_means)[:, None, None]
