"""The last touch to Graphviz's SVG: tooltips that every viewer shows, a title, and its fonts."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from callgraph_lab.errors import LayoutError
from callgraph_lab.render.text import visible_text
from callgraph_lab.render.web_font import font_css

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_TOOLTIP = f"{{{_XLINK}}}title"
_DRAWN = frozenset({"node", "edge", "cluster"})


def finish_svg(svg: bytes, *, title: str) -> bytes:
    """Return Graphviz's SVG with the picture's ``title``, tooltips as titles, and its fonts inside.

    Graphviz puts tooltips into ``xlink:title``, which SVG 2 dropped, and its own ids into the
    titles that viewers show instead. Raises LayoutError where the SVG is not well-formed.
    """
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    try:
        root = ET.fromstring(svg)  # noqa: S314 - what Graphviz just wrote, not a stranger's file
    except ET.ParseError as error:
        raise LayoutError(f"Graphviz wrote an SVG that is not well-formed: {error}.") from error
    for group in root.iter(f"{{{_SVG}}}g"):
        _title_group(group)
    texts = list(root.iter(f"{{{_SVG}}}text"))
    style = ET.Element(f"{{{_SVG}}}style")
    style.text = font_css(
        "".join(text.text or "" for text in texts),
        italic_text="".join(t.text or "" for t in texts if t.get("font-style") == "italic"),
    )
    heading = ET.Element(f"{{{_SVG}}}title")
    heading.text = visible_text(title)
    root.insert(0, heading)
    root.insert(1, style)
    root.set("role", "img")
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _title_group(group: ET.Element) -> None:
    """Give a node, edge or cluster its tooltip as title; take the title of the whole away."""
    title = group.find(f"{{{_SVG}}}title")
    if title is None:
        return
    if group.get("class") not in _DRAWN:
        group.remove(title)
        return
    links = [link for link in group.iter(f"{{{_SVG}}}a") if _TOOLTIP in link.attrib]
    if links:
        title.text = links[0].get(_TOOLTIP)
    for link in links:
        del link.attrib[_TOOLTIP]
