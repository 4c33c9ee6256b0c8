"""A real browser for tests of the page: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from browser.support_browser import LAUNCH_ARGUMENTS, OpenPage

from callgraph_lab.recording import store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

from support_cli import EXAMPLES, cglab, only_recording
from support_viewer import hostile_recording, large_recording

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return a browser; skip where the machine has none, unless it must have one."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if shutil.which(CHROMIUM) is None:
        if os.environ.get("CGLAB_REQUIRE_BROWSER"):
            pytest.fail(f"there is no {CHROMIUM}, and CGLAB_REQUIRE_BROWSER is set")
        pytest.skip(f"there is no {CHROMIUM}: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=LAUNCH_ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., OpenPage]]:
    """Return a function that opens a file; at the end nothing may have gone wrong in it."""
    opened: list[OpenPage] = []

    def open_file(path: Path, state: str = "", **options: object) -> OpenPage:
        opened.append(OpenPage(browser, path, state, **options))
        return opened[-1]

    yield open_file
    for page in opened:
        page.close()
    for page in opened:
        assert page.complaints == []


@pytest.fixture(scope="session")
def ftp_page(ftp_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of the FTP server's recording, which lies in ``ftp_folder``."""
    page = tmp_path_factory.mktemp("pages") / "ftp.html"
    cglab("view", "-o", page, folder=ftp_folder)
    return page


@pytest.fixture(scope="session")
def threads_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a recording of threads, generators and C functions."""
    folder = tmp_path_factory.mktemp("threads")
    target = EXAMPLES.parent / "tests" / "targets" / "native" / "everything.py"
    cglab("run", "--no-render", "--c-calls", target, folder=folder)
    return folder


@pytest.fixture(scope="session")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a recording whose every text is a trap."""
    folder = tmp_path_factory.mktemp("hostile")
    store.save(hostile_recording(), folder / "hostile.cglab")
    cglab("view", "hostile.cglab", "--filter", "none", "-o", "hostile.html", folder=folder)
    return folder / "hostile.html"


@pytest.fixture(scope="session")
def large_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a recording of 5,000 functions and 100,000 contexts."""
    folder = tmp_path_factory.mktemp("large")
    store.save(large_recording(), folder / "large.cglab")
    cglab("view", "large.cglab", "-o", "large.html", folder=folder)
    return folder / "large.html"


@pytest.fixture(scope="session")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Return a function that makes the page of the one recording in a folder."""

    def make(folder: Path) -> Path:
        page = tmp_path_factory.mktemp("pages") / f"{only_recording(folder).stem}.html"
        cglab("view", "-o", page, folder=folder)
        return page

    return make
