"""What the three views show, over the real service and what a real run published."""

from __future__ import annotations

import pytest
import requests
from playwright.sync_api import Page, expect

from energy_assets.partitions import HOUR
from energy_assets_tests.serving.page.world import (
    BACK,
    READY,
    Run,
    Visitor,
)


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
    assert visitor.address["area"] == ["DK2"]
    assert visitor.address["consumer_type"] == ["121"]
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
    asked = float(visitor.address["limit"][0])
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
    assert "limit" not in visitor.address


def test_a_limit_can_be_dragged(server: str, visitor: Visitor) -> None:
    page = visitor.visit(server)
    page.get_by_role("button", name="at the peak").click()
    page.wait_for_selector(".limit-handle")
    before = float(visitor.address["limit"][0])
    box = page.locator(".limit-handle").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 10, box["y"] + 90, steps=4)
    page.mouse.up()
    page.wait_for_selector(READY)
    assert float(visitor.address["limit"][0]) < before


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
    assert visitor.address["zone"] == ["utc"]


def test_days_of_23_and_25_hours_follow_the_local_clock(server: str, visitor: Visitor) -> None:
    page = visitor.visit(server)
    names = page.evaluate(
        """async () => {
            const time = await import("/page/base/time.js");
            const axis = await import("/page/parts/timeaxis.js");
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
    assert [*visitor.address["area"], *visitor.address["consumer_type"]] == name.split(" · ")


def test_accuracy_of_a_period_without_scores_says_so(server: str, visitor: Visitor) -> None:
    page = visitor.visit(f"{server}/?view=accuracy&start=2023-01-01&end=2023-01-03")
    expect(page.get_by_text("No forecast of this period has been scored yet")).to_be_visible()


def test_the_status_tells_what_made_the_forecast(server: str, visitor: Visitor) -> None:
    page = visitor.visit(f"{server}/?view=status")
    expect(page.get_by_role("heading", name="Model in force")).to_be_visible()
    expect(page.locator(".ladder [aria-current]")).to_contain_text("in use")
    model = requests.get(f"{server}/v1/model", timeout=30).json()["data"]
    expect(page.get_by_text(str(model["version"])).first).to_be_visible()
