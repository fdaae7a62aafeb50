"""What the README and `docs/` name exists: pages, headings, images, commands and settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from energy_assets.settings import PROJECT_ROOT
from energy_assets_tests.docs import pages

every_page = pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)


@every_page
def test_every_link_leads_to_a_file_and_every_anchor_to_a_heading(page: Path) -> None:
    for link in pages.links(page):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in pages.anchors(target), f"{link}: no such heading"


@every_page
def test_a_page_of_the_site_links_to_nothing_that_the_site_does_not_have(page: Path) -> None:
    if page.parent == pages.DOCS:
        outside = [link for link in pages.links(page) if link.startswith("../")]
        assert not outside, "name the file as code instead"


def test_every_image_is_shown_somewhere() -> None:
    shown = {
        (page.parent / link).resolve()
        for page in pages.PAGES
        for link in pages.links(page)
        if link.endswith((".png", ".svg"))
    }
    assert set((pages.DOCS / "images").iterdir()) == shown


@every_page
def test_every_make_target_exists(page: Path) -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    used = {name for text in pages.named(page) for name in re.findall(r"\bmake ([a-z-]+)", text)}
    assert used <= targets


def test_every_make_target_is_described_at_the_top_of_the_makefile() -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text()
    phony = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    described = re.findall(r"^#   make ([a-z-]+)", makefile, re.MULTILINE)
    assert set(described) == {target for line in phony for target in line.split()}


@every_page
def test_every_command_of_energy_assets_exists(page: Path) -> None:
    cli = (PROJECT_ROOT / "energy_assets/commands/cli.py").read_text()
    commands = set(re.findall(r'add_parser\(\s*"([a-z-]+)"', cli))
    assert "api-key" in commands
    used = {
        name
        for text in pages.named(page)
        for name in re.findall(r"(?:^|bin/|=\S+ )energy-assets ([a-z][a-z-]+)", text, re.MULTILINE)
    }
    assert used <= commands


NOT_OURS = {
    *("DAGSTER_HOME", "PATH", "PWD", "GOOGLE_APPLICATION_CREDENTIALS"),
    # arguments of make
    *("START", "END", "ORIGIN", "TRIALS", "SECONDS", "DATA", "MARKDOWN", "PYTHON"),
    # placeholders and constants
    *("BUCKET", "PROJECT", "NAME", "FOLDER", "FEATURES", "SOURCES", "PROFILES", "GET", "HEAD"),
    *("MAPE", "WAPE", "MASE", "CI", "WEATHER_SOURCES"),
}
"""Names in capitals that are no settings of ours."""


def test_every_setting_that_is_named_exists() -> None:
    settings = set(dotenv_values(PROJECT_ROOT / ".env.default"))
    prefixes = {name.partition("_")[0] for name in settings}
    for page in pages.PAGES:
        if page.name == "from-airflow.md":  # half of its names are the course's
            continue
        for text in pages.named(page):
            for name in re.findall(r"(?<![\w<./-])([A-Z][A-Z]*(?:_[A-Z0-9]+)+)\b(?!_)", text):
                ours = name.partition("_")[0] in prefixes
                tests_own = name.startswith("ENERGY_ASSETS_")
                if ours and not tests_own and name not in NOT_OURS:
                    assert name in settings, f"{page.name} names {name}"


def test_the_table_of_settings_has_every_setting_once_with_its_default() -> None:
    rows = re.findall(
        r"^\| (`[A-Z].*?) \| (.*?) \|", (pages.DOCS / "settings.md").read_text(), re.M
    )
    listed: dict[str, str] = {}
    for names, defaults in rows:
        keys = re.findall(r"`(\w+)`", names)
        values = defaults.replace("not set", "``").split(", ")
        values = values if len(values) == len(keys) else values * len(keys)
        for key, value in zip(keys, values, strict=True):
            assert key not in listed
            listed[key] = value.strip("`")
    assert listed == dotenv_values(PROJECT_ROOT / ".env.default")


def test_the_course_page_names_settings_of_ours_in_its_right_column() -> None:
    page = (pages.DOCS / "from-airflow.md").read_text()
    settings = set(dotenv_values(PROJECT_ROOT / ".env.default"))
    variables = page.partition("## Variables")[2].partition("\n## ")[0]
    ours = [row.split("|")[2] for row in variables.splitlines() if row.startswith("| `")]
    named = {name for cell in ours for name in re.findall(r"`([A-Z_]+)[=`]", cell)}
    assert len(named) > 8
    assert {name for name in named if not name.endswith("_")} <= settings


def test_the_figures_at_the_top_of_the_benchmarks_are_those_of_their_tables() -> None:
    top, _, tables = (pages.DOCS / "benchmarks.md").read_text().partition("## Running them")

    def figure(title: str, row: str, column: str) -> str:
        """A cell of the table below a title."""
        lines = tables.partition(f"**{title}")[2].splitlines()[2:]
        cells = [[cell.strip() for cell in line.split("|")] for line in lines]
        return next(line for line in cells if line[1] == row)[cells[0].index(column)]

    denmark, us = "DE35, 30 days: 12 origins", "EIA 2017, 365 days: 12 origins"
    zones, median = "20 zones, 24 origins of 2006", "MAPE, median zone"
    carried = "regression, last day's error carried on"
    ours = "GlobalForecaster"
    for claim in (
        f"MAPE {figure(denmark, ours, 'MAPE')}; "
        f"last week's values {figure(denmark, 'seasonal naive 168', 'MAPE')}, "
        f"the course's model {figure(denmark, 'sktime, the course', 'MAPE')}",
        f"MAPE {figure(us, ours, 'MAPE')}; "
        f"yesterday's values {figure(us, 'seasonal naive 24', 'MAPE')}, "
        f"the best other library {figure(us, 'skforecast, recent and weekly lags', 'MAPE')}",
        f"{figure(f'{denmark}**', ours, '80 %')} in Denmark, "
        f"{figure(f'{us}**', ours, '80 %')} in the US",
        f"to {figure('households 0', ours, 'sum')} of what 60 made-up households",
        f"median zone {figure(zones, f'{ours}, temperatures', median)} with them, "
        f"{figure(zones, f'{ours}, no temperatures', median)} without; "
        f"a regression {figure(zones, carried, median)}, "
        f"the best other library {figure(zones, 'mlforecast, temperatures', median)}",
        f"{figure('76 series of 720 hours', ours, 'fit + predict s')} s in one thread",
        f"takes {figure('168 hours', 'replay', 'ratio')} times as long",
        f"p99 {figure('200 requests a second', '76 series: one series, made', 'p99 ms')} ms",
    ):
        assert claim in top
