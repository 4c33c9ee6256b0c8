"""What axe-core says of the page in each tab, light and dark: nothing serious."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from browser.support_browser import OpenPage

SERIOUS = ("serious", "critical")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    scheme: str, ftp_page: Path, open_page: Callable[..., OpenPage]
) -> None:
    axe_module = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    page = open_page(ftp_page, color_scheme=scheme)
    page.page.locator("[data-id]").nth(1).click()
    found = []
    for tab in ("Graph", "Flame graph", "Table", "Time line", "Events"):
        page.tab(tab)
        page.page.wait_for_timeout(200)
        for violation in axe_module.Axe().run(page.page).response["violations"]:
            if violation["impact"] in SERIOUS:
                where = [node["html"][:160] for node in violation["nodes"][:4]]
                found.append((tab, violation["id"], violation["help"], where))
    assert found == []
