from __future__ import annotations

import base64
import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from fontTools.ttLib import TTFont
from unit.render.samples import HOSTILE_NAMES, edge, function, graph, node, run, two_functions

from callgraph_lab.errors import LayoutError
from callgraph_lab.render import web_font
from callgraph_lab.render.dot import dot_text
from callgraph_lab.render.layout import LayoutJob, lay_out
from callgraph_lab.render.svg import finish_svg

if TYPE_CHECKING:
    from pathlib import Path

    from callgraph_lab.model import CallGraph

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
ELEMENTS = {"svg", "title", "style", "g", "a", "polygon", "polyline", "path", "ellipse", "text"}


def svg_of(whole: CallGraph, **options: object) -> ET.Element:
    text = dot_text(whole, run(), **options)  # type: ignore[arg-type]
    made = lay_out(LayoutJob("test", text, ("svg",))).images["svg"]
    return ET.fromstring(finish_svg(made, title="app.depth-4"))  # noqa: S314 - our own


def titles(root: ET.Element, kind: str) -> list[str]:
    groups = [group for group in root.iter(f"{SVG}g") if group.get("class") == kind]
    return [group.findtext(f"{SVG}title") or "" for group in groups]


def test_what_is_drawn_has_its_tooltip_as_title() -> None:
    root = svg_of(two_functions())
    assert root.findtext(f"{SVG}title") == "app.depth-4"
    assert titles(root, "node")[2].splitlines() == [
        "app.work",
        "12 calls",
        "inclusive 9.00 ms, self 500 ns (<0.1 % of all time)",
        "shallowest depth 2",
    ]
    assert titles(root, "cluster") == ["app"]
    assert titles(root, "edge")[1].splitlines() == ["app.main calls app.work", "12 calls · 1.00 µs"]
    assert "xlink:title" not in ET.tostring(root, encoding="unicode")


def test_the_background_has_no_tooltip() -> None:
    (whole,) = (group for group in svg_of(two_functions()) if group.get("class") == "graph")
    assert whole.find(f"{SVG}title") is None


def test_hostile_names_are_text_and_nothing_else() -> None:
    nodes = [
        node(str(n), function(name, module=name, file=f"/{name}", line=1))
        for n, name in enumerate(HOSTILE_NAMES)
    ]
    edges = [edge("0", str(n), bridged=True) for n in range(len(nodes))]
    schemes = {"vscode": "vscode://file/", "file": "file:///"}
    for links, scheme in schemes.items():
        root = svg_of(graph(nodes, edges), links=links)
        for element in root.iter():
            assert element.tag.removeprefix(SVG) in ELEMENTS
            assert not [name for name in element.attrib if name.lower().startswith("on")]
            link = element.get(HREF)
            assert link is None or link.startswith(scheme)


def test_a_picture_brings_the_letters_it_uses() -> None:
    root = svg_of(graph([node("a", function("Ж")), node("b")], [edge("a", "b", bridged=True)]))
    faces = re.findall(
        r"font-weight:(\w+);font-style:(\w+);src:url\(data:font/woff;base64,([^)]*)\)",
        root.findtext(f"{SVG}style") or "",
    )
    assert [face[:2] for face in faces] == [
        ("normal", "normal"),
        ("bold", "normal"),
        ("normal", "italic"),
    ]
    for _weight, style, encoded in faces:
        data = base64.b64decode(encoded)
        assert len(data) < 16_000
        with TTFont(io.BytesIO(data)) as font:
            known = font.getBestCmap()
            assert ord("a") in known
            assert (ord("Ж") in known) == (style == "normal")


def test_letters_in_the_picture_are_as_wide_as_graphviz_took_them_for() -> None:
    folder = web_font.text_font_folder()
    assert folder is not None
    (encoded,) = re.findall(r"base64,([^)]*)\)", web_font.font_css("abc"))[:1]
    with (
        TTFont(folder / "Roboto-Regular.ttf") as whole,
        TTFont(io.BytesIO(base64.b64decode(encoded))) as cut,
    ):
        for char in "abcXYZ019·…":
            widths = [font["hmtx"][font.getBestCmap()[ord(char)]][0] for font in (whole, cut)]
            assert widths[0] == widths[1]


def test_the_usual_face_is_cut_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = web_font.font_css("plain")
    monkeypatch.setattr(web_font, "_subset", None)
    assert web_font.font_css("other") == first


def test_without_our_fonts_viewers_are_told_which_to_take(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(web_font, "text_font_folder", lambda: None)
    monkeypatch.setattr(web_font, "packaged_cjk_font", lambda: None)
    css = web_font.font_css("中文")
    assert css.startswith('text{font-family:"Roboto",Helvetica,Arial,sans-serif;')
    monkeypatch.setattr(web_font, "text_font_folder", lambda: tmp_path)
    assert "@font-face" not in web_font.font_css("é")


def test_what_is_no_svg_is_told() -> None:
    with pytest.raises(LayoutError, match="not well-formed"):
        finish_svg(b"<svg><g></svg>", title="x")
