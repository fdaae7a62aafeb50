"""When which assets are made: jobs, schedules, sensors and maintenance.

Does not belong here: what an asset does, and how a store does its part of the maintenance.
"""

from typing import Any

from energy_assets.automation import dead_runs, jobs, maintenance, schedules, sensors

JOBS: list[Any] = [
    jobs.hourly_job,
    jobs.ingestion_job,
    jobs.tuning_job,
    jobs.prediction_job,
    jobs.repair_job,
    maintenance.maintenance_job,
]
SCHEDULES = [schedules.hourly_schedule, schedules.tuning_schedule, schedules.maintenance_schedule]
SENSORS = [sensors.forecast_sensor, sensors.gap_repair_sensor, dead_runs.dead_run_sensor]
