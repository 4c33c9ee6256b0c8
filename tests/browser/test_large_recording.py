"""5,000 functions and 100,000 contexts: the page opens, and never stands still."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support_viewer import large_recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from browser.support_browser import OpenPage

LONGEST_TASK_MS = 2_000
"""On a busy machine of two cores. No picture may keep the page from answering for longer."""
WATCH = """() => {
  window.longest = 0;
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    window.longest = Math.max(window.longest, now - last);
    last = now;
  }, 10);
}"""


def test_it_stays_responsive(large_page: Path, open_page: Callable[..., OpenPage]) -> None:
    page = open_page(large_page)
    page.page.evaluate(WATCH)
    for depth in (2, 5, 8, 12):
        page.set_depth(depth)
        deeper = {node["id"] for node in page.graph()["nodes"] if node["min_depth"] == depth}
        page.drawn_when(lambda drawn, deeper=deeper: bool(drawn & deeper))
        assert len(page.drawn()) <= page.state()["maxNodes"]
    for tab in ("Flame graph", "Table", "Time line", "Events", "Graph"):
        page.tab(tab)
        page.page.wait_for_timeout(200)
    page.page.keyboard.press("/")
    page.page.keyboard.type("method_4321")
    page.page.get_by_role("option").first.wait_for()
    page.page.keyboard.press("Enter")
    assert "method_4321" in str(page.state()["selected"])
    page.role("textbox", "Exclude").fill("shop.package_01")
    page.page.keyboard.press("Enter")
    page.page.wait_for_function("() => window.cglab.state().exclude.length === 1")
    assert page.page.evaluate("() => window.longest") < LONGEST_TASK_MS


def test_folds_expand(large_page: Path, open_page: Callable[..., OpenPage]) -> None:
    page = open_page(large_page)
    page.set_depth(6)
    fold = page.page.locator(".box.fold").last
    fold.wait_for()
    drawn = page.drawn()
    fold.dispatch_event("click")
    page.drawn_when(lambda now: bool(now) and len(now - drawn) > 1)
    assert page.state()["expanded"]


def test_all_of_it_is_there(large_page: Path, open_page: Callable[..., OpenPage]) -> None:
    page = open_page(large_page, "#depth=-")
    nodes, calls = page.page.evaluate(
        "() => { const { nodes } = window.cglab.graph();"
        " return [nodes.length, nodes.reduce((sum, node) => sum + node.calls, 0)] }"
    )
    assert nodes == 5_001
    made = large_recording()
    assert calls == sum(made.tree.calls)
    assert len(page.drawn()) <= page.state()["maxNodes"]
