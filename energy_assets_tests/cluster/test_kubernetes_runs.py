"""A run on Kubernetes: the Job that Dagster's launcher creates, and its command, run here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import LaunchRunContext
from pytest_httpserver import HTTPServer

from energy_assets.partitions import key_of
from energy_assets.settings import PROJECT_ROOT
from energy_assets_tests.cluster.installed import require
from energy_assets_tests.cluster.small_world import SERIES, as_environment, small_world
from energy_assets_tests.world import ORIGIN

FOLDER = PROJECT_ROOT / "deploy" / "kubernetes"
IMAGE = "registry.example.org/energy-assets:0.1.0"
INSTANCE: dict[str, Any] = yaml.safe_load((FOLDER / "dagster.yaml").read_text())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A DAGSTER_HOME with the settings of the cluster, but SQLite in a folder."""
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir()
    storage = {"sqlite": {"base_dir": str(tmp_path / "sqlite")}}
    local = {**INSTANCE["local_artifact_storage"], "config": {"base_dir": str(artifacts)}}
    settings = {**INSTANCE, "storage": storage, "local_artifact_storage": local}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path


@pytest.fixture
def job(home: Path, http_server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The Job that a server in the place of Kubernetes is asked for, for an hourly run."""
    require(modules=("dagster_k8s",))
    import kubernetes

    def load_incluster_config() -> None:
        configuration = kubernetes.client.Configuration()
        configuration.host = http_server.url_for("").rstrip("/")
        kubernetes.client.Configuration.set_default(configuration)

    monkeypatch.setattr(kubernetes.config, "load_incluster_config", load_incluster_config)
    path = "/apis/batch/v1/namespaces/energy-assets/jobs"
    http_server.expect_request(path, "POST").respond_with_json({})
    repository = ReconstructableRepository.for_module("energy_assets.definitions", "defs")
    repository = repository._replace(container_image=IMAGE)
    hourly_job = repository.get_reconstructable_job("hourly_job")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run = instance.create_run_for_job(
            hourly_job.get_definition(),
            tags={"dagster/partition": key_of(ORIGIN)},
            job_code_origin=hourly_job.get_python_origin(),
        )
        instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
    kubernetes.client.Configuration.set_default(None)
    request, _ = http_server.log[-1]
    return json.loads(request.data)


def by_name(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in objects}


def test_the_instance_is_that_of_a_server_but_for_what_a_cluster_needs() -> None:
    server = yaml.safe_load((PROJECT_ROOT / "dagster_home" / "dagster.yaml").read_text())
    assert INSTANCE["storage"] == {
        "postgres": {"postgres_url": "postgresql:///?service=energy_assets"}
    }
    assert server.pop("run_monitoring").keys() == INSTANCE["run_monitoring"].keys()
    assert server.items() <= INSTANCE.items()
    only_here = {"run_launcher", "compute_logs", "local_artifact_storage", "storage", "run_queue"}
    assert INSTANCE.keys() - server.keys() == {*only_here, "run_monitoring"}


def test_dagster_understands_the_instance(tmp_path: Path) -> None:
    require(modules=("dagster_k8s", "dagster_postgres"))
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(INSTANCE))
    reference = InstanceRef.from_dir(str(tmp_path))
    assert reference.storage_data is not None
    assert reference.storage_data.module_name == "dagster_postgres"


def test_the_job_of_a_run_follows_the_schema_of_kubernetes(job: dict[str, Any]) -> None:
    require(modules=("kubernetes_validate",))
    import kubernetes_validate

    kubernetes_validate.validate(job, "1.34", strict=True)
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == IMAGE
    assert pod["automountServiceAccountToken"] is False


def test_the_pod_of_a_run_may_do_what_the_pod_of_a_deployment_may(job: dict[str, Any]) -> None:
    patch = yaml.safe_load((FOLDER / "deployment.yaml").read_text())
    ours, theirs = patch["spec"]["template"]["spec"], job["spec"]["template"]["spec"]
    assert theirs["securityContext"] == ours["securityContext"]
    assert theirs["containers"][0]["securityContext"] == ours["containers"][0]["securityContext"]
    assert theirs["containers"][0]["envFrom"] == [
        *ours["containers"][0]["envFrom"],
        {"secretRef": {"name": "settings", "optional": True}},
    ]
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/component"] == "run"  # what network.yaml knows it by
    code = next(yaml.safe_load_all((FOLDER / "code.yaml").read_text()))["spec"]["template"]["spec"]
    mounts, volumes = (
        [*code["containers"][0]["volumeMounts"], *ours["containers"][0]["volumeMounts"]],
        [*code["volumes"], *ours["volumes"]],
    )
    assert by_name(theirs["containers"][0]["volumeMounts"]) == by_name(mounts)
    assert by_name(theirs["volumes"]) == by_name(volumes)


def test_the_command_of_the_job_makes_the_forecast_without_kubernetes_api(
    job: dict[str, Any], home: Path, tmp_path: Path
) -> None:
    world = small_world(tmp_path, [ORIGIN])
    (container,) = job["spec"]["template"]["spec"]["containers"]
    program, *arguments = container["args"]
    assert program == "dagster"
    done = subprocess.run(
        [sys.executable, "-m", "dagster", *arguments],
        cwd=PROJECT_ROOT,
        env={**os.environ, **as_environment(world), "DAGSTER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not re.search("KUBERNETES_SERVICE_HOST", done.stderr)
    forecast = world.frame("predictions_parquet", ORIGIN)
    assert len(forecast) == len(SERIES) * 24
