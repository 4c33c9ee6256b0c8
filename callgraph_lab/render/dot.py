"""DOT text of a picture, through the ``graphviz`` package. Pure: nothing is laid out here.

Nodes get generated ids (``n0``, ``n1``); real names stand only in labels and tooltips, escaped. Functions
are boxes in clusters by module, filled by self time; lines are as wide as the logarithm of calls.

Direction: boxes are wide and low, so a graph with many functions side by side becomes a strip when
laid out top-down, and a deep one when laid out left-right. ``direction`` estimates the size of
both from the widest depth, the number of depths and the labels, and takes the one whose proportions
are nearer to a screen's.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, Literal

import graphviz

from callgraph_lab.render import colours, labels
from callgraph_lab.render.budget import DEFAULT_MAX_NODES, apply_node_budget
from callgraph_lab.render.caption import caption_label
from callgraph_lab.render.links import link_to
from callgraph_lab.render.text import columns, shorten, visible_text

if TYPE_CHECKING:
    from callgraph_lab.model import CallGraph, GraphEdge, GraphNode, RunInformation
    from callgraph_lab.render.drawing import Drawing, Fold
    from callgraph_lab.render.links import Links

FONT_FAMILY = "Roboto"
SCREEN_PROPORTION = 1.6
_BOX_HEIGHT, _RANK_GAP, _NODE_GAP, _COLUMN_WIDTH = 52, 60, 18, 6.5  # points
_THINNEST, _WIDEST, _WIDER_PER_DECADE = 0.8, 4.5, 0.85  # points


def dot_text(
    graph: CallGraph,
    run: RunInformation,
    *,
    max_nodes: int = DEFAULT_MAX_NODES,
    links: Links = "none",
) -> str:
    """Return the DOT source of ``graph``'s picture, folded to at most ``max_nodes`` nodes."""
    return drawing_to_dot(apply_node_budget(graph, max_nodes=max_nodes), run, links=links)


def drawing_to_dot(drawing: Drawing, run: RunInformation, *, links: Links = "none") -> str:
    """Return the DOT source of a drawing whose budget is spent already."""
    total_ns = total_time_ns(drawing.graph)
    ids = {
        drawn.id: f"n{number}" for number, drawn in enumerate((*drawing.nodes, *drawing.folds))
    }
    picture = graphviz.Digraph(
        name="callgraph",
        graph_attr=_graph_attributes(drawing, run),
        node_attr=_text_attributes(labels.NAME_POINTS)
        | {"shape": "box", "style": "rounded,filled", "margin": "0.13,0.07", "height": "0.3"},
        edge_attr=_text_attributes(labels.FIGURE_POINTS)
        | {"color": colours.EDGE, "fontcolor": colours.MUTED_INK, "arrowsize": "0.6"},
    )
    for number, (module, members) in enumerate(_clusters(drawing).items()):
        if module is None:
            _add_members(picture, members, ids, links, total_ns)
            continue
        with picture.subgraph(name=f"cluster_{number}") as cluster:
            cluster.attr(**_cluster_attributes(module[0]))
            _add_members(cluster, members, ids, links, total_ns)
    names = {node.id: node.name for node in drawing.nodes}
    names |= {fold.id: f"{len(fold.members)} folded functions" for fold in drawing.folds}
    for edge in drawing.edges:
        _add_edge(picture, edge, ids, names)
    return str(picture.source)


def total_time_ns(graph: CallGraph) -> int:
    """Return the time of all threads together, which shares are of.

    It is the same at every depth of a recording, so a function keeps its colour across depths.
    """
    threads = sum(node.inclusive_ns for node in graph.nodes if node.function.kind == "thread")
    return threads or sum(node.self_ns for node in graph.nodes)


def direction(drawing: Drawing) -> Literal["LR", "TB"]:
    """Return the layout direction that suits the drawing's shape: left-right or top-down."""
    if not drawing.nodes:
        return "TB"
    ranks = Counter(node.min_depth for node in drawing.nodes)
    callers = {edge.target: edge.source for edge in drawing.edges}
    depth_of = {node.id: node.min_depth for node in drawing.nodes}
    ranks.update(depth_of.get(callers.get(fold.id, ""), 0) + 1 for fold in drawing.folds)
    widest = max(ranks.values())
    box = 40 + _COLUMN_WIDTH * sum(
        min(labels.ONE_LINE_COLUMNS, columns(node.function.short_name)) for node in drawing.nodes
    ) / len(drawing.nodes)
    across = widest * (box + _NODE_GAP), len(ranks) * (_BOX_HEIGHT + _RANK_GAP)
    along = len(ranks) * (box + _RANK_GAP), widest * (_BOX_HEIGHT + _NODE_GAP)
    return "TB" if _off_screen(*across) <= _off_screen(*along) else "LR"


def _off_screen(width: float, height: float) -> float:
    return abs(math.log(width / height / SCREEN_PROPORTION))


def _clusters(drawing: Drawing) -> dict[tuple[str, int] | None, list[GraphNode | Fold]]:
    drawn = {member.id: member for member in (*drawing.nodes, *drawing.folds)}
    callers = heaviest_callers(drawing)
    keys: dict[str, tuple[str, int] | None] = {}
    visits: dict[str, dict[str, int]] = {}

    def place(id_: str) -> None:
        module = _module_of(drawn[id_])
        caller = callers.get(id_)
        inherited = dict(visits[caller]) if caller else {}
        if module is None:
            keys[id_] = None
        else:
            caller_key = keys[caller] if caller else None
            if caller_key is None or caller_key[0] != module:
                inherited[module] = inherited.get(module, -1) + 1
            keys[id_] = (module, inherited[module])
        visits[id_] = inherited

    for id_ in callers_first(drawn, callers):
        place(id_)
    groups: dict[tuple[str, int] | None, list[GraphNode | Fold]] = defaultdict(list)
    for id_, member in drawn.items():
        groups[keys[id_]].append(member)
    return groups


def callers_first(drawn, callers):
    order = {}
    for id_ in drawn:
        chain = [id_]
        while chain[-1] in callers and chain[-1] not in order:
            chain.append(callers[chain[-1]])
        order.update(dict.fromkeys(reversed(chain)))
    return order


def heaviest_callers(drawing):
    from callgraph_lab.render.budget import _grow_tree
    edges=defaultdict(list); called=set()
    for edge in drawing.edges:
        edges[edge.source].append(edge)
        if edge.source!=edge.target: called.add(edge.target)
    by_depth=sorted(drawing.nodes,key=lambda n:(n.min_depth,-n.inclusive_ns))
    roots=[n.id for n in by_depth if n.function.kind=='thread' or n.id not in called]
    callers={};seen=set()
    for start in [*roots,*(n.id for n in by_depth),*(f.id for f in drawing.folds)]:
        _grow_tree(start,edges,callers,seen)
    return callers


def _module_of(member):
    if hasattr(member,'members'):
        m=member.modules
        return m[0] if len(m)==1 and m[0] else None
    return None if member.function.kind=='thread' else member.function.module


def _add_members(
    picture: Any,
    members: list[GraphNode | Fold],
    ids: dict[str, str],
    links: Links,
    total_ns: int,
) -> None:
    for member in members:
        if hasattr(member, "members"):
            attributes = _fold_attributes(member, total_ns)
        else:
            attributes = _node_attributes(member, links, total_ns)
        picture.node(ids[member.id], **attributes)


def _text_attributes(points: int) -> dict[str, str]:
    return {"fontname": FONT_FAMILY, "fontsize": str(points)}


def _graph_attributes(drawing: Drawing, run: RunInformation) -> dict[str, str]:
    return _text_attributes(labels.FIGURE_POINTS + 1) | {
        "charset": "UTF-8",
        "label": caption_label(drawing, run),
        "labelloc": "t",
        "labeljust": "l",
        "rankdir": direction(drawing),
        "bgcolor": colours.WHITE,
        "pad": "0.25",
        "nodesep": "0.22",
        "ranksep": "0.5",
    }


def _cluster_attributes(module: str) -> dict[str, str]:
    name = visible_text(module) or "(no module)"
    return _text_attributes(labels.NAME_POINTS) | {
        "label": f"<{labels.markup(shorten(name, labels.WIDEST_NAME_COLUMNS))}>",
        "tooltip": plain(name),
        "style": "rounded,filled",
        "fillcolor": colours.CLUSTER_FILL,
        "color": colours.CLUSTER_BORDER,
        "fontcolor": colours.MUTED_INK,
        "labeljust": "l",
        "margin": "12",
    }


def _node_attributes(node: GraphNode, links: Links, total_ns: int) -> dict[str, str]:
    thread = node.function.kind == "thread"
    heat = colours.heat(node.self_ns, total_ns)
    background = colours.THREAD_FILL if thread else colours.fill(heat)
    attributes = {
        "label": labels.node_label(node, background),
        "tooltip": plain(labels.node_tooltip(node, total_ns)),
        "fillcolor": background,
        "color": colours.NODE_BORDER,
    }
    if thread:
        attributes |= {"shape": "oval", "style": "filled", "color": background, "margin": "0,0"}
    if node.open_calls and not thread:
        attributes |= {"color": colours.OPEN_CALL, "penwidth": "1.6", "peripheries": "2"}
    url = link_to(node.function, links)
    return attributes if url is None else attributes | {"URL": plain(url)}


def _fold_attributes(fold: Fold, total_ns: int) -> dict[str, str]:
    return {
        "label": labels.fold_label(fold, colours.FOLD_FILL),
        "tooltip": plain(labels.fold_tooltip(fold, total_ns)),
        "fillcolor": colours.FOLD_FILL,
        "color": colours.NODE_BORDER,
        "style": "rounded,filled,dashed",
    }


def _add_edge(picture: Any, edge: GraphEdge, ids: dict[str, str], names: dict[str, str]) -> None:
    entered = max(1, edge.calls + edge.resumes)
    width = min(_WIDEST, _THINNEST + _WIDER_PER_DECADE * math.log10(entered))
    tooltip = plain(labels.edge_tooltip(edge, names[edge.source], names[edge.target]))
    attributes = {
        "label": labels.edge_label(edge),
        "penwidth": f"{width:.2f}",
        "tooltip": tooltip,
        "labeltooltip": tooltip,
    }
    if edge.bridged:
        attributes |= {"style": "dashed", "color": colours.BRIDGED_EDGE}
    picture.edge(ids[edge.source], ids[edge.target], **attributes)


def plain(text: str) -> str:
    """Return ``text`` as an attribute value that Graphviz takes for plain text, letter by letter.

    ``graphviz.escape`` keeps it from being read as HTML-like markup or as escape sequences
    (``\\N``); character references have to be escaped apart, for Graphviz resolves them too.
    """
    return graphviz.escape(text.replace("&", "&amp;"))
