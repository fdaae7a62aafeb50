"""A job whose step takes longer than a worker may be silent."""

import os
import time
from pathlib import Path

import dagster as dg

from energy_assets.automation.executors import run_executor
from energy_assets.settings import read_settings
from energy_assets_tests.cluster.celery_cluster import LOST_AFTER


@dg.op
def slow() -> None:
    """Leave a line, then sleep."""
    with Path(os.environ["SLOW_FILE"]).open("a") as file:
        file.write("begun\n")
    time.sleep(3 * LOST_AFTER)


@dg.job
def slow_job() -> None:
    """One slow step."""
    slow()


defs = dg.Definitions(jobs=[slow_job], executor=run_executor(read_settings(_env_file=None)))
