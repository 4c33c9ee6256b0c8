"""Whatever a function, module, class, thread, file or argument is called, it is drawn as text."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from unit.render.samples import HOSTILE_NAMES, edge, function, graph, node, run, thread

from callgraph_lab.render import svg
from callgraph_lab.render.dot import dot_text
from callgraph_lab.render.layout import LayoutJob, find_layout_program, lay_out
from callgraph_lab.render.text import visible_text

if TYPE_CHECKING:
    from collections.abc import Iterator

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
NODE_ATTRIBUTES = {
    *("_gvid", "name", "label", "tooltip", "URL", "fillcolor", "color", "style", "shape"),
    *("margin", "penwidth", "peripheries", "fontname", "fontsize", "height"),
}
# Every layout starts a process.
FEW_AND_SLOW = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])

names = st.one_of(
    st.text(st.characters(), max_size=40),
    st.text("\\\"'<>&;{}|[]NGETHLnlr \n\x00#%-", max_size=40),
    st.lists(st.sampled_from(HOSTILE_NAMES[:-2]), min_size=1, max_size=3).map("".join),
)


@pytest.fixture(scope="module", autouse=True)
def _own_cache_and_no_faces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(svg, "font_css", lambda _text, **_options: "")  # slow, and tested elsewhere
        yield


def picture(some_names: list[str]) -> str:
    """Return the DOT text of a picture with these names in every place where names stand."""
    nodes = [thread("root", some_names[0])]
    edges = []
    for number, name in enumerate(some_names):
        place = {"module": name, "file": f"/{name}", "line": 1, "class_name": f"{name}:{name}"}
        nodes.append(node(str(number), function(name, **place)))
        edges.append(edge("root", str(number), bridged=True, skipped_frames=1))
    first, last = some_names[0], some_names[-1]
    whole = graph(nodes, edges, filters=(first,), include=(last,), exclude=(first,))
    return dot_text(whole, run(target=first, argv=(last,), notes=(last,)), links="vscode")


def parsed_by_graphviz(dot: str) -> dict[str, Any]:
    """Return the graph as Graphviz read it: attributes as they were written."""
    done = subprocess.run(
        find_layout_program()[0].drawing_command("dot_json", None),
        input=dot.encode(),
        capture_output=True,
        check=True,
    )
    whole: dict[str, Any] = json.loads(done.stdout)
    return whole


@FEW_AND_SLOW
@given(st.lists(names, min_size=1, max_size=12))
@example(list(HOSTILE_NAMES))
def test_graphviz_reads_the_graph_that_was_written(some_names: list[str]) -> None:
    whole = parsed_by_graphviz(picture(some_names))
    nodes = [each for each in whole["objects"] if not each["name"].startswith("cluster")]
    assert [each["name"] for each in nodes] == [f"n{n}" for n in range(len(some_names) + 1)]
    assert len(whole["edges"]) == len(some_names)
    tooltips = "\n".join(each["tooltip"] for each in nodes)
    for name in some_names:  # nodes are numbered by cluster, not in order
        assert visible_text(name) in tooltips.replace(4 * "\\", "\\").replace("&amp;", "&")
    assert set().union(*nodes) <= NODE_ATTRIBUTES


@FEW_AND_SLOW
@given(st.lists(names, min_size=1, max_size=12))
@example(list(HOSTILE_NAMES))
def test_a_drawing_shows_the_names_and_runs_nothing(some_names: list[str]) -> None:
    made = lay_out(LayoutJob("test", picture(some_names), ("svg",))).images["svg"]
    root = ET.fromstring(svg.finish_svg(made, title="test"))  # noqa: S314 - our own
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "style", "g", "a", "polygon", "path", "ellipse", "text"}
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not [name for name in attributes if re.match("on", name, re.IGNORECASE)]
    links = [link for element in root.iter() if (link := element.get(HREF)) is not None]
    assert all(link.startswith("vscode://file/") for link in links)
    groups = {element.findtext(f"{SVG}title"): element for element in root.iter(f"{SVG}g")}
    drawn = [group for group in groups.values() if group.get("class") == "node"]
    titles = "\n".join(title for title in groups if title)
    for name in some_names:
        assert spaced(visible_text(name)) in spaced(titles)
    assert len(drawn) <= len(some_names) + 1
    short = [name for name in map(visible_text, some_names) if 0 < len(name) < 20 and name.strip()]
    labels = {"".join(text.text or "" for text in each.iter(f"{SVG}text")) for each in drawn}
    for name in short:
        if "." not in name:  # a dotted name may be broken into two lines
            assert any(spaced(name) in spaced(label) for label in labels)


def spaced(text: str) -> str:
    """Graphviz trims and joins spaces in labels, or makes them no-break spaces."""
    return re.sub(r"[ \xa0\n]+", "", text)
