"""A budget of nodes for pictures: past it the lightest functions are folded, and still counted.

Which functions stay: thread roots, then the heaviest by inclusive time, each together with the
heaviest chain of callers that leads to it, so that nothing kept hangs in the air. The others are
folded into "... 12 more" nodes, one per kept caller: whatever is light beneath a function is one
leaf beside it, which keeps a picture a tree where a fold per module would tie everything together.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from callgraph_lab.render.drawing import Drawing, Fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from callgraph_lab.model import CallGraph, GraphEdge, GraphNode

DEFAULT_MAX_NODES = 80
FEWEST_NODES = 2
"""The least budget that makes sense: one function, and one fold for the others."""

_NO_CALLER = ""


def apply_node_budget(graph: CallGraph, *, max_nodes: int = DEFAULT_MAX_NODES) -> Drawing:
    """Return ``graph`` as a drawing of at most ``max_nodes`` nodes, folds counted.

    Pure: the graph itself is not changed. Calls and resumes are conserved: those of the drawn
    nodes and folds sum up to the graph's; those of the drawn edges, with the folds' inner ones, too.
    A budget under ``FEWEST_NODES`` counts as ``FEWEST_NODES``.
    """
    max_nodes = max(FEWEST_NODES, max_nodes)
    if len(graph.nodes) <= max_nodes:
        return Drawing(graph, graph.nodes, (), graph.edges)
    callers = _heaviest_callers(graph)
    order = _order_of_worth(graph, callers)
    kept = max_nodes - 1
    while True:
        groups = _fold_groups(order[:kept], order[kept:], callers)
        over = kept + len(groups) - max_nodes
        if over <= 0:
            break
        if kept - over < 1:
            groups = {_NO_CALLER: order[kept:]}
            break
        kept -= over
    # A fold of one function takes the place of one node and tells less.
    alone = {group[0] for group in groups.values() if len(group) == 1}
    groups = {caller: group for caller, group in groups.items() if len(group) > 1}
    return _draw(graph, alone.union(order[:kept]), groups)


def _heaviest_callers(graph: CallGraph) -> dict[str, str]:
    """Map each node to its caller on the heaviest chain from a root; roots are left out.

    A chain is as heavy as its lightest edge; the search grows from the roots along the heaviest
    edge at hand, so the chains form a tree, also where functions call each other in a ring.
    """
    edges: dict[str, list[GraphEdge]] = defaultdict(list)
    called = set()
    for edge in graph.edges:
        edges[edge.source].append(edge)
        if edge.source != edge.target:
            called.add(edge.target)
    by_depth = sorted(graph.nodes, key=lambda node: (node.min_depth, -node.inclusive_ns))
    roots = [node.id for node in by_depth if _is_root(node) or node.id not in called]
    callers: dict[str, str] = {}
    seen: set[str] = set()
    # Nodes on a ring that no root reaches start a tree of their own, the shallowest first.
    for start in [*roots, *(node.id for node in by_depth)]:
        _grow_tree(start, edges, callers, seen)
    return callers


def _grow_tree(
    start: str, edges: Mapping[str, list[GraphEdge]], callers: dict[str, str], seen: set[str]
) -> None:
    queue = [(0, 0, start, _NO_CALLER)]
    serial = 0
    while queue:
        _, _, target, source = heapq.heappop(queue)
        if target in seen:
            continue
        seen.add(target)
        if source:
            callers[target] = source
        for edge in edges[target]:
            if edge.target not in seen:
                serial += 1
                heapq.heappush(queue, (-edge.inclusive_ns, serial, edge.target, target))


def _order_of_worth(graph: CallGraph, callers: Mapping[str, str]) -> list[str]:
    """Return all ids, the worthiest first, every caller of the tree before its callees."""
    heaviest_first = sorted(
        graph.nodes,
        key=lambda node: (not _is_root(node), -node.inclusive_ns, -node.calls, node.min_depth),
    )
    order: dict[str, None] = {}
    for node in heaviest_first:
        chain = [node.id]
        while chain[-1] in callers and chain[-1] not in order:
            chain.append(callers[chain[-1]])
        order.update(dict.fromkeys(id_ for id_ in reversed(chain) if id_ not in order))
    return list(order)


def _is_root(node: GraphNode) -> bool:
    return node.function.kind == "thread"


def _fold_groups(
    kept: list[str], folded: list[str], callers: Mapping[str, str]
) -> dict[str, list[str]]:
    """Group the folded ids by the nearest kept caller up their chain."""
    nearest = {id_: id_ for id_ in kept}
    groups: dict[str, list[str]] = defaultdict(list)
    for id_ in folded:  # callers come before callees, so their own group is known already
        nearest[id_] = nearest.get(callers.get(id_, _NO_CALLER), _NO_CALLER)
        groups[nearest[id_]].append(id_)
    return groups


@dataclass(slots=True)
class _Inner:
    calls: int = 0
    resumes: int = 0
    entering_ns: int = 0


def _draw(graph: CallGraph, kept: set[str], groups: Mapping[str, list[str]]) -> Drawing:
    node_of = {node.id: node for node in graph.nodes}
    place = {id_: id_ for id_ in kept}
    taken = set(node_of)
    members: dict[str, list[str]] = {}
    for serial, group in enumerate(groups.values()):
        fold_id = f"fold-{serial}"
        while fold_id in taken:
            fold_id += "-"
        members[fold_id] = group
        place.update(dict.fromkeys(group, fold_id))
    inner = {fold_id: _Inner() for fold_id in members}
    edges = _merge_edges(graph.edges, place, inner)
    return Drawing(
        graph=graph,
        nodes=tuple(node for node in graph.nodes if node.id in kept),
        folds=tuple(
            Fold(
                id=fold_id,
                members=tuple(node_of[id_] for id_ in group),
                inner_calls=inner[fold_id].calls,
                inner_resumes=inner[fold_id].resumes,
                inclusive_ns=inner[fold_id].entering_ns,
            )
            for fold_id, group in members.items()
        ),
        edges=edges,
    )


def _merge_edges(
    edges: Iterable[GraphEdge], place: Mapping[str, str], inner: Mapping[str, _Inner]
) -> tuple[GraphEdge, ...]:
    merged: dict[tuple[str, str, bool], GraphEdge] = {}
    for edge in edges:
        source, target = place[edge.source], place[edge.target]
        if source == target and source in inner:
            inner[source].calls += edge.calls
            inner[source].resumes += edge.resumes
            continue
        if target in inner:
            inner[target].entering_ns += edge.inclusive_ns
        key = source, target, edge.bridged
        before = merged.get(key)
        merged[key] = replace(
            edge,
            source=source,
            target=target,
            calls=edge.calls + (before.calls if before else 0),
            resumes=edge.resumes + (before.resumes if before else 0),
            inclusive_ns=edge.inclusive_ns + (before.inclusive_ns if before else 0),
            skipped_frames=max(edge.skipped_frames, before.skipped_frames if before else 0),
        )
    return tuple(merged.values())
