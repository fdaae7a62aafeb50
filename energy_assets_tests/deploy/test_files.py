"""What cannot be started here: containers and units. Their files are valid, and say the same."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local import COMMANDS, INITIALISE
from energy_assets.settings import PROJECT_ROOT

DEPLOY = PROJECT_ROOT / "deploy"
UNITS = DEPLOY / "systemd"
BINARIES = "/opt/energy-assets/current/.venv/bin"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def tool(name: str) -> str:
    """The path of a tool; skips the test where it is missing, but never with CI=true."""
    path = shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if path is None:
        if os.environ.get("CI") == "true":
            raise FileNotFoundError(name)
        pytest.skip(f"{name} is not installed")
    return path


def checked(*command: str, **environment: str) -> None:
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


def test_the_compose_file_follows_the_specification() -> None:
    check = tool("check-jsonschema")
    checked(check, "-q", "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml"))


def test_the_dockerfile_has_no_fault_that_hadolint_knows() -> None:
    checked(tool("hadolint"), str(DEPLOY / "Dockerfile"))


def test_the_dockerfile_copies_only_what_is_there_and_sent() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.M)
    names = [name.removeprefix("./") for line in copied for name in line.split()]
    sent = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert names
    assert {f"!{name}" for name in names} == {line for line in sent if line.startswith("!")}
    assert all((PROJECT_ROOT / name).exists() for name in names)


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    analyze = tool("systemd-analyze")
    units = tmp_path / "units"
    shutil.copytree(UNITS, units)
    for unit in units.glob("*.service"):
        text = unit.read_text()
        for name in re.findall(rf"{BINARIES}/(\S+)", text):
            (tmp_path / name).write_text("#!/bin/sh\n")
            (tmp_path / name).chmod(0o755)
        unit.write_text(text.replace(BINARIES, str(tmp_path)))
    paths = [str(path) for path in units.iterdir() if path.suffix in {".service", ".target"}]
    checked(analyze, "verify", "--man=no", *paths, SYSTEMD_UNIT_PATH=f"{units}:")


@pytest.mark.parametrize("name", COMMANDS)
def test_containers_and_units_run_the_same_commands(name: str) -> None:
    unit = (UNITS / f"energy-assets-{name}.service").read_text()
    (started,) = re.findall(rf"^ExecStart={BINARIES}/(.+)$", unit, re.M)
    container = SERVICES[name]["command"].replace("/app/", "")
    command = COMMANDS[name]
    assert started.startswith(command)
    assert container.startswith(command)
    assert container.replace("0.0.0.0", "127.0.0.1") == started  # noqa: S104 - what a container listens on


def test_containers_are_prepared_as_a_server_without_them() -> None:
    assert SERVICES["init"]["command"][-1] == " && ".join(INITIALISE)


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_may_do_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert name == "init" or service["restart"] == "unless-stopped"
    assert name == "init" or "healthcheck" in service


def test_only_the_api_s_container_is_without_the_password_of_the_database() -> None:
    knowing = {name for name, service in SERVICES.items() if "pg_service" in service["secrets"]}
    assert knowing == {"init", "code", "daemon", "webserver"}
    assert SERVICES["postgres"]["secrets"] == ["postgres_password"]
    assert SERVICES["postgres"]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"]


def test_images_do_not_run_as_root() -> None:
    stages = (DEPLOY / "Dockerfile").read_text().split("\nFROM ")
    for stage in stages[2:]:
        assert re.findall(r"^USER (.+)$", stage, re.M) == ["10001:10001"]


def test_secrets_are_made_once_and_only_their_owner_reaches_them(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "secrets.sh", tmp_path)
    script = str(tmp_path / "secrets.sh")
    checked(script)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    checked(script)
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == made
    assert {secret["file"] for secret in COMPOSE["secrets"].values()} <= {
        f"./secrets/{name}" for name in made
    }
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    assert made["postgres_password"] in made["pg_service"]
    assert made["index_password"].strip() not in made["index_htpasswd"]
