"""With nothing but the package from an index: it installs, and is a whole project in a folder."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from energy_assets_tests.packaging.commands import clean_environment, run
from energy_assets_tests.packaging.conftest import (
    HOST,
    USER,
    Index,
    new_environment,
    running_index,
)
from energy_assets_tests.packaging.stubs import write_stub
from energy_assets_tests.serving.course_code import free_port

SMALL = {"DAYS_EXPORT": "1", "TUNING_TRIALS": "1"}


def install(
    environment: Path, *what: str | Path, url: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """`pip install` without the dependencies, which the environment has, and a checkout too."""
    pip = (sys.executable, "-m", "pip", "--python", environment / "bin" / "python")
    index = ("--index-url", url) if url else ("--no-index",)
    return run(
        *pip,
        *(
            "install",
            "--ignore-installed",
            "--no-deps",
            "--no-build-isolation",
            "--no-cache-dir",
            *index,
            *what,
        ),
        PIP_CONFIG_FILE="/dev/null",
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PIP_NO_INPUT="1",
        **variables,
    )


@pytest.fixture(scope="module")
def installed(environment: Path, index: Index) -> Path:
    """The commands of an environment with the package from the index."""
    process = install(
        environment,
        "energy-assets",
        url=f"{index.url}simple/",
        NETRC=str(index.folder / "netrc"),
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return environment / "bin"


@pytest.mark.parametrize("login", ["", f"{USER}:wrong@"])
def test_without_the_right_password_nothing_is_installed(
    index: Index, tmp_path: Path, login: str
) -> None:
    url = f"http://{login}{HOST}:{index.port}/simple/"
    process = install(new_environment(tmp_path / "environment"), "energy-assets", url=url)
    assert process.returncode == 1
    assert "energy-assets" in process.stdout + process.stderr
    assert not (tmp_path / "environment" / "bin" / "energy-assets").exists()


def test_a_public_package_of_our_name_wins_only_beside_the_private_index(
    index: Index, environment: Path, tmp_path: Path
) -> None:
    netrc = str(index.folder / "netrc")
    what = ("--dry-run", "energy-assets")
    with running_index(tmp_path / "public") as public:
        write_stub(public.folder / "packages", "energy-assets", "99.0")
        url = f"http://{USER}:{public.password}@{HOST}:{public.port}/simple/"
        alone = install(environment, *what, url=f"{index.url}simple/", NETRC=netrc)
        beside = install(
            environment,
            *("--extra-index-url", url, *what),
            url=f"{index.url}simple/",
            NETRC=netrc,
        )
    assert "Would install energy-assets-0" in alone.stdout, alone.stderr
    assert "Would install energy-assets-99.0" in beside.stdout, beside.stderr


def test_a_hash_refuses_other_contents(
    index: Index, packages: list[Path], environment: Path, tmp_path: Path
) -> None:
    version = packages[0].name.split("-")[1]
    digest = hashlib.sha256(packages[0].read_bytes()).hexdigest()
    outcomes = []
    for number, line in enumerate((digest, digest[::-1])):
        file = tmp_path / f"{number}.txt"
        file.write_text(f"energy-assets=={version} --hash=sha256:{line}\n")
        process = install(
            environment,
            *("--dry-run", "-r", file),
            url=f"{index.url}simple/",
            NETRC=str(index.folder / "netrc"),
        )
        outcomes.append(process.returncode)
    assert outcomes == [0, 1]


def test_the_sdist_installs_as_well(packages: list[Path], tmp_path: Path) -> None:
    environment = new_environment(tmp_path / "environment")
    process = install(environment, packages[1])
    assert process.returncode == 0, process.stdout + process.stderr
    printed = run(environment / "bin" / "energy-assets", "--help", cwd=tmp_path)
    assert printed.returncode == 0, printed.stderr


def test_an_empty_folder_becomes_a_project_and_its_files_are_never_overwritten(
    installed: Path, folder: Path, checkout: Path
) -> None:
    process = run(installed / "energy-assets", "init", cwd=folder)
    assert process.returncode == 0, process.stderr
    home = folder / "dagster_home"
    written = {home / "dagster.yaml", folder / ".env.default", folder / ".env"}
    assert all(f"Wrote {path}" in process.stdout for path in written)
    assert "energy-assets serve" in process.stdout
    for path in (home / "dagster.yaml", folder / ".env.default"):
        assert path.read_bytes() == (checkout / path.relative_to(folder)).read_bytes()

    (folder / ".env").write_text("SERVE_PORT=8123\n")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    again = run(installed / "energy-assets", "init", cwd=folder)
    assert "Wrote" not in again.stdout
    assert "8123" in again.stdout
    assert (home / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"

    other = folder / "other"
    (folder / ".env").write_text(f"DAGSTER_HOME='{other}'\n")
    assert (
        f"Wrote {other / 'dagster.yaml'}"
        in run(installed / "energy-assets", "init", cwd=folder).stdout
    )


def test_dagsters_own_commands_load_the_code_location_and_use_the_projects_home(
    installed: Path, folder: Path
) -> None:
    run(installed / "energy-assets", "init", cwd=folder)
    python = (installed / "python", "-m", "dagster")
    module = ("-m", "energy_assets.definitions")
    loaded = run(*python, "definitions", "validate", *module, cwd=folder)
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    info = run(*python, "instance", "info", cwd=folder)
    assert f"$DAGSTER_HOME: {folder / 'dagster_home'}" in info.stdout + info.stderr
    assert "max_runtime_seconds: 21600" in info.stdout, "not our dagster.yaml"


def test_a_folder_that_cannot_be_written_is_one_clear_line(installed: Path, folder: Path) -> None:
    (folder / "dagster_home").symlink_to("nothing/that/is/there")
    process = run(installed / "energy-assets", "run", cwd=folder)
    assert process.returncode == 1
    assert "dagster_home/dagster.yaml cannot be written (File exists)" in process.stderr
    assert "Traceback" not in process.stderr


def test_run_status_and_serve_work_in_an_empty_folder(installed: Path, folder: Path) -> None:
    process = run(installed / "energy-assets", "run", cwd=folder, **SMALL)
    assert process.returncode == 0, process.stdout + process.stderr
    assert f"{folder}/storage/" in process.stdout
    assert "next     energy-assets serve" in process.stdout
    assert (folder / "dagster_home" / "dagster.yaml").is_file()
    assert {path.name for path in folder.iterdir()} == {"dagster_home", "storage"}

    status = run(installed / "energy-assets", "status", cwd=folder, **SMALL)
    assert "published" in status.stdout, status.stdout + status.stderr
    assert "make " not in status.stdout

    with subprocess.Popen(
        [installed / "energy-assets", "serve"],
        cwd=folder,
        env=clean_environment(SERVE_PORT=str(free_port()), PYTHONUNBUFFERED="1", **SMALL),
        stdout=subprocess.PIPE,
        text=True,
    ) as service:
        try:
            assert _page(service).startswith("<!doctype html>")
        finally:
            service.terminate()


def _page(service: subprocess.Popen[str]) -> str:
    url = service.stdout.readline().split()[-1]
    with requests.Session() as session:
        # It says where it will be before it listens.
        session.mount("http://", HTTPAdapter(max_retries=Retry(connect=8, backoff_factor=0.1)))
        return session.get(url, timeout=10).text.lower()
