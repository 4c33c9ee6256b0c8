"""The tabs beside the graph, on the selection that it has too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support_cli import ENGINE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from browser.support_browser import OpenPage

pytestmark = pytest.mark.skipif(
    ENGINE == "pycallgraph2", reason="the engine pycallgraph2 tells no actions apart"
)
STOR, RETR = "action:STOR", "action:RETR"


@pytest.fixture
def page(ftp_page: Path, open_page: Callable[..., OpenPage]) -> OpenPage:
    return open_page(ftp_page)


def test_the_frames_of_the_icicle_are_the_nodes_of_the_graph(page: OpenPage) -> None:
    page.choose("Action", STOR)
    page.set_depth(1_000)
    page.tab("Flame graph")
    page.page.get_by_text("As a table").click()
    names = page.page.locator(".flame-tab .text-table tbody th").all_inner_texts()
    # The first row is everything.
    assert set(names[1:]) == {node["name"] for node in page.graph()["nodes"]}


def test_a_click_on_the_icicle_zooms_and_escape_leads_back(page: OpenPage) -> None:
    page.choose("Action", STOR)
    page.tab("Flame graph")
    canvas = page.page.locator(".icicle canvas")
    box = canvas.bounding_box()
    assert box is not None
    # The third row: what the thread calls first.
    canvas.click(position={"x": 20, "y": 22 * 2 + 11})
    zoomed = page.state()["zoom"]
    assert zoomed is not None
    assert str(page.state()["selected"]) in {node["id"] for node in page.graph()["nodes"]}
    page.page.keyboard.press("Escape")
    assert page.state()["zoom"] not in {zoomed, None}
    page.page.keyboard.press("Escape")
    page.page.keyboard.press("Escape")
    assert page.state()["zoom"] is None


def test_a_click_on_a_band_selects_its_action(page: OpenPage) -> None:
    page.tab("Time line")
    lanes = page.page.locator(".time-lanes button")
    row = lanes.all_inner_texts().index("STOR")
    chart = page.page.locator(".time-chart").last.locator(".u-over")
    box = chart.bounding_box()
    assert box is not None
    # Where the cursor says that a hand may click; a band may be a pixel wide.
    for x in range(int(box["width"])):
        page.page.mouse.move(box["x"] + x, box["y"] + 20 * row + 10)
        if chart.evaluate("(over) => over.style.cursor") == "pointer":
            page.page.mouse.click(box["x"] + x, box["y"] + 20 * row + 10)
            break
    assert page.state()["slice"] == STOR
    assert lanes.nth(row).get_attribute("aria-pressed") == "true"
    lanes.nth(lanes.all_inner_texts().index("RETR")).click()
    assert page.state()["slice"] == RETR


def test_the_time_line_zooms_by_keyboard(page: OpenPage) -> None:
    page.tab("Time line")
    page.page.locator(".time-board").focus()
    whole = page.role("button", "Whole")
    assert whole.is_disabled()
    page.page.keyboard.press("+")
    assert whole.is_enabled()
    page.page.keyboard.press("ArrowRight")
    assert re.match(r"at .* CPU ", page.page.locator(".timeline-tab .tab-summary").inner_text())
    page.page.keyboard.press("0")
    assert whole.is_disabled()


def test_a_row_of_the_table_is_selected_by_a_click(page: OpenPage) -> None:
    page.tab("Table")
    row = page.page.locator(".table-tab tbody tr:not(.space)").nth(2)
    row.click()
    assert row.get_attribute("aria-selected") == "true"
    selected = next(
        node for node in page.graph()["nodes"] if node["id"] == page.state()["selected"]
    )
    assert selected["qualname"].rpartition(".")[2] in row.inner_text()


def test_the_table_compares(page: OpenPage) -> None:
    page.choose("Action", STOR)
    page.choose("Compare with", RETR)
    page.tab("Table")
    table = page.page.locator(".table-tab")
    assert "A is STOR, B is RETR" in table.get_by_role("status").inner_text()
    compared = page.page.evaluate("() => window.cglab.comparison().functions")
    functions = {item["id"]: item for item in compared if item["any"]["kind"] != "thread"}
    assert table.get_by_role("grid").get_attribute("aria-rowcount") == str(len(functions) + 1)
    table.get_by_role("button", name=re.compile("^calls A")).click()
    most = max(functions.values(), key=lambda item: item["a"]["calls"] if item["a"] else -1)
    assert f"{most['a']['calls']:,}" in table.get_by_role("row").nth(1).inner_text()


def test_events_follow_the_selection_and_lead_to_their_calls(page: OpenPage) -> None:
    page.tab("Events")
    events = page.page.locator(".events-tab")
    page.choose("Action", STOR)
    rows = events.locator("tbody tr:not(.space)")
    assert {row.split()[1] for row in rows.all_inner_texts()} == {
        "upload-started",
        "upload-finished",
    }
    events.get_by_role("combobox", name="Of action").select_option("any")
    rows.filter(has_text="logged-in").click()
    events.locator(".event-path button").last.click()
    assert page.state()["selected"] is not None


def test_phases_are_walked_in_order(page: OpenPage) -> None:
    page.choose("Action", STOR)
    phases = page.page.get_by_role("region", name="Phases of the action")
    names = phases.locator(".phase-list > li > button").all_inner_texts()
    assert len(names) > 1
    for name in names:
        phases.get_by_role("button", name="Next").click()
        current = phases.locator("[aria-current=step]")
        assert current.locator("button").first.inner_text() == name
        assert page.state()["selected"] is not None
    assert phases.get_by_role("button", name="Next").is_disabled()
