"""`python -m energy_assets_tests.cluster.run_job MODULE JOB TAG=VALUE ...`: one run, to its end."""

import sys

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableRepository

if __name__ == "__main__":
    module, name, *pairs = sys.argv[1:]
    job = ReconstructableRepository.for_module(module, "defs").get_reconstructable_job(name)
    with dg.DagsterInstance.get() as instance:
        tags = dict(pair.split("=", 1) for pair in pairs)
        result = dg.execute_job(job, instance=instance, tags=tags)
        sys.exit(not result.success)
