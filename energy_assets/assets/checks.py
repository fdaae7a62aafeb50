"""Asset checks: what each asset is checked for, and the check results.

The checks run inside their assets. A separate check that takes a partitioned asset as an argument
would load all of its partitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import pandas as pd

from energy_assets.contract.rules import OTHER_HOUR, UNREADABLE_TIME, ValidatedRecords
from energy_assets.partitions import due, hour_of
from energy_assets.settings import Settings

CONTRACT = dg.AssetCheckSpec(
    "contract",
    asset="feature_group",
    blocking=True,
    description="At least half of the records of every hour are valid; otherwise none are used.",
)
REQUESTED_HOURS = dg.AssetCheckSpec(
    "requested_hours",
    asset="feature_group",
    description="Every record has a readable time, in an hour that was requested.",
)
COMPLETE = dg.AssetCheckSpec(
    "complete",
    asset="feature_group",
    description="Every series of the week before has a row in every hour.",
)
BEATS_BASELINE = dg.AssetCheckSpec(
    "beats_seasonal_naive",
    asset="model",
    description="On days it had not seen, the model is better than both seasonal naives.",
)
TUNED = dg.AssetCheckSpec(
    "tuned",
    asset="model",
    description="The model is trained with a configuration that a search has found.",
)
FROM_THIS_MODEL = dg.AssetCheckSpec(
    "from_newest_model",
    asset="predictions_parquet",
    description="The forecast comes from the model of its hour, and is not a fallback.",
)
ON_TIME = dg.AssetCheckSpec(
    "on_time",
    asset="predictions_parquet",
    description="The forecast of a recent hour is made within FORECAST_GRACE_MINUTES.",
)


def run_hours(keys: Sequence[str]) -> dict[str, str]:
    """The range of partitions that a run's figures cover, which Dagster does not show."""
    return {"first hour of the run": keys[0], "last hour of the run": keys[-1]}


def contract(
    validated: ValidatedRecords, rejection: str | None, keys: Sequence[str]
) -> dg.AssetCheckResult:
    """Fails, and blocks what depends on the feature group, if the records are rejected."""
    reasons = validated.quarantine["reason"].value_counts()
    return dg.AssetCheckResult(
        asset_key=CONTRACT.asset_key,
        check_name=CONTRACT.name,
        passed=rejection is None,
        description=rejection,
        metadata={
            **run_hours(keys),
            "records": validated.published,
            "quarantined": len(validated.quarantine),
            **{f"quarantined: {reason}": int(count) for reason, count in reasons.items()},
        },
    )


def requested_hours(quarantine: pd.DataFrame, keys: Sequence[str]) -> dg.AssetCheckResult:
    """Fails if the source gave records of other hours, or with times that nobody can read."""
    strays = quarantine["reason"].isin([OTHER_HOUR, UNREADABLE_TIME])
    return dg.AssetCheckResult(
        asset_key=REQUESTED_HOURS.asset_key,
        check_name=REQUESTED_HOURS.name,
        passed=not strays.any(),
        description=f"{int(strays.sum())} records are of no requested hour; the first is "
        f"{quarantine.loc[strays, 'record'].iloc[0]}"
        if strays.any()
        else None,
        metadata={**run_hours(keys), "records": int(strays.sum())},
    )


def complete(missing: pd.Series, expected: int, keys: Sequence[str]) -> dg.AssetCheckResult:
    """Warns of missing series. `missing` counts them by hour; `keys` are the run's hours."""
    gaps = missing[missing > 0]
    return _result(
        COMPLETE,
        failed_at=[f"{hour:%Y-%m-%d %H:%M}" for hour in gaps.index],
        metadata={**run_hours(keys), "series expected": expected, "rows missing": int(gaps.sum())},
    )


def beats_baseline(verdicts: Mapping[str, str], failed: Iterable[str]) -> dg.AssetCheckResult:
    """Warns of the partitions whose model did not pass the gate: partition -> verdict."""
    return _result(BEATS_BASELINE, failed_at=list(failed), metadata=dict(verdicts))


def tuned(reasons: Mapping[str, str | None]) -> dg.AssetCheckResult:
    """Warns of the partitions trained with the default configuration: partition -> why."""
    untuned = {key: reason for key, reason in reasons.items() if reason}
    return _result(TUNED, failed_at=list(untuned), metadata=untuned)


def from_this_model(qualities: Mapping[str, str]) -> dg.AssetCheckResult:
    """Warns of the partitions whose forecast is a fallback: partition -> quality."""
    fallen_back = [key for key, quality in qualities.items() if quality != "model"]
    return _result(FROM_THIS_MODEL, failed_at=fallen_back, metadata=dict(qualities))


def on_time(made_at: Mapping[str, datetime], settings: Settings) -> dg.AssetCheckResult:
    """Warns of the partitions whose forecast is late: partition -> when it was made.

    Forecasts of hours older than CATCH_UP_HOURS are replays, not late.
    """
    grace = timedelta(minutes=settings.forecast_grace_minutes)
    recent = timedelta(hours=settings.catch_up_hours)
    delays = {key: at - due(hour_of(key), settings.days_delay) for key, at in made_at.items()}
    late = [key for key, delay in delays.items() if grace < delay <= recent]
    minutes = {key: round(delays[key].total_seconds() / 60) for key in late}
    return _result(
        ON_TIME,
        failed_at=late,
        metadata={f"{key}, minutes after it was due": delay for key, delay in minutes.items()},
    )


def _result(
    spec: dg.AssetCheckSpec, *, failed_at: list[str], metadata: Mapping[str, Any]
) -> dg.AssetCheckResult:
    """A check that warns and names the hours in which it failed."""
    shown = ", ".join(failed_at[:10]) + (" ..." if len(failed_at) > 10 else "")
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=not failed_at,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Failed in {len(failed_at)} hour(s): {shown}" if failed_at else None,
        metadata=dict(list(metadata.items())[:50]),
    )
