r"""DOT text of a picture, through the ``graphviz`` package. Pure: nothing is laid out here.

Nodes get generated ids (``n0``, ``n1``); real names stand only in labels and tooltips, escaped.
Functions are boxes, filled by self time or by memory, in clusters by module; lines are as wide as
the logarithm of their calls. ``arrangement`` decides on the clusters and the direction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import graphviz

from callgraph_lab.render import colours, labels
from callgraph_lab.render.arrangement import clusters, direction
from callgraph_lab.render.budget import DEFAULT_MAX_NODES, apply_node_budget
from callgraph_lab.render.caption import caption_label
from callgraph_lab.render.drawing import Fold
from callgraph_lab.render.fonts import FONT_FAMILY
from callgraph_lab.render.heat import HEAT
from callgraph_lab.render.links import link_to
from callgraph_lab.render.text import visible_text

if TYPE_CHECKING:
    from callgraph_lab.model import CallGraph, GraphEdge, GraphNode, RunInformation
    from callgraph_lab.render.drawing import Drawing
    from callgraph_lab.render.heat import Heat, HeatBy
    from callgraph_lab.render.links import Links

# Widths of lines, in points.
_THINNEST, _WIDEST, _WIDER_PER_DECADE = 0.8, 4.5, 0.85
_RUN = 1000


def dot_text(
    graph: CallGraph,
    run: RunInformation,
    *,
    max_nodes: int = DEFAULT_MAX_NODES,
    links: Links = "none",
    heat_by: HeatBy = "time",
) -> str:
    """Return the DOT source of ``graph``'s picture, folded to at most ``max_nodes`` nodes.

    Boxes are filled, and the lightest folded, by what ``heat_by`` names.
    """
    drawing = apply_node_budget(graph, max_nodes=max_nodes, weight=HEAT[heat_by].inclusive)
    return drawing_to_dot(drawing, run, links=links, heat_by=heat_by)


def drawing_to_dot(
    drawing: Drawing, run: RunInformation, *, links: Links = "none", heat_by: HeatBy = "time"
) -> str:
    """Return the DOT source of a drawing whose budget is spent already."""
    heat, time = HEAT[heat_by], HEAT["time"]
    whole_ns, whole = time.total(drawing.graph), heat.total(drawing.graph)
    return styled_dot(drawing, RecordingStyle(run, links, whole_ns, heat, whole))


class Style(Protocol):
    """How a drawing looks: attributes, in Graphviz's words, and the caption."""

    def caption(self, drawing: Drawing) -> str:
        """Return the caption and the legend as an HTML-like label."""

    def member(self, member: GraphNode | Fold) -> dict[str, str]:
        """Return the attributes of a node."""

    def edge(self, edge: GraphEdge, source: str, target: str) -> dict[str, str]:
        """Return the attributes of an edge; ``source`` and ``target`` are the names of its ends."""


def styled_dot(drawing: Drawing, style: Style) -> str:
    """Return the DOT source of a drawing that looks as ``style`` says."""
    picture = graphviz.Digraph(
        name="callgraph",
        graph_attr=_graph_attributes(drawing, style.caption(drawing)),
        node_attr=_text_attributes(labels.NAME_POINTS)
        | {"shape": "box", "style": "rounded,filled", "margin": "0.11,0.05", "height": "0.3"},
        edge_attr=_text_attributes(labels.FIGURE_POINTS)
        | {"color": colours.EDGE, "fontcolor": colours.MUTED_INK, "arrowsize": "0.6"},
    )
    ids: dict[str, str] = {}
    for number, (module, members) in enumerate(clusters(drawing)):
        group = graphviz.Digraph() if module is None else _cluster(number, module)
        for member in members:
            ids[member.id] = f"n{len(ids)}"
            group.node(ids[member.id], **style.member(member))
        if module is None:
            picture.body.extend(group.body)
        else:
            picture.subgraph(group)
    names = {node.id: node.name for node in drawing.nodes}
    names |= {fold.id: f"{len(fold.members)} folded functions" for fold in drawing.folds}
    for edge in drawing.edges:
        attributes = style.edge(edge, names[edge.source], names[edge.target])
        picture.edge(ids[edge.source], ids[edge.target], **attributes)
    return str(picture.source)


def plain(text: str) -> str:
    r"""Return ``text`` as an attribute value that Graphviz takes letter by letter.

    Not as markup (``<module>``), not as escape sequences (``\N``), not as character references.
    """
    # Escape sequences of a tooltip are resolved twice (Graphviz 2.43 and 14), so a backslash that
    # is to stay takes four. And Graphviz's scanner gives up on 16 KB in one run; a backslash at the
    # end of a line breaks it, and is no part of the value.
    pieces = [text[start : start + _RUN] for start in range(0, len(text), _RUN)]
    escaped = [piece.replace("\\", 4 * "\\").replace("&", "&amp;") for piece in pieces]
    value: str = graphviz.nohtml("\\\n".join(escaped))
    return value


def _text_attributes(points: int) -> dict[str, str]:
    return {"fontname": FONT_FAMILY, "fontsize": str(points)}


def _graph_attributes(drawing: Drawing, caption: str) -> dict[str, str]:
    return _text_attributes(labels.FIGURE_POINTS + 1) | {
        "charset": "UTF-8",
        "label": caption,
        "labelloc": "t",
        "labeljust": "l",
        "rankdir": direction(drawing),
        "bgcolor": colours.WHITE,
        "pad": "0.25",
        "nodesep": "0.22",
        "ranksep": "0.5",
    }


def _cluster(number: int, module: str) -> graphviz.Digraph:
    shown = visible_text(module)
    name = shown if shown.strip() else "(no module)"
    attributes = _text_attributes(labels.NAME_POINTS) | {
        "label": labels.cluster_label(name),
        "tooltip": plain(name),
        "style": "rounded,filled",
        "fillcolor": colours.CLUSTER_FILL,
        "color": colours.CLUSTER_BORDER,
        "fontcolor": colours.MUTED_INK,
        "labeljust": "l",
        "margin": "12",
    }
    return graphviz.Digraph(name=f"cluster_{number}", graph_attr=attributes)


FOLD_ATTRIBUTES = {
    "fillcolor": colours.FOLD_FILL,
    "color": colours.NODE_BORDER,
    "style": "rounded,filled,dashed",
}
THREAD_ATTRIBUTES = {
    "fillcolor": colours.THREAD_FILL,
    "color": colours.THREAD_FILL,
    "shape": "oval",
    "style": "filled",
    "margin": "0,0",
}


def pen_width(entered: int) -> str:
    """Return the width of a line for so many calls and resumes, by their logarithm."""
    width = min(_WIDEST, _THINNEST + _WIDER_PER_DECADE * math.log10(max(1, entered)))
    return f"{width:.2f}"


@dataclass(frozen=True, slots=True)
class RecordingStyle:
    """The look of one recording's graph: boxes filled by their share of ``whole``, of ``heat``."""

    run: RunInformation
    links: Links
    whole_ns: int
    heat: Heat
    whole: int

    def caption(self, drawing: Drawing) -> str:
        """Tell what was traced, and how to read it."""
        return caption_label(drawing, self.run, self.heat)

    def member(self, member: GraphNode | Fold) -> dict[str, str]:
        """Return a box for a function or a fold, an oval for a thread."""
        if isinstance(member, Fold):
            return FOLD_ATTRIBUTES | {
                "label": labels.fold_label(member, colours.FOLD_FILL),
                "tooltip": plain(labels.fold_tooltip(member, self.whole_ns)),
            }
        if member.function.kind == "thread":
            return THREAD_ATTRIBUTES | {
                "label": labels.thread_label(member, colours.THREAD_FILL),
                "tooltip": plain(labels.thread_tooltip(member)),
            }
        background = colours.fill(colours.heat(self.heat.own(member), self.whole))
        attributes = {
            "label": labels.node_label(member, background, self.heat.figure(member)),
            "tooltip": plain(labels.node_tooltip(member, self.whole_ns)),
            "fillcolor": background,
            "color": colours.NODE_BORDER,
        }
        if member.open_calls:
            attributes |= {"color": colours.OPEN_CALL, "penwidth": "1.6", "peripheries": "2"}
        return attributes | link_attributes(member, self.links)

    def edge(self, edge: GraphEdge, source: str, target: str) -> dict[str, str]:
        """Return a line as wide as the logarithm of its calls, dashed across hidden frames."""
        tooltip = plain(labels.edge_tooltip(edge, source, target))
        attributes = {
            "label": labels.edge_label(edge),
            "penwidth": pen_width(edge.calls + edge.resumes),
            "tooltip": tooltip,
            "labeltooltip": tooltip,
        }
        return attributes | {"style": "dashed"} if edge.bridged else attributes


def link_attributes(node: GraphNode, links: Links) -> dict[str, str]:
    """Return the link to a function's source, where there is one."""
    link = link_to(node.function, links)
    return {} if link is None else {"URL": plain(link)}
