"""The page in a browser, over the real service and what a real run published."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from energy_assets.partitions import HOUR
from energy_assets.serving.page_files import FOLDER
from energy_assets.serving.security import hashed
from energy_assets_tests.serving.page_world import (
    BACK,
    READY,
    Run,
    Visitor,
    browsing,
    chromium,
    page_server,
    publish_many,
    settings_over,
    world_over,
)

pytestmark = pytest.mark.skipif(
    chromium() is None,
    reason="no Chromium: install it, or set ENERGY_ASSETS_CHROMIUM to its program",
)

VIEWS = {
    "forecast": "/?view=forecast&limit=150000&compare=4h&naives=1",
    "series": "/?view=forecast&area=DK1&consumer_type=111",
    "accuracy": "/?view=accuracy",
    "status": "/?view=status",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("page")
    return Run.of(folder / "storage", folder / "late")


@pytest.fixture(scope="module")
def server(run: Run) -> Iterator[str]:
    with page_server(run.world.deployment.settings) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
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


def address_of(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def choose(page: Page, label: str, text: str) -> None:
    """Choose by typing."""
    field = page.get_by_role("combobox", name=label, exact=True)
    field.click()
    field.fill(text)
    field.press("Enter")
    page.wait_for_selector(READY)


def test_all_consumption_is_shown_first(server: str, visitor: Visitor) -> None:
    page = visitor.visit(server)
    expect(page.get_by_role("heading", level=1)).to_have_text("All consumption")
    expect(page.locator(".head-words")).to_contain_text("The sum of 12 series")
    expect(page.locator("tbody tr")).to_have_count(24)
    expect(page.get_by_text("These numbers are simulated")).to_be_visible()


def test_a_series_is_chosen_by_typing(server: str, visitor: Visitor) -> None:
    page = visitor.visit(server)
    choose(page, "Area", "dk2")
    choose(page, "Consumer type", "121")
    expect(page.get_by_role("heading", level=1)).to_contain_text("121")
    assert address_of(page)["area"] == ["DK2"]
    assert address_of(page)["consumer_type"] == ["121"]
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text("all consumer types")
    page.go_forward()
    expect(page.get_by_role("heading", level=1)).to_contain_text("121")


def test_the_numbers_are_those_of_the_api(server: str, visitor: Visitor) -> None:
    answer = requests.get(f"{server}/v1/forecasts?sum=area&area=DK1", timeout=30).json()
    largest = max(row["energy_consumption"] for row in answer["data"])
    page = visitor.visit(f"{server}/?area=DK1")
    shown = page.locator(".figure", has_text="Peak").locator(".value").inner_text()
    number, unit = shown.split()
    size = {"kWh": 1, "MWh": 1e3, "GWh": 1e6}[unit]
    assert float(number.replace(",", "")) * size == pytest.approx(largest, rel=1e-3)


def test_a_limit_is_crossed_with_the_probability_of_the_api(server: str, visitor: Visitor) -> None:
    page = visitor.visit(f"{server}/?area=DK1&consumer_type=111")
    rows = requests.get(f"{server}/v1/forecasts?area=DK1&consumer_type=111", timeout=30).json()
    limit = sorted(row["energy_consumption"] for row in rows["data"])[-2]
    field = page.get_by_label("Limit", exact=True)
    field.fill(f"{limit / 1000} MWh")
    field.press("Enter")
    expect(page.locator("#limit-card li")).to_have_count(24)
    asked = float(address_of(page)["limit"][0])
    assert asked == pytest.approx(limit)
    query = f"area=DK1&consumer_type=111&threshold={asked}"
    rows = requests.get(f"{server}/v1/forecasts?{query}", timeout=30).json()
    chance = max(row["probability_above"] for row in rows["data"])
    words = "≥ 99 %" if chance >= 0.99 else f"{round(chance * 100)} %"
    expect(page.locator("#limit-card .lead")).to_contain_text("Most likely at")
    expect(page.locator("#limit-card .lead")).to_contain_text(words)
    page.get_by_role("button", name="remove").click()
    expect(page.locator("#limit-card")).to_have_count(0)


def test_a_limit_that_is_no_number_is_explained(server: str, visitor: Visitor) -> None:
    page = visitor.visit(server)
    field = page.get_by_label("Limit", exact=True)
    field.fill("much")
    field.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Type a number")).to_be_visible()
    assert "limit" not in address_of(page)


def test_a_limit_can_be_dragged(server: str, visitor: Visitor) -> None:
    page = visitor.visit(server)
    page.get_by_role("button", name="at the peak").click()
    page.wait_for_selector(".limit-handle")
    before = float(address_of(page)["limit"][0])
    box = page.locator(".limit-handle").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 10, box["y"] + 90, steps=4)
    page.mouse.up()
    page.wait_for_selector(READY)
    assert float(address_of(page)["limit"][0]) < before


def test_an_earlier_forecast_is_compared(server: str, visitor: Visitor) -> None:
    page = visitor.visit(server)
    page.get_by_label("Compare with").select_option("at")  # none is stored for the day before
    expect(page.get_by_role("alert").filter(has_text="No forecast from that hour")).to_be_visible()
    visitor.troubles.clear()  # the browser logs the 404
    page = visitor.visit(f"{server}/?compare=4h")
    expect(page.locator("#earlier-card li")).to_have_count(20)
    expect(page.locator("#earlier-card .lead")).to_contain_text("Largest change at")
    expect(page.get_by_role("columnheader", name="Change")).to_be_visible()


def test_the_naives_are_shown_on_demand(server: str, visitor: Visitor) -> None:
    page = visitor.visit(server)
    expect(page.get_by_text("Same hour last week")).to_have_count(0)
    page.get_by_label("Seasonal naives").check()
    expect(page.get_by_text("Same hour last week")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Last week")).to_be_visible()


def test_one_file_holds_what_is_shown(server: str, visitor: Visitor) -> None:
    page = visitor.visit(f"{server}/?area=DK1&consumer_type=111&limit=1000")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    header, *rows = download.value.path().read_text().splitlines()
    assert len(rows) == 72 + 24
    for name in ("observed", "energy_consumption", "q0.01", "q0.99", "probability_above"):
        assert name in header


def test_the_address_is_copied(server: str, visitor: Visitor) -> None:
    page = visitor.visit(f"{server}/?area=DK1&days=7")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_times_are_local_or_utc(server: str, visitor: Visitor) -> None:
    page = visitor.visit(server)
    expect(page.get_by_role("columnheader", name="Local time")).to_be_visible()
    local = page.locator("tbody th").first.inner_text()
    page.get_by_role("radio", name="UTC").check()
    expect(page.get_by_role("columnheader", name="Time (UTC)")).to_be_visible()
    assert page.locator("tbody th").first.inner_text() != local
    assert address_of(page)["zone"] == ["utc"]


def test_days_of_23_and_25_hours_follow_the_local_clock(server: str, visitor: Visitor) -> None:
    page = visitor.visit(server)
    names = page.evaluate(
        """async () => {
            const time = await import("/page/time.js");
            const axis = await import("/page/timeaxis.js");
            time.setZones("Europe/Copenhagen", false);
            const day = (first, count) => {
                const start = time.seconds(first);
                const hours = Array.from({length: count}, (_, hour) => start + 3600 * hour);
                return hours.map((hour) => axis.hourName(hour, hours));
            };
            return {
                autumn: day("2026-10-24T22:00:00Z", 25),
                spring: day("2026-03-28T23:00:00Z", 23),
                typed: time.iso(time.fromField("2026-03-29T03:00")),
                first: time.iso(time.fromField("2026-10-25T02:00")),
            };
        }"""
    )
    assert len(set(names["autumn"])) == 25
    assert names["autumn"][2:4] == [
        "Sun 25 Oct, 02:00 (UTC+02:00)",
        "Sun 25 Oct, 02:00 (UTC+01:00)",
    ]
    assert names["spring"][1:3] == ["Sun 29 Mar, 01:00", "Sun 29 Mar, 03:00"]
    assert names["typed"] == "2026-03-29T01:00:00Z"
    assert names["first"] == "2026-10-25T00:00:00Z"


def test_an_origin_in_the_address_shows_that_forecast(
    run: Run, server: str, visitor: Visitor
) -> None:
    older = run.newest - BACK[0] * HOUR
    page = visitor.visit(f"{server}/?view=forecast&zone=utc&origin={older.isoformat()}Z")
    expect(page.get_by_text("This is an earlier forecast")).to_be_visible()
    first = page.locator("tbody th").first
    expect(first).to_contain_text(f"{older + HOUR:%H:%M}")
    page.get_by_role("button", name="Show the newest").click()
    expect(first).to_contain_text(f"{run.newest:%H:%M}")
    expect(page.get_by_text("This is an earlier forecast")).to_have_count(0)


def test_accuracy_stands_beside_both_naives(server: str, visitor: Visitor) -> None:
    page = visitor.visit(f"{server}/?view=accuracy")
    total = requests.get(f"{server}/v1/monitoring", timeout=30).json()["data"][0]
    figures = page.locator(".figure .value")
    expect(figures).to_have_count(4)
    assert figures.nth(0).inner_text() == f"{total['mape'] * 100:.2f} %"
    assert figures.nth(2).inner_text() == f"{total['mape_seasonal_naive_168'] * 100:.2f} %"
    assert figures.nth(3).inner_text() == f"{total['coverage'] * 100:.1f} %"
    expect(page.locator(".chart canvas")).to_have_count(3)
    first = page.locator("tbody a").first
    name = first.inner_text()
    first.click()
    page.wait_for_selector(READY)
    assert [*address_of(page)["area"], *address_of(page)["consumer_type"]] == name.split(" · ")


def test_accuracy_of_a_period_without_scores_says_so(server: str, visitor: Visitor) -> None:
    page = visitor.visit(f"{server}/?view=accuracy&start=2023-01-01&end=2023-01-03")
    expect(page.get_by_text("No forecast of this period has been scored yet")).to_be_visible()


def test_the_status_tells_what_made_the_forecast(server: str, visitor: Visitor) -> None:
    page = visitor.visit(f"{server}/?view=status")
    expect(page.get_by_role("heading", name="Model in force")).to_be_visible()
    expect(page.locator(".ladder [aria-current]")).to_contain_text("in use")
    model = requests.get(f"{server}/v1/model", timeout=30).json()["data"]
    expect(page.get_by_text(str(model["version"])).first).to_be_visible()


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


@pytest.mark.parametrize("query", VIEWS.values(), ids=VIEWS)
def test_a_phone_never_scrolls_sideways(server: str, visitor: Visitor, query: str) -> None:
    visitor.page.set_viewport_size({"width": 360, "height": 740})
    page = visitor.visit(server + query)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("query", VIEWS.values(), ids=VIEWS)
def test_axe_finds_nothing_serious(server: str, visitor: Visitor, query: str, scheme: str) -> None:
    visitor.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
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
    for path in FOLDER.glob("*.js"):
        assert f'"/page/{path.name}"' in page, path.name
