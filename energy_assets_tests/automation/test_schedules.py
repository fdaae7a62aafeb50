"""Schedules: each requests the newest hour that can exist."""

from __future__ import annotations

from datetime import datetime, timezone

import dagster as dg
import pytest


# Dagster's own schedule builder calls what Dagster deprecates.
@pytest.mark.filterwarnings("ignore:Function `JobDefinition.run_request_for_partition`")
@pytest.mark.parametrize(
    ("schedule", "tick", "hour"),
    [
        ("hourly_job_schedule", datetime(2023, 3, 10, 22, 5), "2023-03-10-21:00"),
        ("tuning_schedule", datetime(2023, 3, 13, 3, 30), "2023-03-13-02:00"),
    ],
)
def test_a_schedule_requests_the_newest_hour_that_can_exist(
    defs: dg.Definitions, schedule: str, tick: datetime, hour: str
) -> None:
    context = dg.build_schedule_context(
        scheduled_execution_time=tick.replace(tzinfo=timezone.utc),
        repository_def=defs.get_repository_def(),
    )
    (request,) = defs.resolve_schedule_def(schedule).evaluate_tick(context).run_requests
    assert request.partition_key == request.run_key == hour
