"""How a drawing is arranged: which clusters it has, and whether it runs left-right or top-down."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Literal

from callgraph_lab.render import labels
from callgraph_lab.render.chains import callers_first, heaviest_callers
from callgraph_lab.render.drawing import Fold
from callgraph_lab.render.text import columns

if TYPE_CHECKING:
    from callgraph_lab.model import GraphNode
    from callgraph_lab.render.drawing import Drawing

WANTED_PROPORTION = 1.0
"""Width by height. A screen is wider, but people scroll down more easily than sideways."""
# Rough sizes in points, of boxes with the text sizes of ``labels`` and of the gaps of ``dot``.
_BOX_HEIGHT, _BOX_MARGINS, _COLUMN_WIDTH = 52, 40, 6.5
_RANK_GAP, _NODE_GAP = 60, 18


def clusters(drawing: Drawing) -> list[tuple[str | None, list[GraphNode | Fold]]]:
    """Group what is drawn into clusters: pairs of a module and its members.

    The module is None for what stands outside any cluster: threads, and folds of several modules.

    A module has more than one cluster where calls leave it and come back, as in an event loop that
    hands to a dispatcher whose handlers live beside the loop. In one cluster they would stand side
    by side, with lines leading backwards; so along the heaviest chain of callers each visit to a
    module is a cluster of its own, and a picture reads in one direction.
    """
    drawn: dict[str, GraphNode | Fold] = {node.id: node for node in drawing.nodes}
    drawn.update((fold.id, fold) for fold in drawing.folds)
    callers = heaviest_callers(drawing.nodes, drawing.edges)
    visits_on_chain: dict[str, Counter[str]] = {}
    groups: dict[tuple[str | None, int], list[GraphNode | Fold]] = defaultdict(list)
    for id_ in callers_first(drawn, callers):
        module = _module(drawn[id_])
        caller = callers.get(id_)
        visits = Counter() if caller is None else visits_on_chain[caller]
        if module is not None and (caller is None or _module(drawn[caller]) != module):
            visits = visits + Counter([module])
        visits_on_chain[id_] = visits
        groups[module, 0 if module is None else visits[module]].append(drawn[id_])
    return [(module, members) for (module, _), members in groups.items()]


def direction(drawing: Drawing) -> Literal["LR", "TB"]:
    """Return whether the drawing runs left-right or top-down, whichever suits its shape.

    Boxes are wide and low: a graph with many functions at one depth becomes a strip when it runs
    top-down, a deep one when it runs left-right. The rule estimates width and height of both from
    the number of depths, the widest depth and the names, and takes the one whose proportions are
    nearer to a square.
    """
    if not drawing.nodes:
        return "TB"
    at_depth = Counter(node.min_depth for node in drawing.nodes)
    depth_of = {node.id: node.min_depth for node in drawing.nodes}
    caller_of = {edge.target: edge.source for edge in drawing.edges}
    at_depth.update(depth_of.get(caller_of.get(fold.id, ""), 0) + 1 for fold in drawing.folds)
    depths, widest = len(at_depth), max(at_depth.values())
    name_columns = [
        min(labels.ONE_LINE_COLUMNS, columns(node.function.short_name)) for node in drawing.nodes
    ]
    box_width = _BOX_MARGINS + _COLUMN_WIDTH * sum(name_columns) / len(name_columns)
    top_down = widest * (box_width + _NODE_GAP) / (depths * (_BOX_HEIGHT + _RANK_GAP))
    left_right = depths * (box_width + _RANK_GAP) / (widest * (_BOX_HEIGHT + _NODE_GAP))
    return "TB" if _distortion(top_down) <= _distortion(left_right) else "LR"


def _distortion(proportion: float) -> float:
    return abs(math.log(proportion / WANTED_PROPORTION))


def _module(member: GraphNode | Fold) -> str | None:
    if isinstance(member, Fold):
        return member.modules[0] if len(member.modules) == 1 and member.modules[0] else None
    return None if member.function.kind == "thread" else member.function.module
