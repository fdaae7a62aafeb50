"""The page for everybody: small screens, keyboards, screen readers, slow lines."""

from __future__ import annotations

import time
from typing import Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from energy_assets.serving.page_files import FOLDER
from energy_assets_tests.serving.page.world import (
    READY,
    VIEWS,
    Visitor,
)


@pytest.mark.parametrize("query", VIEWS.values(), ids=VIEWS)
def test_a_phone_never_scrolls_sideways(server: str, visitor: Visitor, query: str) -> None:
    visitor.page.set_viewport_size({"width": 360, "height": 740})
    page = visitor.visit(server + query)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("query", VIEWS.values(), ids=VIEWS)
def test_axe_finds_nothing_serious(
    server: str, visitor: Visitor, query: str, scheme: Literal["light", "dark"]
) -> None:
    visitor.page.emulate_media(color_scheme=scheme)
    page = visitor.visit(server + query)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    found = Axe().run(page).response["violations"]
    assert [
        (one["id"], [node["html"] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ] == []


def test_colours_can_be_switched(server: str, visitor: Visitor) -> None:
    page = visitor.visit(server)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Use dark colours").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert light != dark
    page.reload()
    page.wait_for_selector(READY)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_everything_can_be_done_with_the_keyboard(server: str, visitor: Visitor) -> None:
    page = visitor.visit(server)
    field = page.get_by_role("combobox", name="Area", exact=True)
    field.focus()
    field.press("ArrowDown")
    expect(field).to_have_attribute("aria-expanded", "true")
    field.press("ArrowDown")
    active = field.get_attribute("aria-activedescendant")
    expect(page.locator(f"#{active}")).to_have_text("DK1West Denmark")
    field.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("DK1")
    chart = page.get_by_role("application")
    chart.focus()
    chart.press("ArrowRight")
    expect(page.locator("#live")).to_contain_text("Forecast ")
    said = page.locator("#live").inner_text()
    chart.press("ArrowRight")
    expect(page.locator("#live")).not_to_have_text(said)
    chart.press("Home")
    expect(page.locator("#live")).to_contain_text("Observed ")


def test_the_page_asks_no_other_host(server: str, visitor: Visitor) -> None:
    for query in VIEWS.values():
        visitor.visit(server + query)
    assert visitor.hosts == {urlsplit(server).netloc}


def test_the_page_is_light_and_quick(server: str, visitor: Visitor) -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 300_000
    seconds = []
    for _ in range(5):
        started = time.monotonic()
        visitor.visit(server)
        seconds.append(time.monotonic() - started)
    assert min(seconds) < 1


def test_all_modules_are_loaded_at_once() -> None:
    page = (FOLDER / "index.html").read_text()
    for path in FOLDER.rglob("*.js"):
        name = path.relative_to(FOLDER).as_posix()
        assert f'"/page/{name}"' in page, name
