from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from callgraph_lab.render import describe
from callgraph_lab.render.describe import describe_layout

if TYPE_CHECKING:
    import pytest
    from unit.render.samples import FakeDot


def test_it_says_what_is_used(fake_dot: FakeDot) -> None:
    program = fake_dot("echo 'dot - graphviz version 2.43.0 (0)' >&2")
    told = describe_layout()
    assert (told.kind, told.version, told.path) == ("dot binary", "2.43.0", str(program))
    assert told.text_font is not None
    assert (told.text_font / "Roboto-Regular.ttf").is_file()


def test_it_says_what_is_missing_and_how_to_get_it(
    fake_dot: FakeDot, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_dot("exit 3")
    monkeypatch.setattr(describe, "cjk_font", lambda: None)
    monkeypatch.setattr(describe, "text_font_folder", lambda: None)
    layout, roboto, chinese = describe_layout().problems
    assert layout == "dot binary failed with status 3."
    assert "pip install font-roboto" in roboto
    assert "pip install 'callgraph_lab[cjk]'" in chinese


def test_it_is_content_where_all_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describe, "cjk_font", lambda: Path("/cjk.ttc"))
    told = describe_layout()
    assert told.problems == ()
    assert told.cjk_font == Path("/cjk.ttc")
