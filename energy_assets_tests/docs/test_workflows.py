"""The workflows in `.github/workflows`: valid, harmless, and made of targets of the Makefile."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from energy_assets.settings import PROJECT_ROOT
from energy_assets_tests.docs import pages

WORKFLOWS = sorted((PROJECT_ROOT / ".github" / "workflows").glob("*.yml"))
every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def check(command: list[str]) -> None:
    """Run a checker; fails with what it printed."""
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def steps(path: Path) -> Iterator[dict[str, Any]]:
    """All steps of a workflow."""
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        yield from job.get("steps", ())


def test_there_are_workflows() -> None:
    assert WORKFLOWS


@pytest.mark.parametrize(
    "schema", ["vendor.github-workflows", "custom.github-workflows-require-timeout"]
)
def test_the_workflows_are_valid_and_every_job_has_a_time_limit(schema: str) -> None:
    pages.tool("check_jsonschema")
    files = [str(path) for path in WORKFLOWS]
    check([sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *files])


def test_nothing_in_them_is_known_to_be_unsafe() -> None:
    pages.newer_python()
    pages.tool("check_jsonschema")  # of the same extra as zizmor, which is a program alone
    zizmor = Path(sys.executable).with_name("zizmor")
    check(
        [str(zizmor), "--offline", "--persona=pedantic", "--no-progress", str(WORKFLOWS[0].parent)]
    )


@every_workflow
def test_every_action_is_pinned_by_commit_and_names_its_version(path: Path) -> None:
    for line in re.findall(r"uses: (.*)", path.read_text()):
        assert re.match(r"\$/|[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@every_workflow
def test_every_step_is_a_target_of_the_makefile(path: Path) -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for step in steps(path):
        if (command := step.get("run")) is not None and command != "brew install libomp":
            called = re.fullmatch(r"make ([a-z-]+)( [A-Z_]+=\"?\$\w+\"?)*", command.strip())
            assert called, command
            assert called[1] in targets, f"{command}: no such target"
