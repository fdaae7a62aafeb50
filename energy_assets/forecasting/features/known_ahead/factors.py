"""The factor by which columns known ahead raise or lower the hours of a panel.

Does not belong here: what the factor is made of (`response`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from energy_assets.forecasting.features.calendar import calendar
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.features.known_ahead import exogenous, response, response_fit
from energy_assets.forecasting.features.known_ahead.response import Response
from energy_assets.forecasting.features.known_ahead.response_fit import Pooled
from energy_assets.forecasting.features.transform import asinh, series_scale
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.matrix import Floats, PanelMatrix


@dataclass(frozen=True)
class Factors:
    """The response of the series of a panel, and what it makes of each hour.

    `pooled` is what the response of other series can be made with. `factor` is the factor of each
    hour, and `expected` the one that was to be expected of it: (series, hours) each.
    """

    response: Response
    pooled: Pooled
    factor: Floats
    expected: Floats


def fit(
    observed: PanelMatrix,
    X: pd.DataFrame,
    X_ahead: pd.DataFrame | None,
    design: Design,
    held_out_hours: int,
    pooled: Pooled | None = None,
    workers: int = 1,
) -> Factors | None:
    """The response to `X`, fitted to the hours that are not held out, and its factors.

    `pooled` is what other series have taught; by default these series. `workers` is the number of
    threads. None if there are too few hours or no values, and no `pooled`.
    """
    hours = len(observed.hours)
    end = hours - held_out_hours
    days = design.calendar(observed.hours)
    names = pooled.names if pooled else tuple(map(str, X.columns))
    values = exogenous.at(X, names, observed.hours, observed.series)
    level = asinh(observed.array, series_scale(observed.array, end))[:, :end]
    if pooled is None:
        if (found := response_fit.pool(level, values[..., :end], names, days)) is None:
            return None
        pooled, prepared = found
    else:
        prepared = response_fit.prepare(level, values[..., :end], pooled.kinds, days)
    fitted = response_fit.fit_series(prepared, pooled, observed.series, workers)
    local = days.column("hour", np.arange(hours)).astype(np.int64)
    factor = expected = fitted.factor(values, observed.series, local)
    if X_ahead is not None and held_out_hours:
        ahead = exogenous.at(X_ahead, names, observed.hours, observed.series)[..., end:]
        ahead = np.where(np.isnan(ahead), values[..., end:], ahead)
        values = np.concatenate([values[..., :end], ahead], axis=-1)
        expected = fitted.factor(values, observed.series, local)
    return Factors(fitted, pooled, factor, expected)


def of_hours(
    found: Response,
    panel: PanelMatrix,
    design: Design,
    X: pd.DataFrame | None,
    first: int,
    last: int,
) -> Floats:
    """The factor of the hours `first` to `last` after the end of a panel, (series, hours).

    It follows from what `X` knows of them and of the hours before; 1 where that is nothing.
    """
    steps = np.arange(first - response.MEMORY, last + 1)
    if X is None:
        return np.ones((len(panel.array), last + 1 - first))
    hours = time_axis.ahead(panel.hours, steps)
    values = exogenous.at(X, found.names, hours, panel.series)
    positions = len(panel.hours) - 1 + steps
    pad = max(0, -int(positions[0]))
    days = calendar(panel.hours, max(last, 1), pad, design.country, design.timezone)
    local = days.column("hour", positions).astype(np.int64)
    return found.factor(values, panel.series, local)[:, response.MEMORY :]
