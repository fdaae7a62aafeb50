"""The schedules: what runs hourly, weekly and nightly."""

import dagster as dg

from energy_assets.automation.jobs import hourly_job, tuning_job
from energy_assets.automation.maintenance import maintenance_job
from energy_assets.partitions import hourly

hourly_schedule = dg.build_schedule_from_partitioned_job(
    hourly_job,
    minute_of_hour=5,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every hour, for the newest partition",
)


@dg.schedule(
    job=tuning_job,
    cron_schedule="30 3 * * 1",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every Monday night, for the newest partition",
)
def tuning_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Search at the newest partition; models use the result from that hour on."""
    with dg.partition_loading_context(effective_dt=context.scheduled_execution_time):
        key = hourly.get_last_partition_key()
    if key is None:
        return dg.SkipReason("there is no partition yet")
    return dg.RunRequest(run_key=key, partition_key=key)


maintenance_schedule = dg.ScheduleDefinition(
    job=maintenance_job,
    cron_schedule="15 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night",
)
