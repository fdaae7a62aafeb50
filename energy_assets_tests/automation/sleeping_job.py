"""`python -m energy_assets_tests.automation.sleeping_job HOW`: a run in the middle of its step.

HOW is how it is executed: `command`, as our commands do, or `executor`, as the daemon does.
"""

import sys
import time
import uuid

import dagster as dg

from energy_assets.automation.dead_runs import alive, lasting


@dg.op
def sleep() -> None:
    """Say that the step has begun, then sleep."""
    print("asleep", flush=True)
    time.sleep(60)


@dg.job(executor_def=lasting(dg.in_process_executor))
def sleeping_job() -> None:
    """One step that sleeps."""
    sleep()


if __name__ == "__main__":
    with dg.DagsterInstance.get() as instance:
        if sys.argv[1] == "command":
            run_id = str(uuid.uuid4())
            with alive(instance, run_id):
                sleeping_job.execute_in_process(instance=instance, run_id=run_id)
        else:
            dg.execute_job(dg.reconstructable(sleeping_job), instance=instance)
