"""What the page does when data are late, missing, new, or asked for in vain."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from playwright.sync_api import expect

from energy_assets.partitions import HOUR
from energy_assets.serving.security import hashed
from energy_assets_tests.serving.page.world import (
    BACK,
    Run,
    Visitor,
    page_server,
    publish_many,
    settings_over,
    world_over,
)


def test_late_data_is_said_on_every_view(run: Run, visitor: Visitor) -> None:
    with page_server(settings_over(run.late)) as address:
        for view in ("forecast", "accuracy", "status"):
            page = visitor.visit(f"{address}/?view={view}")
            expect(page.locator(".banner", has_text="hours late")).to_be_visible()
        visitor.leave()


def test_a_forecast_that_arrives_is_shown_and_said(
    run: Run, tmp_path: Path, visitor: Visitor
) -> None:
    folder = shutil.copytree(run.late, tmp_path / "storage")
    with page_server(settings_over(folder)) as address:
        page = visitor.visit(address)
        first = page.locator("tbody th").first
        before = first.inner_text()
        hour = run.newest - BACK[0] * HOUR + HOUR
        with ThreadPoolExecutor(1) as pool:  # the browser has this thread's event loop
            pool.submit(lambda: world_over(folder).run("hourly_job", hour)).result()
        banners = page.locator("#banners")
        expect(banners).to_contain_text("A new forecast has arrived", timeout=15_000)
        expect(page.locator("#live")).to_contain_text("A new forecast has arrived")
        expect(first).not_to_have_text(before)
        visitor.leave()


def test_nothing_published_says_what_to_do_and_shows_the_first_forecast(
    tmp_path: Path, visitor: Visitor
) -> None:
    with page_server(settings_over(tmp_path)) as address:
        page = visitor.visit(address)
        expect(page.get_by_role("heading", name="No forecast to show yet")).to_be_visible()
        expect(page.get_by_text("make run").first).to_be_visible()
        publish_many(tmp_path, 4)
        time.sleep(1)
        visitor.look_again()
        expect(page.get_by_role("heading", level=1)).to_have_text("All consumption")
    assert all("503" in text for text in visitor.troubles)
    visitor.troubles.clear()


def test_an_unknown_series_is_explained(server: str, visitor: Visitor) -> None:
    page = visitor.visit(f"{server}/?area=XX&consumer_type=111")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    expect(page.get_by_text("There is no area 'XX'")).to_be_visible()
    assert all("404" in text for text in visitor.troubles)
    visitor.troubles.clear()
    page.get_by_role("link", name="Show all consumption").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("All consumption")


def test_the_last_picture_stays_when_the_service_is_gone(run: Run, visitor: Visitor) -> None:
    with page_server(run.world.deployment.settings) as address:
        page = visitor.visit(address)
    visitor.look_again()
    expect(page.locator(".banner.error")).to_contain_text("has not answered since")
    expect(page.locator("tbody tr")).to_have_count(24)
    visitor.troubles.clear()  # the browser logs each failed request


def test_a_key_is_asked_for_and_used(run: Run, visitor: Visitor) -> None:
    settings = run.world.deployment.settings.model_copy(
        update={"serve_api_keys": f"planner:{hashed('a-long-key')}"}
    )
    with page_server(settings) as address:
        page = visitor.visit(address)
        page.get_by_label("Key").fill("wrong")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("That key is not known")).to_be_visible()
        page.get_by_label("Key").fill("a-long-key")
        page.get_by_role("button", name="Continue").click()
        expect(page.locator("tbody tr")).to_have_count(24)
    assert all("401" in text for text in visitor.troubles)
    visitor.troubles.clear()


def test_ten_thousand_series_are_searched_without_drawing_them_all(
    tmp_path: Path, visitor: Visitor
) -> None:
    publish_many(tmp_path, 10_000)
    with page_server(settings_over(tmp_path)) as address:
        deadline = time.monotonic() + 30
        while requests.get(f"{address}/ready", timeout=30).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        page = visitor.visit(f"{address}/?area=DK1&consumer_type=100")
        field = page.get_by_role("combobox", name="Consumer type")
        field.click()
        assert 5 < page.locator("[role=option]").count() < 40
        field.fill("4321")
        expect(page.get_by_role("option").first).to_contain_text("4321")
        field.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("4321")
        expect(page.locator("tbody tr")).to_have_count(24)
