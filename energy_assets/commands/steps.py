"""Which runs it takes to have an hour, or a range of hours, forecast; and running them.

A forecast that is stored is not made again, so that doing it twice is quick and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import dagster as dg

from energy_assets import errors
from energy_assets.automation.jobs import range_tags
from energy_assets.errors import EnergyAssetsError, NoDataError
from energy_assets.partitions import HOUR, WINDOW, hour_of, hourly, key_of
from energy_assets.settings import settings
from energy_assets.sources import LATE, Source
from energy_assets.stores import Stores
from energy_assets.stores.parquet import read_hour
from energy_assets.stores.paths import hour_of_path, hour_path

DAY = timedelta(days=1)

SEARCH = "search for the best configuration"


class RunFailedError(EnergyAssetsError):
    """A run of a job ended with an error."""


@dataclass(frozen=True)
class Step:
    """A run to make: of which job, over which hours (both included), and what it is for."""

    job: str
    first: datetime
    last: datetime
    purpose: str
    assets: tuple[str, ...] = ()
    """The assets of the job to make; all of them where none is named."""
    config: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """The run configuration of assets; what is not named has its defaults."""

    @property
    def hours(self) -> int:
        """How many partitions the run materialises."""
        return (self.last - self.first) // HOUR + 1


def newest_origin(source: Source) -> datetime:
    """The newest hour that the source has and that is a partition."""
    newest = hourly.get_last_partition_key()
    if newest is None:
        raise NoDataError(
            f"PARTITIONS_START is {settings().partitions_start}, which has not passed yet: "
            "set an earlier hour"
        )
    return min(source.newest_hour(), hour_of(newest))


def check_origin(source: Source, origin: datetime) -> None:
    """Raise NoDataError unless the origin is an hour of a partition that the source has."""
    oldest = max(source.oldest_hour(), settings().first_hour)
    newest = newest_origin(source)
    if oldest > newest:
        raise NoDataError(
            f"the source {source.name} has data up to {key_of(source.newest_hour())} (UTC), but "
            f"the partitions begin at {settings().partitions_start} and end DAYS_DELAY="
            f"{settings().days_delay} days ago: set PARTITIONS_START or DAYS_DELAY to fit it"
        )
    if not oldest <= origin <= newest:
        raise NoDataError(
            f"there is nothing to forecast from at {key_of(origin)}: the source "
            f"{source.name} has {key_of(oldest)} to {key_of(newest)} (UTC). Choose one of these."
        )


def steps_to_forecast(source: Source, stores: Stores, origin: datetime) -> Iterator[Step]:
    """The runs that forecast from `origin`, with earlier forecasts to score.

    The earlier forecasts are those of the 24 hours before, by a model trained a day before, which
    is what an operator would have had.
    """
    check_origin(source, origin)
    a_day_before = max(origin - DAY, source.oldest_hour(), settings().first_hour)
    yield from _history(source, stores, a_day_before, origin)
    yield from _tuning(stores, a_day_before)
    earlier = a_day_before < origin and not _stored(stores, "predictions_parquet", origin - HOUR)
    if earlier:
        first, last = a_day_before, origin - HOUR
        yield Step("hourly_job", first, last, "pin datasets", ("feature_view",))
        yield Step("hourly_job", first, first, "train a model a day before", ("model",))
        yield Step("prediction_job", first, last, "make the forecasts of the day before")
    made = (_stored(stores, name, origin) for name in ("predictions_parquet", "monitoring_metrics"))
    if earlier or not all(made):
        yield Step("hourly_job", origin, origin, "train, forecast and score")


def steps_to_replay(
    source: Source, stores: Stores, first: datetime, last: datetime
) -> Iterator[Step]:
    """The runs that replay every hour from `first` to `last` as if it were live."""
    if first > last:
        raise NoDataError(f"START {key_of(first)} is after END {key_of(last)}: swap them")
    check_origin(source, first)
    check_origin(source, last)
    yield from _history(source, stores, first, last)
    yield from _tuning(stores, first)
    while first <= last:
        end = min(first + DAY - HOUR, last)
        yield Step("hourly_job", first, end, f"replay {first:%Y-%m-%d}")
        first = end + HOUR


def steps_to_tune(
    source: Source, stores: Stores, hour: datetime, budget: Mapping[str, object]
) -> Iterator[Step]:
    """The runs that search for the best configuration at `hour`, also where there is one.

    `budget`: `trials` and `seconds`, each as the settings say where it is missing.
    """
    check_origin(source, hour)
    yield from _history(source, stores, hour, hour)
    yield Step("tuning_job", hour, hour, SEARCH, config={"best_config": budget})


def execute(
    defs: dg.Definitions,
    steps: Iterable[Step],
    instance: dg.DagsterInstance,
    showing: Callable[[Step], AbstractContextManager[None]],
) -> int:
    """Execute the runs one after the other in this process; returns how many there were.

    Raises RunFailedError with the message of the first failure.
    """
    made = 0
    for step in steps:
        with showing(step):
            result = defs.resolve_job_def(step.job).execute_in_process(
                instance=instance,
                asset_selection=[dg.AssetKey(name) for name in step.assets] or None,
                tags=range_tags(step.first, step.last),
                run_config={
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                    "ops": {name: {"config": dict(said)} for name, said in step.config.items()},
                },
                raise_on_error=False,
            )
        if not result.success:
            raise RunFailedError(_why(result))
        made += 1
    return made


def _history(
    source: Source, stores: Stores, first_origin: datetime, last: datetime
) -> Iterator[Step]:
    """One run over the training windows, where hours of them have no rows yet.

    An hour that was asked for in vain is asked for again only while it may merely be late.
    """
    first = max(first_origin - WINDOW + HOUR, source.oldest_hour(), settings().first_hour)
    rows = stores.feature_store.read(first, last + HOUR)
    present = set(rows["datetime_utc"].drop_duplicates().tolist())
    hours = (first + number * HOUR for number in range((last - first) // HOUR + 1))
    missing = [
        hour
        for hour in hours
        if hour not in present and not (hour < last - LATE and _asked_in_vain(stores, hour))
    ]
    if missing:
        yield Step("ingestion_job", missing[0], missing[-1], "load the history")


def _asked_in_vain(stores: Stores, hour: datetime) -> bool:
    return _stored(stores, "raw_consumption", hour) and not len(
        read_hour(stores.object_store, "raw_consumption", hour)
    )


def _tuning(stores: Stores, origin: datetime) -> Iterator[Step]:
    tuned = (hour_of_path(path) for path in stores.object_store.list("best_config"))
    if not any(hour <= origin for hour in tuned):
        yield Step("tuning_job", origin, origin, SEARCH)


def _stored(stores: Stores, asset: str, hour: datetime) -> bool:
    return stores.object_store.exists(hour_path(asset, hour, "parquet"))


def _why(result: dg.ExecuteInProcessResult) -> str:
    """The first failure of a run, in the words of our own error where it is one."""
    for evaluation in result.get_asset_check_evaluations():
        if evaluation.blocking and not evaluation.passed:
            return f"{evaluation.asset_key.to_user_string()}: {evaluation.description}"
    failures = (event.step_failure_data for event in result.all_events if event.is_step_failure)
    error = next((failure.error for failure in failures if failure.error is not None), None)
    if error is None:
        return "the run failed; its log is in the Dagster UI (make dev)"
    # Dagster wraps an error in its own; what lies below ours is of no use to a reader.
    while error.cls_name is not None and error.cls_name.startswith("Dagster") and error.cause:
        error = error.cause
    if error.cls_name == "DagsterExecutionInterruptedError":
        raise KeyboardInterrupt
    return error.message.strip().removeprefix(f"{errors.__name__}.")
