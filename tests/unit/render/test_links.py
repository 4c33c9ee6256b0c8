from __future__ import annotations

from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from unit.render.samples import HOSTILE_NAMES, function

from callgraph_lab.render.links import link_to


def test_links_to_file_and_line() -> None:
    where = function("f", file="/srv/my app/main.py", line=7)
    assert link_to(where, "vscode") == "vscode://file/srv/my%20app/main.py:7"
    assert link_to(where, "file") == "file:///srv/my%20app/main.py"
    assert link_to(where, "none") is None


@pytest.mark.parametrize("file", ["", "<string>", "<frozen importlib._bootstrap>", "relative.py"])
def test_code_that_is_in_no_file_has_no_link(file: str) -> None:
    assert link_to(function("f", file=file), "vscode") is None


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_path_stays_a_path(name: str) -> None:
    link = link_to(function("f", file=f"/{name}"), "file")
    if link is None:
        return
    assert urlsplit(link).scheme == "file"
    assert not set(link) & set("\"'<>\\ \n&")
    assert unquote_to_bytes(urlsplit(link).path) == f"/{name}".encode(errors="surrogateescape")


def test_a_path_longer_than_any_has_no_link() -> None:
    assert link_to(function("f", file="/" + "名" * 4096), "vscode") is None
    assert link_to(function("f", file="/\ud800"), "vscode") is None
