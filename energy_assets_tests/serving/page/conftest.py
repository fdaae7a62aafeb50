"""A deployment, its service and a browser, started once, and a tab for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from energy_assets_tests.serving.page.world import Run, Visitor, browsing, chromium, page_server


@pytest.fixture(scope="session", autouse=True)
def has_browser() -> None:
    if chromium() is None:
        pytest.skip("no Chromium: install it, or set ENERGY_ASSETS_CHROMIUM to its program")


@pytest.fixture(scope="session")
def run(has_browser: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("page")
    return Run.of(folder / "storage", folder / "late")


@pytest.fixture(scope="session")
def server(run: Run) -> Iterator[str]:
    with page_server(run.world.deployment.settings) as address:
        yield address


@pytest.fixture(scope="module")  # it has this thread's event loop while it is there
def browser(has_browser: None) -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    """A tab at a desk; the test fails if the page logged an error."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, permissions=["clipboard-read", "clipboard-write"]
    )
    visitor = Visitor(context.new_page())
    yield visitor
    context.close()
    assert visitor.troubles == []
