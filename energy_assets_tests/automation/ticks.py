"""Ticks of a sensor over a world."""

from __future__ import annotations

import dagster as dg
from dagster._core.definitions.sensor_definition import SensorExecutionData

from energy_assets_tests.world import World


def tick_of(
    sensor: dg.SensorDefinition, world: World, cursor: str | None = None
) -> SensorExecutionData:
    """A tick of a sensor with the resources of a world."""
    resources = {
        name: world.stores.resources[name]
        for name in ("settings", "source", "feature_store", "object_store")
        if name in sensor.required_resource_keys
    }
    context = dg.build_sensor_context(
        instance=world.instance, cursor=cursor, definitions=world.defs, resources=resources
    )
    return sensor.evaluate_tick(context)


def ranges_of(tick: SensorExecutionData) -> list[tuple[str, str]]:
    """The first and the last hour of each range that a tick requests."""
    return [
        (
            request.tags["dagster/asset_partition_range_start"],
            request.tags["dagster/asset_partition_range_end"],
        )
        for request in tick.run_requests or []
        if request.partition_key is None
    ]
