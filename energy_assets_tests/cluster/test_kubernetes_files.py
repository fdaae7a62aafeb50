"""The files for Kubernetes follow its schemas, and let each pod do no more than it needs."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest
import yaml

from energy_assets.settings import PROJECT_ROOT, Settings
from energy_assets_tests.cluster.installed import require

FOLDER = PROJECT_ROOT / "deploy" / "kubernetes"
VERSIONS = ["1.30", "1.34"]


@pytest.fixture(scope="module")
def objects() -> dict[tuple[str, str], dict[str, Any]]:
    """What is sent to the cluster, by kind and name."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:  # Debian has none that is new enough
        pytest.skip("kubectl is not installed")
    command = [kubectl, "kustomize", str(FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    documents = yaml.safe_load_all(done.stdout)
    return {(each["kind"], each["metadata"]["name"]): each for each in documents}


def deployments(objects: dict[tuple[str, str], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The specification of each Deployment's pods."""
    return {
        name: each["spec"]["template"]["spec"]
        for (kind, name), each in objects.items()
        if kind == "Deployment"
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_everything_follows_the_schemas_of_kubernetes(
    objects: dict[tuple[str, str], dict[str, Any]], version: str
) -> None:
    require(modules=("kubernetes_validate",))
    import kubernetes_validate

    for each in objects.values():
        assert kubernetes_validate.validate(each, version, strict=True) == version


def test_one_place_names_the_image_of_all_pods_and_runs(
    objects: dict[tuple[str, str], dict[str, Any]],
) -> None:
    pods = deployments(objects)
    assert pods.keys() == {"code", "daemon", "webserver", "api"}
    images = {
        container["image"]
        for pod in pods.values()
        for container in [*pod["containers"], *pod.get("initContainers", [])]
    }
    (code,) = pods["code"]["containers"]
    (current,) = [pair for pair in code["env"] if pair["name"] == "DAGSTER_CURRENT_IMAGE"]
    assert images == {current["value"]} == {"registry.example.org/energy-assets:0.1.0"}


def test_no_pod_runs_as_root_or_writes_to_its_own_files(
    objects: dict[tuple[str, str], dict[str, Any]],
) -> None:
    for pod in deployments(objects).values():
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]


def test_only_those_that_start_and_stop_runs_may_use_the_api_of_kubernetes(
    objects: dict[tuple[str, str], dict[str, Any]],
) -> None:
    pods = deployments(objects)
    having = {name for name, pod in pods.items() if pod["automountServiceAccountToken"]}
    assert having == {"daemon", "webserver"}
    assert {name for name, pod in pods.items() if pod["serviceAccountName"] == "launcher"} == having


def test_only_dagsters_pods_know_the_password_of_the_database(
    objects: dict[tuple[str, str], dict[str, Any]],
) -> None:
    pods = deployments(objects)
    knowing = {
        name
        for name, pod in pods.items()
        if any(
            volume.get("secret", {}).get("secretName") == "pg-service" for volume in pod["volumes"]
        )
    }
    assert knowing == {"code", "daemon", "webserver"}
    assert not [kind for kind, _ in objects if kind == "Secret"]


def test_each_pod_knows_only_the_secrets_of_its_own_work(
    objects: dict[tuple[str, str], dict[str, Any]],
) -> None:
    knowing = {
        name: [each["secretRef"]["name"] for each in container["envFrom"] if "secretRef" in each]
        for name, pod in deployments(objects).items()
        for container in pod["containers"]
    }
    assert knowing == {"code": ["settings"], "api": ["api"], "daemon": [], "webserver": []}


def test_what_is_not_allowed_in_the_network_is_forbidden(
    objects: dict[tuple[str, str], dict[str, Any]],
) -> None:
    policies = {
        name: each["spec"] for (kind, name), each in objects.items() if kind == "NetworkPolicy"
    }
    everything = policies.pop("nothing-by-default")
    assert everything == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, spec in policies.items():
        assert spec["podSelector"] or name == "names"
        for rule in [*spec.get("ingress", []), *spec.get("egress", [])]:
            assert rule["ports"], name
        for rule in spec.get("ingress", []):
            assert rule["from"], name
    reached = [
        spec["podSelector"]["matchLabels"] for spec in policies.values() if "ingress" in spec
    ]
    assert {each["app.kubernetes.io/component"] for each in reached} == {"code", "api"}


@pytest.mark.parametrize("name", ["code", "daemon", "webserver", "api"])
def test_a_process_that_hangs_is_started_again_and_the_api_is_asked_when_it_has_a_forecast(
    objects: dict[tuple[str, str], dict[str, Any]], name: str
) -> None:
    (container,) = deployments(objects)[name]["containers"]
    assert container["livenessProbe"]
    assert container["startupProbe"]
    if name == "api":
        assert container["livenessProbe"]["httpGet"]["path"] == "/health"
        assert container["readinessProbe"]["httpGet"]["path"] == "/ready"


def test_services_find_their_pods(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    for (kind, name), each in objects.items():
        if kind not in {"Service", "PodDisruptionBudget"}:
            continue
        template = objects["Deployment", name]["spec"]["template"]
        selector = each["spec"]["selector"]
        labels = selector.get("matchLabels", selector)
        assert labels.items() <= template["metadata"]["labels"].items()
        (container,) = template["spec"]["containers"]
        names = {port["name"] for port in container["ports"]}
        assert {port["targetPort"] for port in each["spec"].get("ports", [])} <= names


def test_settings_are_those_of_the_project_or_of_its_processes() -> None:
    lines = (FOLDER / "settings.env").read_text().splitlines()
    names = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    others = names - {name.upper() for name in Settings.model_fields}
    assert others == {"CODE_SERVER_HOST", "CODE_SERVER_PORT", "PGSERVICEFILE", "HOME"}
