"""The factor by which columns known ahead raise or lower the hours of a panel.

Does not belong here: what the factor is made of (`response`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from energy_assets.forecasting.features.calendar import calendar
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.features.known_ahead import exogenous, response, response_fit
from energy_assets.forecasting.features.known_ahead.response import Response
from energy_assets.forecasting.features.transform import asinh, series_scale
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.matrix import Floats, PanelMatrix


def fit(
    observed: PanelMatrix,
    X: pd.DataFrame,
    X_ahead: pd.DataFrame | None,
    design: Design,
    held_out_hours: int,
) -> tuple[Response | None, tuple[Floats, Floats] | None]:
    """The response to `X`, fitted to the hours that are not held out.

    Also its factor, and the factor that was to be expected of the hours that are held out.
    """
    hours = len(observed.hours)
    end = hours - held_out_hours
    days = design.calendar(observed.hours)
    names = [str(name) for name in X.columns]
    values = exogenous.at(X, names, observed.hours, observed.series)
    level = asinh(observed.array, series_scale(observed.array, end))
    found = response_fit.fit(level[:, :end], values[..., :end], names, days, observed.series)
    if found is None:
        return None, None
    local = days.column("hour", np.arange(hours)).astype(np.int64)
    factor = found.factor(values, observed.series, local)
    if X_ahead is None or not held_out_hours:
        return found, (factor, factor)
    expected = exogenous.at(X_ahead, names, observed.hours, observed.series)
    expected = np.where(np.isnan(expected), values, expected)
    values = np.concatenate([values[..., :end], expected[..., end:]], axis=-1)
    return found, (factor, found.factor(values, observed.series, local))


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
