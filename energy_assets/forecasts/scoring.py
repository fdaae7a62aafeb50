"""Forecasts against what came: errors of every forecast made for an hour, and their summary."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from energy_assets.schemas import MONITORING, PRIMARY_KEY, SERIES_KEY, TARGET, conform

NAIVE_SEASONS = (24, 168)


def score_forecasts(observations: pd.DataFrame, forecasts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Each observation beside every forecast made for it.

    `observations`: rows of `schemas.CONSUMPTION`; `forecasts`: any number of frames with rows of
    `schemas.PREDICTIONS`. Returns rows of `schemas.MONITORING`; a forecast without an observation
    gives none.
    """
    if not (frames := list(forecasts)):
        return pd.DataFrame(columns=list(MONITORING.dtypes)).astype(MONITORING.dtypes)
    predictions = pd.concat(frames, ignore_index=True)
    scored = predictions.rename(columns={TARGET: "forecast"}).merge(
        observations.rename(columns={TARGET: "actual"}), on=list(PRIMARY_KEY), how="inner"
    )
    scored["error"] = scored["forecast"] - scored["actual"]
    scored["absolute_error"] = scored["error"].abs()
    scored["ape"] = scored["absolute_error"] / scored["actual"].where(scored["actual"] != 0)
    scored["covered"] = scored["actual"].between(scored["lower"], scored["upper"])
    return conform(scored, MONITORING)


def errors_by_horizon(scored: pd.DataFrame, observations: pd.DataFrame) -> pd.DataFrame:
    """Mean MAPE over the series by horizon: `forecast`, `seasonal_naive_24`, `seasonal_naive_168`.

    `observations` are the rows of the hours scored and of the week before them. A seasonal naive
    gives an hour the same forecast at every horizon up to its season, so its error differs between
    horizons only by the rows that were scored.
    """
    rows = scored.set_index(list(PRIMARY_KEY))
    table = pd.DataFrame({"horizon": rows["horizon"], "forecast": rows["ape"]})
    for season in NAIVE_SEASONS:
        later = observations["datetime_utc"] + pd.Timedelta(hours=season)
        naive = observations.assign(datetime_utc=later).set_index(list(PRIMARY_KEY))[TARGET]
        naive = naive.reindex(rows.index)
        error = (naive - rows["actual"]).abs() / rows["actual"].where(rows["actual"] != 0)
        table[f"seasonal_naive_{season}"] = error
    by_series = table.groupby(
        [*(table.index.get_level_values(level) for level in SERIES_KEY), "horizon"]
    )
    return by_series.mean().groupby("horizon").mean()
