"""The jobs without their schedules, for a daemon that starts only what a benchmark asks for."""

import dagster as dg

from energy_assets import assets, automation
from energy_assets.automation.dead_runs import dead_run_sensor, lasting
from energy_assets.definitions import build_resources
from energy_assets.io_managers import IO_MANAGERS
from energy_assets.partitions import SETTINGS

defs = dg.Definitions(
    assets=assets.ASSETS,
    jobs=automation.JOBS,
    sensors=[dead_run_sensor],
    resources={**IO_MANAGERS, **build_resources(SETTINGS)},
    executor=lasting(dg.in_process_executor),
)
