"""Jobs: which assets they make, also as a backfill started in the UI."""

from __future__ import annotations

from datetime import datetime, timezone

import dagster as dg
import pytest
from dagster._core.execution.asset_backfill import AssetBackfillData

from energy_assets.partitions import HOUR, key_of
from energy_assets_tests.world import ASSETS, ORIGIN

HOURLY_ASSETS = ASSETS - {"best_config"}


def test_the_hourly_job_makes_everything_but_the_costly_configuration(
    defs: dg.Definitions,
) -> None:
    selected = defs.resolve_job_def("hourly_job").asset_layer.executable_asset_keys
    assert {key.to_user_string() for key in selected} == HOURLY_ASSETS


# Dagster's own backfill calls what Dagster deprecates.
@pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources`")
def test_a_backfill_of_some_hours_in_the_ui_makes_those_hours(
    defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    keys = [key_of(ORIGIN + number * HOUR) for number in range(30)]
    backfill = AssetBackfillData.from_asset_partitions(
        partition_names=keys,
        asset_graph=defs.resolve_asset_graph(),
        asset_selection=[dg.AssetKey(name) for name in HOURLY_ASSETS],
        dynamic_partitions_store=instance,
        backfill_start_timestamp=datetime.now(timezone.utc).timestamp(),
        all_partitions=False,
    )
    for name in HOURLY_ASSETS:
        hours = backfill.target_subset.get_partitions_subset(dg.AssetKey(name))
        assert set(hours.get_partition_keys()) == set(keys), name
