"""A budget of nodes for pictures: past it the lightest functions are folded, and still counted.

Which functions stay: thread roots, then the heaviest, by inclusive time or memory, each together
with the heaviest chain of callers that leads to it, so that nothing kept hangs in the air. The
others are folded into "... 12 more" nodes, one for each kept caller: whatever is light beneath a
function is a leaf beside it. (A fold for each module was tried: its lines tie the whole picture
together.)
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from callgraph_lab.render.chains import callers_first, heaviest_callers, is_thread
from callgraph_lab.render.drawing import Drawing, Fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from callgraph_lab.model import CallGraph, GraphEdge, GraphNode

DEFAULT_MAX_NODES = 80
FEWEST_NODES = 2
"""The least budget that makes sense: one function, and one fold for the others."""


def apply_node_budget(
    graph: CallGraph,
    *,
    max_nodes: int = DEFAULT_MAX_NODES,
    is_lesser: Callable[[GraphNode], bool] = lambda _: False,
    weight: Callable[[GraphNode], int] = lambda node: node.inclusive_ns,
) -> Drawing:
    """Return ``graph`` as a drawing of at most ``max_nodes`` nodes, folds counted.

    Pure: the graph itself is not changed. Calls and resumes are conserved: those of the drawn
    nodes and folds sum up to the graph's, and so do those of the drawn edges with the folds' inner
    ones. Lesser nodes are folded first, then those of the least weight. A budget under
    ``FEWEST_NODES`` counts as that.
    """
    max_nodes = max(FEWEST_NODES, max_nodes)
    if len(graph.nodes) <= max_nodes:
        return Drawing(graph, graph.nodes, (), graph.edges)
    callers = heaviest_callers(graph.nodes, graph.edges)
    order = _worthiest_first(graph, callers, is_lesser, weight)
    kept = max_nodes - 1
    while True:
        groups = _fold_groups(order[:kept], order[kept:], callers)
        too_many = kept + len(groups) - max_nodes
        if too_many <= 0:
            break
        kept -= too_many
        if kept < 1:  # so many roots that nothing calls: one fold for all
            kept = max_nodes - 1
            groups = {None: order[kept:]}
            break
    # A fold of one function takes the place of one node and tells less.
    alone = {group[0] for group in groups.values() if len(group) == 1}
    several = [group for group in groups.values() if len(group) > 1]
    return _draw(graph, alone.union(order[:kept]), several)


def _worthiest_first(
    graph: CallGraph,
    callers: Mapping[str, str],
    is_lesser: Callable[[GraphNode], bool],
    weight: Callable[[GraphNode], int],
) -> list[str]:
    heaviest_first = sorted(
        graph.nodes,
        key=lambda node: (
            not is_thread(node),
            is_lesser(node),
            -weight(node),
            -node.inclusive_ns,
            -node.calls,
            node.min_depth,
        ),
    )
    return callers_first((node.id for node in heaviest_first), callers)


def _fold_groups(
    kept: Sequence[str], folded: Sequence[str], callers: Mapping[str, str]
) -> dict[str | None, list[str]]:
    """Group the folded ids by the nearest kept caller up their chain (None where there is none)."""
    nearest: dict[str, str | None] = {id_: id_ for id_ in kept}
    groups: dict[str | None, list[str]] = defaultdict(list)
    for id_ in folded:  # callers stand before callees, so that their own group is known
        caller = callers.get(id_)
        nearest[id_] = None if caller is None else nearest[caller]
        groups[nearest[id_]].append(id_)
    return groups


@dataclass(slots=True)
class _Inside:
    """What becomes of the edges of one fold that are not drawn, and of those that enter it."""

    calls: int = 0
    resumes: int = 0
    entering_ns: int = 0


def _draw(graph: CallGraph, kept: set[str], groups: Sequence[list[str]]) -> Drawing:
    node_of = {node.id: node for node in graph.nodes}
    drawn_as = {id_: id_ for id_ in kept}
    members: dict[str, list[str]] = {}
    for number, group in enumerate(groups):
        fold_id = f"fold-{number}"
        while fold_id in node_of:
            fold_id += "-"
        members[fold_id] = group
        drawn_as.update(dict.fromkeys(group, fold_id))
    inside = {fold_id: _Inside() for fold_id in members}
    edges = _merge_edges(graph.edges, drawn_as, inside)
    folds = [
        Fold(
            id=fold_id,
            members=tuple(node_of[id_] for id_ in group),
            inner_calls=inside[fold_id].calls,
            inner_resumes=inside[fold_id].resumes,
            inclusive_ns=inside[fold_id].entering_ns,
        )
        for fold_id, group in members.items()
    ]
    nodes = tuple(node for node in graph.nodes if node.id in kept)
    return Drawing(graph, nodes, tuple(folds), edges)


def _merge_edges(
    edges: Iterable[GraphEdge], drawn_as: Mapping[str, str], inside: Mapping[str, _Inside]
) -> tuple[GraphEdge, ...]:
    merged: dict[tuple[str, str, bool], GraphEdge] = {}
    for edge in edges:
        source, target = drawn_as[edge.source], drawn_as[edge.target]
        if source == target and source in inside:
            inside[source].calls += edge.calls
            inside[source].resumes += edge.resumes
            continue
        if target in inside:
            inside[target].entering_ns += edge.inclusive_ns
        moved = replace(edge, source=source, target=target)
        key = source, target, edge.bridged
        merged[key] = _together(merged[key], moved) if key in merged else moved
    return tuple(merged.values())


def _together(one: GraphEdge, other: GraphEdge) -> GraphEdge:
    return replace(
        one,
        calls=one.calls + other.calls,
        resumes=one.resumes + other.resumes,
        inclusive_ns=one.inclusive_ns + other.inclusive_ns,
        skipped_frames=max(one.skipped_frames, other.skipped_frames),
    )
