"""The documentation site."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from energy_assets.settings import PROJECT_ROOT
from energy_assets_tests.docs import pages
from energy_assets_tests.serving.page.world import browsing, chromium


class Quiet(SimpleHTTPRequestHandler):
    """Gives files, and says nothing."""

    def log_message(self, *args: object) -> None:
        """Nothing."""


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site from a copy, strictly."""
    return subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the site is made from."""
    pages.newer_python()
    pages.tool("zensical")
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(PROJECT_ROOT / "zensical.toml", folder)
    shutil.copytree(pages.DOCS, folder / "docs")
    return folder


@pytest.fixture(scope="module")
def site(project: Path) -> Path:
    """The site."""
    built = build(project)
    assert built.returncode == 0, built.stdout + built.stderr
    return project / "site"


def test_every_page_is_built_and_in_the_navigation(site: Path) -> None:
    start = (site / "index.html").read_text()
    for page in pages.DOCS.glob("*.md"):
        name = page.with_suffix(".html").name
        assert (site / name).exists()
        assert re.search(rf'href="(?:\./)?{name}"', start) or name == "index.html", (
            f"{name} is not in the navigation: add it to zensical.toml"
        )


def test_no_link_of_the_site_is_dead(site: Path) -> None:
    for page in site.glob("*.html"):
        for link in re.findall(r'<a [^>]*href="([^"#?]+)', page.read_text()):
            if re.match(r"https?:", link):
                continue
            target = (site / link.lstrip("/")).resolve()
            assert target.exists(), f"{page.name} links to {link}"


def test_a_page_loads_nothing_from_another_host(site: Path) -> None:
    for page in site.glob("*.html"):
        loaded = re.findall(r'<(?:script|img|iframe)[^>]*\ssrc="?([^\s">]+)', page.read_text())
        loaded += re.findall(
            r'<link[^>]*rel="?(?:stylesheet|preconnect|icon)[^>]*href="?([^\s">]+)',
            page.read_text(),
        )
        assert loaded
        assert not [address for address in loaded if re.match(r"(?:https?:)?//", address)]
    assert "@import" not in "".join(sheet.read_text() for sheet in site.rglob("*.css"))


def test_the_search_finds_a_heading_and_asks_nobody_else(site: Path) -> None:
    if chromium() is None and os.environ.get("CI") != "true":
        pytest.skip("there is no chromium on the PATH")
    handler = partial(Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, browsing() as browser:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page, hosts = browser.new_page(), set()
        page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
        page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("combobox").fill("quarantine")
        page.get_by_text(re.compile(r"\d+ results")).wait_for()
        page.keyboard.press("Enter")
        page.wait_for_url("**/data.html?*quarantine")
        page.close()
        server.shutdown()
    assert hosts == {"127.0.0.1"}


def test_a_dead_link_fails_the_build(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "project"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("site", ".cache"))
    page = copy / "docs" / "flow.md"
    page.write_text(page.read_text() + "\n[nowhere](nowhere.md)\n")
    built = build(copy)
    assert built.returncode != 0
    assert "page does not exist" in built.stderr
