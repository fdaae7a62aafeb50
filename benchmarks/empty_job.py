"""Jobs of empty assets, to measure what Dagster itself costs: seven assets, and two hourly ones."""

from datetime import datetime

import dagster as dg

NAMES = ["one", "two", "three", "four", "five", "six", "seven"]


def _empty(name: str, upstream: str | None) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=[upstream] if upstream else [])
    def empty() -> None:
        return None

    return empty


hourly = dg.HourlyPartitionsDefinition(start_date=datetime(2023, 1, 1), timezone="UTC")


def _empty_hourly(name: str, upstream: str | None) -> dg.AssetsDefinition:
    @dg.asset(
        name=name,
        deps=[upstream] if upstream else [],
        partitions_def=hourly,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def empty() -> None:
        return None

    return empty


defs = dg.Definitions(
    assets=[
        *(_empty(name, before) for name, before in zip(NAMES, [None, *NAMES], strict=False)),
        _empty_hourly("raw", None),
        _empty_hourly("clean", "raw"),
    ],
    jobs=[
        dg.define_asset_job("empty_job", selection=NAMES),
        dg.define_asset_job("empty_load", selection=["raw", "clean"]),
    ],
    executor=dg.in_process_executor,
)
