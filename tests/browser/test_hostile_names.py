"""Whatever a recording's texts are, the page shows them as text, and only as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from support_viewer import HOSTILE_TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from browser.support_browser import OpenPage

# Bidirectional controls, zero width, C0 and C1 controls: characters that hide or move others.
INVISIBLE = re.compile("[\u202a-\u202e\u2066-\u2069\u200b-\u200f\ufeff\x00-\x08\x0b-\x1f\x7f-\x9f]")
CLICK_A_BOX = """(index) => {
  const box = document.querySelectorAll("[data-id]")[index];
  box.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  const links = [...document.links].map((link) => link.href);
  return [window.cglab.state().selected === box.dataset.id, links];
}"""
TABS = ("Graph", "Flame graph", "Table", "Time line", "Events")


def test_every_tab_shows_hostile_names_as_text(
    hostile_page: Path, open_page: Callable[..., OpenPage]
) -> None:
    page = open_page(hostile_page)
    for tab in TABS:
        page.tab(tab)
        page.page.wait_for_timeout(300)
        shown = page.page.locator("body").inner_text()
        assert not INVISIBLE.search(shown)
        titles = page.page.evaluate(
            "() => [...document.querySelectorAll('title, [aria-label], [title]')]"
            ".map((item) => [item.textContent, item.ariaLabel, item.title].join(' '))"
        )
        assert not INVISIBLE.search("".join(titles))
    # Nothing of a name became an element or a handler. What went wrong is told at the end.
    made = page.page.evaluate(
        "() => document.querySelectorAll('img, iframe, object, embed, base, form[action], b > img,"
        " [onload], [onerror], [onclick], [onmouseover]').length"
    )
    assert made == 0
    assert page.page.evaluate("() => document.querySelectorAll('script').length") <= 3


def test_every_function_can_be_looked_at(
    hostile_page: Path, open_page: Callable[..., OpenPage]
) -> None:
    page = open_page(hostile_page, "#maxNodes=500&depth=-")
    boxes = len(page.drawn_when(lambda drawn: len(drawn) >= 2 * len(HOSTILE_TEXTS)))
    for index in range(boxes):
        is_selected, links = page.page.evaluate(CLICK_A_BOX, index)
        assert is_selected
        assert all(re.match(r"(vscode://file/|file:///|blob:)", link) for link in links), links
        assert not INVISIBLE.search(page.page.locator("aside").inner_text())


def test_a_hostile_address_is_only_a_state(
    hostile_page: Path, open_page: Callable[..., OpenPage]
) -> None:
    for state in (
        "#slice=__proto__&compare=%3Dconstructor&selected=%3D%3Cimg%20src%3Dx%3E&focus=%3Dnothing",
        "#depth=99999999&filters=%5B%22nothing%22%5D&include=%5B%22%5B%22%5D&tab=nothing",
        "#depth=0&expanded=%5B%22__proto__%22%5D&zoom=999999999&process=5&thread=77",
        "#%E0%A4%A&&&===",
    ):
        page = open_page(hostile_page, state)
        assert page.graph()["nodes"]
        assert page.state()["slice"] == "all"
