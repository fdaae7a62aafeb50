"""Forecasts against observations: the errors of every forecast made for an hour."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from energy_assets.forecasting.evaluation.metrics import (
    DISTRIBUTION,
    distribution_terms,
    percentage_errors,
)
from energy_assets.forecasting.models.seasonal_naive import SEASONAL_NAIVES
from energy_assets.schemas import MONITORING, PRIMARY_KEY, QUANTILES, SERIES_KEY, TARGET, conform


def score_forecasts(observations: pd.DataFrame, forecasts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Each observation beside every forecast that was made for it.

    `observations` are rows of `schemas.CONSUMPTION`, `forecasts` frames of `schemas.PREDICTIONS`.
    Returns rows of `schemas.MONITORING`; forecasts of hours without an observation are left out.
    """
    if not (frames := list(forecasts)):
        return pd.DataFrame(columns=list(MONITORING.dtypes)).astype(MONITORING.dtypes)
    predictions = pd.concat(frames, ignore_index=True)
    scored = predictions.rename(columns={TARGET: "forecast"}).merge(
        observations.rename(columns={TARGET: "actual"}), on=list(PRIMARY_KEY), how="inner"
    )
    scored["error"] = scored["forecast"] - scored["actual"]
    scored["absolute_error"] = scored["error"].abs()
    scored["ape"] = _percentage_errors(scored["actual"], scored["forecast"])
    scored["covered"] = scored["actual"].between(scored["lower"], scored["upper"])
    quantiles = ((share, scored[name].to_numpy()) for share, name in QUANTILES.items())
    terms = distribution_terms(scored["actual"].to_numpy(), quantiles)
    return conform(scored.assign(**terms), MONITORING)


def interval_scores(scored: pd.DataFrame) -> dict[str, float]:
    """How the intervals and quantiles did, as means over the series.

    `coverage` of the 80 % interval, `pinball`, the mean pinball loss of the quantiles as a share of
    the consumption, and `above_q95` and `above_q99`, the shares of observations above them. NaN for
    what is missing in scores of earlier releases.
    """
    rows = scored.reindex(columns=[*SERIES_KEY, "covered", "actual", *DISTRIBUTION])
    rows = rows.rename(columns={"covered": "coverage"}).astype({"coverage": float})
    means = rows.groupby(list(SERIES_KEY)).mean()
    scored_sizes = rows["actual"].abs().where(rows["pinball"].notna())
    size = scored_sizes.groupby([rows[level] for level in SERIES_KEY]).mean()
    means["pinball"] /= size.where(size > 0)
    return {name: float(means[name].mean()) for name in ("coverage", *DISTRIBUTION)}


def errors_by_horizon(scored: pd.DataFrame, observations: pd.DataFrame) -> pd.DataFrame:
    """MAPE by horizon: the mean over series, a column for the forecast and each seasonal naive.

    `observations` are the rows of the scored hours and of the week before them. Up to its season, a
    seasonal naive makes the same forecast for an hour at every horizon, so its error differs
    between horizons only because different rows were scored.
    """
    rows = scored.set_index(list(PRIMARY_KEY))
    table = pd.DataFrame({"horizon": rows["horizon"], "forecast": rows["ape"]})
    for naive in SEASONAL_NAIVES:
        later = observations["datetime_utc"] + pd.Timedelta(hours=naive.season)
        values = observations.assign(datetime_utc=later).set_index(list(PRIMARY_KEY))[TARGET]
        table[naive.name] = _percentage_errors(rows["actual"], values.reindex(rows.index))
    by_series = table.groupby(
        [*(table.index.get_level_values(level) for level in SERIES_KEY), "horizon"]
    )
    return by_series.mean().groupby("horizon").mean()


def _percentage_errors(actual: pd.Series, forecast: pd.Series) -> pd.Series:
    errors = percentage_errors(actual.to_numpy(), forecast.to_numpy())
    return pd.Series(errors, index=actual.index)
