"""The score of a configuration, and of the seasonal naives, on a fold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from energy_assets.forecasting.evaluation.rolling_origin import Forecast, rolling_origin
from energy_assets.forecasting.evaluation.scores import summary
from energy_assets.forecasting.fitted import Fitted, fit
from energy_assets.forecasting.models import seasonal_naive
from energy_assets.forecasting.models.seasonal_naive import SEASONAL_NAIVES
from energy_assets.forecasting.panel.matrix import training_window
from energy_assets.forecasting.parameters import Parameters
from energy_assets.forecasting.tuning.result import FoldScore, Scheme, mean_of_folds
from energy_assets.forecasting.tuning.search_space import Configuration


def score_fold(
    panel: pd.DataFrame,
    scheme: Scheme,
    metric: str,
    arguments: Mapping[str, Any],
    configuration: Configuration,
    cutoff: pd.Timestamp,
) -> FoldScore:
    """The `metric` of a forecaster that is fitted to the hours of `panel` up to `cutoff`.

    `configuration` overrides `arguments`. Raises ForecastError if it cannot be used.
    """
    window = training_window(panel, cutoff, _whole_days(panel))
    fitted = fit(window, None, Parameters(**{**arguments, **configuration}))
    return _fold_score(_forecasts(panel, {"": _moving_origin(fitted)}, scheme, cutoff), metric)


def naive_scores(panel: pd.DataFrame, scheme: Scheme, metric: str) -> dict[str, float]:
    """The `metric` of each seasonal naive over all folds, by its name."""
    methods = {naive.name: partial(_naive_forecast, naive.season) for naive in SEASONAL_NAIVES}
    tables = [_forecasts(panel, methods, scheme, pd.Timestamp(at)) for at in scheme.cutoffs]
    return {
        name: mean_of_folds(
            [_fold_score(table[table["method"] == name], metric) for table in tables]
        )
        for name in methods
    }


def _forecasts(
    panel: pd.DataFrame, methods: Mapping[str, Forecast], scheme: Scheme, cutoff: pd.Timestamp
) -> pd.DataFrame:
    """The table of forecasts of one fold."""
    return rolling_origin(
        panel,
        methods,
        scheme.origins(cutoff),
        window_days=_whole_days(panel),
        horizon=scheme.horizon,
    )


def _fold_score(table: pd.DataFrame, metric: str) -> FoldScore:
    score = summary(table)[metric]
    return None if math.isnan(score) else score


def _whole_days(panel: pd.DataFrame) -> int:
    """The length of the panel in days, rounded up: a window of that length holds all of it."""
    times = panel.index.get_level_values(-1)
    return (times.max() - times.min()).days + 1


def _naive_forecast(season: int, window: pd.DataFrame, horizon: int) -> pd.DataFrame:
    return seasonal_naive.forecast(window, horizon, season)


def _moving_origin(fitted: Fitted) -> Forecast:
    """Forecasts of a forecaster that sees newer hours but is not fitted to them."""
    return lambda window, horizon: fitted.updated(window).predict(horizon)
