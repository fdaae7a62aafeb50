"""The model of the course energy-forecasting, built with sktime.

The peers' environment imports this module too, so it needs nothing but sktime.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sktime.forecasting.compose import ForecastingPipeline, make_reduction
from sktime.transformations.date import DateTimeFeatures
from sktime.transformations.summarize import WindowSummarizer

WINDOWS = (24, 48, 72)


def pipeline(regressor: Any, deviations: Sequence[int] = WINDOWS) -> ForecastingPipeline:
    """A recursive reduction with lags 1 to 72, means, standard deviations, hour and weekday.

    `deviations` are the windows of the standard deviations in hours: the course's code has three,
    its search space only the first two.
    """
    summary = WindowSummarizer(
        lag_feature={
            "lag": list(range(1, 73)),
            "mean": [[1, hours] for hours in WINDOWS],
            "std": [[1, hours] for hours in deviations],
        },
        n_jobs=1,
    )
    reduction = make_reduction(
        regressor,
        transformers=[summary],
        strategy="recursive",
        pooling="global",
        window_length=None,
    )
    calendar = DateTimeFeatures(
        manual_selection=["day_of_week", "hour_of_day"], keep_original_columns=True
    )
    return ForecastingPipeline([("calendar", calendar), ("forecaster", reduction)])
