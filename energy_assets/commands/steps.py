"""The runs that a command needs, given what is already stored.

What is stored is not made again, so repeating a command does nothing the second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from energy_assets.commands.deployment import Deployment
from energy_assets.contract.completeness import ranges, row_counts
from energy_assets.errors import NoDataError
from energy_assets.partitions import (
    DAY,
    HOUR,
    HOURS_LOADED_AT_ONCE,
    hour_of,
    hourly,
    key_of,
    window_of,
)
from energy_assets.sources import GRACE_PERIOD
from energy_assets.stores.parquet import read_hour
from energy_assets.stores.paths import hour_of_path, hour_path

_FROM_DATASET = (
    "feature_view",
    "model",
    "predictions_parquet",
    "published_forecast",
    "monitoring_metrics",
)
"""The assets of an hour whose rows are in the feature store already."""


@dataclass(frozen=True)
class Step:
    """One run: a job over a range of hours, both ends included, and its purpose."""

    job: str
    first: datetime
    last: datetime
    purpose: str
    assets: tuple[str, ...] = ()
    """The assets of the job to materialise; none means all of them."""
    config: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Run configuration by asset. Assets that are not listed use their defaults."""

    @property
    def hours(self) -> int:
        """How many partitions the run materialises."""
        return (self.last - self.first) // HOUR + 1


def newest_hour(deployment: Deployment) -> datetime:
    """The newest partition for which the source has data."""
    newest = hourly.get_last_partition_key()
    if newest is None:
        raise NoDataError(
            f"PARTITIONS_START is {key_of(_first_hour())}, which is in the future: "
            "set an earlier hour"
        )
    return min(deployment.source.newest_hour(), hour_of(newest))


def check_origin(deployment: Deployment, origin: datetime) -> None:
    """Raise NoDataError unless `origin` is a partition for which the source has data."""
    source = deployment.source
    oldest = max(source.oldest_hour(), _first_hour())
    newest = newest_hour(deployment)
    if oldest > newest:
        raise NoDataError(
            f"the source {source.name} has data up to {key_of(source.newest_hour())} (UTC), but "
            f"the partitions start at {key_of(_first_hour())} and end DAYS_DELAY="
            f"{deployment.settings.days_delay} days ago: set PARTITIONS_START or DAYS_DELAY to "
            "match the data"
        )
    if not oldest <= origin <= newest:
        raise NoDataError(
            f"{key_of(origin)} cannot be forecast from: the source {source.name} has data from "
            f"{key_of(oldest)} to {key_of(newest)} (UTC). Choose an hour in this range."
        )


def steps_to_forecast(deployment: Deployment, origin: datetime) -> Iterator[Step]:
    """The runs that forecast from `origin`, and make the day before's forecasts to score.

    Those come from a model trained at the start of that day, as they would in operation.
    """
    check_origin(deployment, origin)
    day_before = max(origin - DAY, deployment.source.oldest_hour(), _first_hour())
    yield from _load_history(deployment, day_before, origin)
    yield from _tune_once(deployment, day_before)
    needs_earlier = day_before < origin and not _is_stored(
        deployment, "predictions_parquet", origin - HOUR
    )
    if needs_earlier:
        last = origin - HOUR
        yield Step("hourly_job", day_before, last, "pin training datasets", ("feature_view",))
        yield Step("hourly_job", day_before, day_before, "train a model a day before", ("model",))
        yield Step("prediction_job", day_before, last, "make the forecasts of the day before")
    is_complete = all(
        _is_stored(deployment, asset, origin)
        for asset in ("predictions_parquet", "monitoring_metrics")
    )
    if needs_earlier or not is_complete:
        yield Step("hourly_job", origin, origin, "train, forecast and score")


def steps_to_replay(deployment: Deployment, first: datetime, last: datetime) -> Iterator[Step]:
    """The runs that replay every hour from `first` to `last` as if it were live."""
    if first > last:
        raise NoDataError(f"START {key_of(first)} is after END {key_of(last)}: swap them")
    check_origin(deployment, first)
    check_origin(deployment, last)
    yield from _load_history(deployment, first, last)
    yield from _tune_once(deployment, first)
    while first <= last:
        end = min(first + DAY - HOUR, last)
        yield Step("hourly_job", first, end, f"replay {first:%Y-%m-%d}", _FROM_DATASET)
        first = end + HOUR


def steps_to_tune(
    deployment: Deployment, hour: datetime, budget: Mapping[str, object]
) -> Iterator[Step]:
    """The runs that search for the best configuration at `hour`, even if there is one already.

    `budget` may hold `trials` and `seconds`; the settings give the defaults.
    """
    check_origin(deployment, hour)
    yield from _load_history(deployment, hour, hour)
    yield _search(hour, budget)


def _search(hour: datetime, budget: Mapping[str, object]) -> Step:
    return Step(
        "tuning_job",
        hour,
        hour,
        "search for the best configuration",
        config={"best_config": budget},
    )


def _load_history(
    deployment: Deployment, first_origin: datetime, last_origin: datetime
) -> Iterator[Step]:
    """Runs over the origins' training windows, if some of their hours have no rows yet."""
    start, _ = window_of(first_origin, deployment.settings.days_export)
    first = max(start, deployment.source.oldest_hour(), _first_hour())
    counts = row_counts(deployment.feature_store, first, last_origin + HOUR)
    missing = [
        hour
        for hour in pd.DatetimeIndex(counts.index[counts == 0]).to_pydatetime()
        # An hour for which the source had nothing is requested again only while it may be late.
        if hour >= last_origin - GRACE_PERIOD or not _is_known_to_be_empty(deployment, hour)
    ]
    if not missing:
        return
    hours = pd.date_range(missing[0], missing[-1], freq="h").to_pydatetime()
    for start, end in ranges(hours, HOURS_LOADED_AT_ONCE):
        yield Step("ingestion_job", start, end, "load the history")


def _tune_once(deployment: Deployment, hour: datetime) -> Iterator[Step]:
    """A search, unless there is a configuration at or before `hour`."""
    tuned = map(hour_of_path, deployment.object_store.list("best_config"))
    if not any(tuned_hour <= hour for tuned_hour in tuned):
        yield _search(hour, {})


def _is_known_to_be_empty(deployment: Deployment, hour: datetime) -> bool:
    return (
        _is_stored(deployment, "raw_consumption", hour)
        and read_hour(deployment.object_store, "raw_consumption", hour).empty
    )


def _is_stored(deployment: Deployment, asset: str, hour: datetime) -> bool:
    return deployment.object_store.exists(hour_path(asset, hour, "parquet"))


def _first_hour() -> datetime:
    return hourly.start.replace(tzinfo=None)
