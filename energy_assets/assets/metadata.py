"""What the assets show in the UI, and the decorator arguments that several of them share."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sized
from datetime import datetime
from typing import Any

import dagster as dg
import pandas as pd

from energy_assets.partitions import HOURS_LOADED_AT_ONCE, hourly
from energy_assets.schemas import Table
from energy_assets.settings import Settings
from energy_assets.tracking import Tracked

_COMMON: dict[str, Any] = {
    "partitions_def": hourly,
    "owners": ["team:forecasting"],
    # From the return type, MaterializeResult, Dagster would infer an asset without a value.
    "dagster_type": dg.Any,
}

INGESTION = {**_COMMON, "group_name": "ingestion"}
TRAINING = {**_COMMON, "group_name": "training"}
FORECASTING = {**_COMMON, "group_name": "forecasts"}

SINGLE_RUN = dg.BackfillPolicy.single_run()
"""A backfill of any length is one run: a run costs seconds, but an hour only milliseconds."""

LOADING_RUNS = (
    dg.BackfillPolicy.multi_run(max_partitions_per_run=HOURS_LOADED_AT_ONCE)
    if HOURS_LOADED_AT_ONCE
    else SINGLE_RUN
)
"""A backfill has as many runs as its records need; see `HOURS_LOADED_AT_ONCE`."""

DAILY_RUNS = dg.BackfillPolicy.multi_run(max_partitions_per_run=24)
"""A backfill has one run per day, because hours are costly and a failed run loses all of them."""


def column_schema(table: Table) -> dg.TableSchema:
    """The table's columns as the UI shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(column.name, column.type.ui, column.description)
            for column in table.columns
        ]
    )


def text_schema(columns: Iterable[str]) -> dg.TableSchema:
    """Columns that are stored as published, as text."""
    return dg.TableSchema([dg.TableColumn(name, "string", "As published") for name in columns])


def rows_per_hour(context: dg.AssetExecutionContext, frames: Mapping[str, Sized]) -> None:
    """Record the row count of each partition, even if several share a run."""
    for key, frame in frames.items():
        context.add_asset_metadata({"dagster/partition_row_count": len(frame)}, partition_key=key)


def forecast_page(settings: Settings, origin: datetime) -> dg.UrlMetadataValue:
    """Where the page shows the forecast from an origin."""
    return dg.MetadataValue.url(
        f"{settings.page_url}/?view=forecast&origin={origin:%Y-%m-%dT%H}:00:00Z"
    )


def accuracy_page(settings: Settings, start: datetime, end: datetime) -> dg.UrlMetadataValue:
    """Where the page shows the scores of the hours of [start, end)."""
    return dg.MetadataValue.url(
        f"{settings.page_url}/?view=accuracy&start={start:%Y-%m-%dT%H}:00:00Z"
        f"&end={end:%Y-%m-%dT%H}:00:00Z"
    )


def picture(png: bytes) -> dg.MarkdownMetadataValue:
    """A PNG as the UI shows it."""
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{base64.b64encode(png).decode()})")


def tracked(record: Tracked) -> dict[str, dg.MetadataValue]:
    """Where a record is in Weights & Biases, or why it is not; empty if tracking is disabled."""
    metadata: dict[str, dg.MetadataValue] = {}
    if record.url:
        metadata["Weights & Biases run"] = dg.MetadataValue.url(record.url)
    if record.folder:
        metadata["Weights & Biases run, offline"] = dg.MetadataValue.path(record.folder)
    if record.problem:
        metadata["Weights & Biases"] = dg.MetadataValue.text(record.problem)
    return metadata


def table(frame: pd.DataFrame) -> dg.TableMetadataValue:
    """A small frame as the UI shows it, with times and numbers rounded for people."""
    records = [
        dg.TableRecord({str(name): _cell(value) for name, value in row.items()})
        for row in frame.to_dict("records")
    ]
    return (
        dg.MetadataValue.table(records)
        if records
        else dg.MetadataValue.table(
            [], schema=dg.TableSchema([dg.TableColumn(str(name)) for name in frame.columns])
        )
    )


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        # The UI reads JSON, which has neither NaN nor infinity.
        return float(f"{value:.4g}") if math.isfinite(value) else str(value)
    return value if isinstance(value, bool | int | str) else str(value)
