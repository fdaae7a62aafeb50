"""A trained model and the gate it has to pass before forecasts are made with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from energy_assets.errors import ForecastError, ShortHistoryError
from energy_assets.forecasting.evaluation.scores import scores
from energy_assets.forecasting.forecaster import GlobalForecaster
from energy_assets.forecasting.panel.horizons import require_hours
from energy_assets.forecasting.panel.matrix import to_matrix

PROMOTED = "promoted"


@dataclass(frozen=True)
class TrainedModel:
    """What a training gave: the forecaster, its scores on data it had not seen, the verdict."""

    forecaster: GlobalForecaster | None
    """None where the history is too short for any model."""
    scores: Mapping[str, float]
    verdict: str
    """`promoted`, or why the model may not be used."""
    lineage: Mapping[str, str] = field(default_factory=dict)
    """Where it is from, for the registry's tags; no part of the model's files."""

    @property
    def promoted(self) -> bool:
        """Whether the model passed its gate."""
        return self.verdict == PROMOTED


METRICS = ("mape", "mape_median", "wape", "mase")
RIVALS = {
    "model": "",
    "same hour yesterday": "_seasonal_naive_24",
    "same hour last week": "_seasonal_naive_168",
}


def comparison(scored: Mapping[str, float]) -> pd.DataFrame:
    """Scores as a table: a row for the model and each seasonal naive, a column for each metric."""
    rows = {
        name: {metric: scored[f"{metric}{suffix}"] for metric in METRICS}
        for name, suffix in RIVALS.items()
        if scored
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method").reset_index()


def train(panel: pd.DataFrame, parameters: Mapping[str, Any]) -> TrainedModel:
    """Fit a `GlobalForecaster` to a training window and judge it by the days it held out.

    `panel`: index (series levels ..., UTC hour), one column. A window that is too short gives a
    TrainedModel without a forecaster instead of an error: the forecast then falls back.

    Raises ForecastError if the parameters cannot be used.
    """
    try:
        forecaster = GlobalForecaster(**parameters)
    except TypeError as error:
        raise ForecastError(
            f"the configuration {dict(parameters)} does not fit the forecaster ({error}): "
            "run tuning_job again"
        ) from error
    try:
        require_hours(to_matrix(panel), forecaster.horizon, forecaster.calibration_days)
        forecaster.fit(panel)
    except ShortHistoryError as error:
        return TrainedModel(None, {}, f"not trained: {error}")
    if forecaster.holdout_ is None:
        return TrainedModel(forecaster, {}, "not judged: calibration_days=0 holds no days out")
    scored = scores(forecaster.holdout_, panel)
    return TrainedModel(forecaster, scored, judge(scored))


def judge(scored: Mapping[str, float]) -> str:
    """The gate: better than both seasonal naives on the held-out days, by mean MASE.

    MASE because it is defined for series near zero, where MAPE lets a single small series decide.
    """
    if not np.isfinite(scored["mase"]):
        return "its forecasts of the held-out days are not finite"
    for naive in ("seasonal_naive_24", "seasonal_naive_168"):
        if not scored["mase"] < scored[f"mase_{naive}"]:
            return (
                f"not better than {naive}: MASE {scored['mase']:.3f} against "
                f"{scored[f'mase_{naive}']:.3f} on the held-out days"
            )
    return PROMOTED
