"""A page in a browser, and everything in it that a test may complain of."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Locator, Request

LAUNCH_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 30_000
_OWN_SCHEMES = ("file:", "blob:", "data:")


class OpenPage:
    """A page that was opened in a profile of its own. ``complaints`` is what went wrong in it."""

    def __init__(self, browser: Browser, path: Path, state: str = "", **options: Any) -> None:
        self.complaints: list[str] = []
        options = {"viewport": {"width": 1400, "height": 900}, "accept_downloads": True, **options}
        options.setdefault("reduced_motion", "reduce")
        self._context = browser.new_context(**options)
        self._context.set_default_timeout(PATIENCE_MS)
        self.page = self._context.new_page()
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", self._on_dialog)
        self.page.on("request", self._on_request)
        self.page.on("popup", lambda popup: self.complaints.append(f"popup: {popup.url}"))
        self.page.goto(f"{path.as_uri()}{state}")
        self.wait()

    def close(self) -> None:
        self._context.close()

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text}")

    def _on_dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith(_OWN_SCHEMES):
            self.complaints.append(f"request: {request.url}")

    # --- what the page says of itself ---

    def wait(self) -> None:
        """Wait until there is a picture."""
        self.page.wait_for_function("() => document.querySelector('[data-id]') && window.cglab")

    def state(self) -> dict[str, Any]:
        return self.page.evaluate("() => window.cglab.state()")  # type: ignore[no-any-return]

    def graph(self) -> dict[str, Any]:
        """Return the graph of the current state, as ``cglab render --format json`` has it."""
        return self.page.evaluate("() => window.cglab.graph()")  # type: ignore[no-any-return]

    def drawn(self) -> set[str]:
        """Return the ids of the functions and folds in the picture, each of which is there once."""
        found: list[str] = self.page.evaluate(
            "() => [...document.querySelectorAll('[data-id]')].map((item) => item.dataset.id)"
        )
        assert len(found) == len(set(found))
        return set(found)

    def drawn_when(self, is_so: Callable[[set[str]], bool]) -> set[str]:
        """Return what is in the picture once it is so: it comes after what asks for it."""
        deadline_s = time.monotonic() + PATIENCE_MS / 1000
        while not is_so(drawn := self.drawn()):
            assert time.monotonic() < deadline_s, f"in vain; there is {sorted(drawn)}"
            self.page.wait_for_timeout(50)
        return drawn

    # --- what people do ---

    def role(self, role: Any, name: str) -> Locator:
        return self.page.get_by_role(role, name=name, exact=True)

    def set_depth(self, depth: int) -> None:
        """Move the slider, as far as it goes."""
        slider = self.role("slider", "Depth of the graph")
        slider.fill(str(min(depth, int(slider.get_attribute("max") or 0))))

    def choose(self, name: str, value: str) -> None:
        self.role("combobox", name).select_option(value)

    def tab(self, name: str) -> None:
        self.role("tab", name).click()
