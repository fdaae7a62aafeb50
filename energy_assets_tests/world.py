"""A whole deployment in a folder: source, stores, definitions and a Dagster instance."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from energy_assets.automation.jobs import range_tags
from energy_assets.commands.deployment import Deployment
from energy_assets.contract.rules import validate_records
from energy_assets.contract.weather_rules import validate_weather
from energy_assets.forecasting.tuning.result import NotTuned
from energy_assets.io_managers import ConfigIOManager
from energy_assets.partitions import HOUR, hour_of, key_of, window_of
from energy_assets.schemas import first_versions
from energy_assets.settings import read_settings
from energy_assets.sources import DatasetProfile, Source
from energy_assets.stores.parquet import encode, read_hour
from energy_assets.stores.paths import hour_path

ASSETS = {
    *("raw_consumption", "feature_group", "weather", "feature_view", "best_config", "model"),
    *("predictions_parquet", "published_forecast", "monitoring_metrics"),
}
ORIGIN = datetime(2023, 3, 13, 21)
SERIES = {
    (area, code) for area in ("DK1", "DK2") for code in ("111", "121", "211", "320", "445", "999")
}
"""Twelve of the 76 series."""


@dataclass(frozen=True)
class Only:
    """Another source's records of some series, from `start` on and before `end`."""

    source: Source
    series: Collection[tuple[str, str]] | None = None
    end: datetime = datetime.max
    start: datetime = datetime.min

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def profile(self) -> DatasetProfile:
        return self.source.profile

    def oldest_hour(self) -> datetime:
        return max(self.source.oldest_hour(), self.start)

    def newest_hour(self) -> datetime:
        return min(self.source.newest_hour(), self.end - HOUR)

    def fetch(self, start: datetime, end: datetime) -> pd.DataFrame:
        records = self.source.fetch(max(start, self.start), min(end, self.end))
        if self.series is None:
            return records
        names = zip(
            records[self.profile.area_column],
            records[self.profile.consumer_type_column],
            strict=True,
        )
        wanted = [name in self.series for name in names]
        return records[pd.Series(wanted, index=records.index, dtype=bool)]


@dataclass(frozen=True)
class Changed:
    """Another source's records, with those of [start, end) replaced by what `change` returns."""

    source: Source
    change: Callable[[pd.DataFrame], pd.DataFrame]
    start: datetime = datetime.min
    end: datetime = datetime.max

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def fetch(self, start: datetime, end: datetime) -> pd.DataFrame:
        records = self.source.fetch(start, end)
        hours = self.source.profile.hours(records)
        affected = hours.map(lambda hour: self.start <= hour < self.end).astype(bool)
        changed = self.change(records[affected].copy())
        return pd.concat([records[~affected], changed], ignore_index=True)


def root_error(result: dg.ExecuteInProcessResult) -> Any:
    """The error at the root of a run's first failure."""
    failure = next(event for event in result.all_events if event.is_step_failure)
    error = failure.step_failure_data.error
    assert error is not None
    while error.cause is not None:
        error = error.cause
    return error


@dataclass(frozen=True)
class World:
    """A deployment in a folder of its own, and a Dagster instance."""

    deployment: Deployment
    instance: dg.DagsterInstance

    @classmethod
    def build(
        cls,
        root: Path,
        source: Source,
        settings: Mapping[str, Any] | None = None,
        **overrides: Any,
    ) -> World:
        """A world with `source` below `root`.

        `settings` choose hosted stores and how to reach them; `overrides` replace resources. A
        search tries two configurations.
        """
        values = {
            "storage_root": root,
            "energy_source": "simulator",
            "tuning_trials": 2,
            **(settings or {}),
        }
        return cls(
            Deployment.of(read_settings(_env_file=None, **values), source=source, **overrides),
            dg.DagsterInstance.ephemeral(tempdir=str(root / "dagster")),
        )

    @property
    def source(self) -> Source:
        return self.deployment.source

    @property
    def stores(self) -> Deployment:
        """Where to find the three stores and their folder."""
        return self.deployment

    @property
    def defs(self) -> dg.Definitions:
        return self.deployment.defs

    def with_source(self, source: Source) -> World:
        """The same stores, fed by another source."""
        resources = {**self.deployment.resources, "source": source}
        return replace(
            self, deployment=replace(self.deployment, source=source, resources=resources)
        )

    def run(
        self,
        job: str,
        first: datetime,
        last: datetime | None = None,
        assets: Collection[str] | None = None,
        succeeds: bool = True,
    ) -> dg.ExecuteInProcessResult:
        """Run a job for an hour or a range of hours, as the UI or the daemon would."""
        when: dict[str, Any] = (
            {"partition_key": key_of(first)} if last is None else {"tags": range_tags(first, last)}
        )
        result = self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(name) for name in assets] if assets else None,
            raise_on_error=succeeds,
            **when,
        )
        assert result.success == succeeds
        return result

    def put_history(self, start: datetime, end: datetime) -> None:
        """Put the clean rows of [start, end) into the feature group, without Dagster: quick."""
        records = self.source.fetch(start, end)
        rows = validate_records(records, self.source.profile).rows
        self.deployment.feature_store.upsert(first_versions(rows))

    def put_weather(self, start: datetime, end: datetime) -> None:
        """Store what is known of the weather at the hours of [start, end), without Dagster."""
        objects, hours = self.deployment.object_store, pd.date_range(start, end - HOUR, freq="h")
        with dg.build_resources({"source": self.deployment.resources["weather_source"]}) as opened:
            source = opened.source
        published = {hour: source.fetch(hour) for hour in hours.to_pydatetime()}
        for key, rows in validate_weather(published, source.areas).rows.items():
            objects.write(hour_path("weather", hour_of(key), "parquet"), encode(rows, {}))

    def put_config(self, hour: datetime, **parameters: bool | int | float | str | None) -> None:
        """Store a configuration for an hour, without a search."""
        context = dg.build_output_context(
            asset_key=dg.AssetKey("best_config"), partition_key=key_of(hour)
        )
        ConfigIOManager(self.deployment.object_store).handle_output(
            context,
            {key_of(hour): NotTuned(best_parameters=parameters, unsearched="chosen by a test")},
        )

    def window(self, hour: datetime) -> tuple[datetime, datetime]:
        """The training window of an hour: start included, end excluded."""
        return window_of(hour, self.deployment.settings.days_export)

    def load_history(self, origin: datetime) -> None:
        """Load the training window of an hour in one run."""
        start, end = self.window(origin)
        self.run("ingestion_job", max(start, self.source.oldest_hour()), end - HOUR)

    def frame(self, asset: str, hour: datetime) -> pd.DataFrame:
        """The file of an asset's hour."""
        return read_hour(self.deployment.object_store, asset, hour)

    def metadata(self, asset: str, hour: datetime) -> dict[str, Any]:
        """The metadata of the newest materialisation of an asset's hour, as plain values."""
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[key_of(hour)]), limit=1
        ).records
        event = records[0].asset_materialization
        assert event is not None
        return {name: value.value for name, value in event.metadata.items()}
