"""What people do in the page: slider, search, focus, filters, actions, comparisons, tabs, keys."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from support_cli import ENGINE, as_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from browser.support_browser import OpenPage

has_actions = pytest.mark.skipif(
    ENGINE == "pycallgraph2", reason="the engine pycallgraph2 tells no actions apart"
)
HANDLE_READ = ".DTPHandler.handle_read"


@pytest.fixture
def page(ftp_page: Path, open_page: Callable[..., OpenPage]) -> OpenPage:
    return open_page(ftp_page)


def ids(page: OpenPage) -> set[str]:
    return {node["id"] for node in page.graph()["nodes"]}


def test_the_slider_goes_from_one_depth_to_the_next(page: OpenPage) -> None:
    slider = page.role("slider", "Depth of the graph")
    assert page.state()["depth"] == 4
    assert int(slider.get_attribute("max") or 0) == page.graph()["deepest"]
    before = ids(page)
    slider.focus()
    page.drawn_when(before.__eq__)
    page.page.keyboard.press("ArrowRight")
    assert page.state()["depth"] == 5
    assert before < ids(page)
    page.drawn_when(ids(page).__eq__)


def test_search_finds_functions_that_show_that_lie_deeper_and_that_are_hidden(
    page: OpenPage,
) -> None:
    keyboard = page.page.keyboard
    keyboard.press("/")
    keyboard.type("DTPHandler.handle_read")
    option = page.page.get_by_role("option").first
    assert HANDLE_READ in option.inner_text()
    keyboard.press("Enter")
    selected = str(page.state()["selected"])
    assert selected.endswith(HANDLE_READ)
    details = page.role("complementary", "Function")
    text = details.inner_text()
    assert "DTPHandler.handle_read" in text
    assert re.search(r"/pyftpdlib/.*\.py:\d+", text)
    # Its source, and who calls it.
    assert "def handle_read" in text
    assert "Callers" in text
    details.get_by_role("button", name=re.compile(r"Show depth \d+")).click()
    page.drawn_when(lambda drawn: selected in drawn)
    keyboard.press("/")
    keyboard.type("StreamHandler.emit")
    assert "hidden by a filter" in page.page.get_by_role("option").first.inner_text()
    keyboard.press("Enter")
    assert "Hidden by the rule" in details.inner_text()


def test_focus_shows_a_neighbourhood_and_back_leaves_it(page: OpenPage) -> None:
    page.set_depth(7)
    everything = page.drawn_when(ids(page).__eq__)
    page.role("button", "Fit").click()
    page.page.locator(f'[data-id$="{HANDLE_READ}"]').dblclick()
    focused = page.drawn_when(lambda drawn: drawn < everything)
    focus = str(page.state()["focus"])
    assert focus.endswith(HANDLE_READ)
    assert focus in focused
    page.page.go_back()
    page.drawn_when(everything.__eq__)
    assert page.state()["focus"] is None


def test_filters_hide_bridge_and_say_so(page: OpenPage) -> None:
    page.role("textbox", "Exclude").fill("pyftpdlib.ioloop")
    page.page.keyboard.press("Enter")
    graph = page.graph()
    assert not any(node["module"] == "pyftpdlib.ioloop" for node in graph["nodes"])
    assert any(edge["bridged"] for edge in graph["edges"])
    rules = [rule["rule"] for rule in graph["hidden"]["by_rule"]]
    assert "--exclude pyftpdlib.ioloop" in rules
    summary = page.role("region", "What is hidden")
    summary.locator("summary").click()
    assert "--exclude pyftpdlib.ioloop" in summary.inner_text()
    page.role("checkbox", "none").check()
    assert page.state()["filters"] == ["none"]


@has_actions
def test_an_action_and_a_comparison_of_two(ftp_folder: Path, page: OpenPage) -> None:
    page.choose("Action", "action:STOR")
    assert page.state()["slice"] == "action:STOR"
    page.choose("Compare with", "action:RETR")
    state = page.state()
    assert (state["slice"], state["compare"]) == ("action:STOR", "action:RETR")
    depth = str(state["depth"])
    printed = as_json(
        "diff", "STOR", "RETR", "--max-depth", depth, "--format", "json", folder=ftp_folder
    )
    sides: dict[str, Any] = page.page.evaluate(
        "() => Object.fromEntries(window.cglab.comparison().functions.map("
        "(item) => [item.id, [item.side, item.isChanged]]))"
    )
    expected = {
        item["id"]: [side, item["changed"]]
        for key, side in (("only_a", "a"), ("only_b", "b"), ("both", "both"))
        for item in printed["functions"][key]
    }
    assert {key: value for key, value in sides.items() if not key.startswith("thread ")} == expected
    # What is alike is left out of the picture, unless it leads to a difference.
    different = {key for key, (_, is_changed) in expected.items() if is_changed}
    page.drawn_when(lambda drawn: drawn >= different)


@has_actions
def test_a_link_opens_the_same_view(
    page: OpenPage, ftp_page: Path, open_page: Callable[..., OpenPage]
) -> None:
    page.choose("Action", "action:STOR")
    page.set_depth(6)
    page.role("textbox", "Exclude").fill("*.respond*")
    page.page.keyboard.press("Enter")
    page.page.locator(f'[data-id$="{HANDLE_READ}"]').click()
    hash_of_state = page.page.evaluate("() => location.hash")
    again = open_page(ftp_page, hash_of_state)
    assert again.state() == page.state()
    assert json.dumps(again.graph()) == json.dumps(page.graph())


def test_the_flame_graph_zooms(page: OpenPage) -> None:
    page.tab("Flame graph")
    flame = page.page.locator(".flame-tab")
    flame.get_by_role("tree").or_(flame.locator("[tabindex='0']")).first.focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        page.page.keyboard.press(key)
    assert page.state()["zoom"] is not None
    assert page.state()["selected"] is not None
    page.role("button", "Whole").click()
    assert page.state()["zoom"] is None


def test_the_table_sorts(page: OpenPage) -> None:
    page.tab("Table")
    grid = page.page.locator(".table-tab")
    grid.get_by_role("button", name=re.compile("^calls", re.IGNORECASE)).click()
    functions = [node for node in page.graph()["nodes"] if node["kind"] != "thread"]
    most = max(functions, key=lambda node: node["calls"])
    assert most["qualname"].rpartition(".")[2] in grid.get_by_role("row").nth(1).inner_text()


def test_time_line_and_events_have_what_the_recording_has(page: OpenPage) -> None:
    page.tab("Time line")
    assert "CPU" in page.page.locator("body").inner_text()
    assert page.page.locator("canvas").count() > 0
    page.tab("Events")
    if ENGINE != "pycallgraph2":
        assert "logged-in" in page.page.locator("body").inner_text()


def test_a_tour_with_the_keyboard_alone(page: OpenPage) -> None:
    keyboard = page.page.keyboard
    reached: list[str] = []
    for _ in range(60):
        keyboard.press("Tab")
        name: str = page.page.evaluate(
            "() => { const item = document.activeElement; return item === document.body ? '' :"
            " [item.tagName, item.getAttribute('aria-label') ?? item.textContent.trim()"
            ".slice(0, 40)].join(' ') }"
        )
        if not name or name in reached[:1]:
            break
        # What has the focus is seen to have it.
        outline = page.page.evaluate(
            "() => { const style = getComputedStyle(document.activeElement);"
            " return style.outlineStyle !== 'none' || style.boxShadow !== 'none' }"
        )
        assert outline, name
        reached.append(name)
    assert len(reached) > 8
    for tab in ("Graph", "Flame graph"):
        page.role("tab", tab).focus()
        keyboard.press("Enter")
    keyboard.press("/")
    keyboard.type("serve_forever")
    keyboard.press("Enter")
    assert str(page.state()["selected"]).endswith("serve_forever")
    keyboard.press("Escape")
    assert page.state()["selected"] is None


def test_dark_and_light(ftp_page: Path, open_page: Callable[..., OpenPage]) -> None:
    brightness = {}
    for scheme in ("light", "dark"):
        page = open_page(ftp_page, color_scheme=scheme)
        colour = page.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        brightness[scheme] = sum(map(int, re.findall(r"\d+", colour)[:3]))
        assert page.page.evaluate("() => document.documentElement.dataset.theme") == scheme
    assert brightness["dark"] < 200
    assert brightness["light"] > 600


@pytest.mark.parametrize(("button", "start"), [("Save as SVG", b"<"), ("Save as PNG", b"\x89PNG")])
def test_the_picture_can_be_saved(
    button: str, start: bytes, page: OpenPage, tmp_path: Path
) -> None:
    with page.page.expect_download() as download:
        page.role("button", button).click()
    path = tmp_path / "saved"
    download.value.save_as(path)
    assert path.read_bytes().startswith(start)
    assert path.stat().st_size > 1000
