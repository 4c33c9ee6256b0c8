"""The heaviest chain of callers from a root to each function: a tree inside a call graph."""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from callgraph_lab.model import GraphEdge, GraphNode


def heaviest_callers(nodes: Sequence[GraphNode], edges: Iterable[GraphEdge]) -> dict[str, str]:
    """Map each called id to its caller on the heaviest chain from a root; roots are left out.

    The tree grows from the roots (threads, and what nothing calls) along the edge with the most
    inclusive time at hand, so it is a tree also where functions call each other in a ring. Edges
    may lead to ids that are not among ``nodes``, as those of folds.
    """
    edges_from: dict[str, list[GraphEdge]] = defaultdict(list)
    called = set()
    for edge in edges:
        edges_from[edge.source].append(edge)
        if edge.source != edge.target:
            called.add(edge.target)
    shallowest_first = sorted(nodes, key=lambda node: (node.min_depth, -node.inclusive_ns))
    roots = [node.id for node in shallowest_first if is_thread(node) or node.id not in called]
    callers: dict[str, str] = {}
    reached: set[str] = set()
    # What no root reaches (a ring on its own) starts a tree itself, the shallowest first.
    for start in dict.fromkeys([*roots, *(node.id for node in shallowest_first)]):
        if start not in reached:
            _grow(start, edges_from, callers, reached)
    return callers


def _grow(
    start: str,
    edges_from: Mapping[str, list[GraphEdge]],
    callers: dict[str, str],
    reached: set[str],
) -> None:
    serial = 0  # among equals the edge seen first wins, and edges are never compared
    queue: list[tuple[int, int, str, str | None]] = [(0, serial, start, None)]
    while queue:
        _, _, target, source = heapq.heappop(queue)
        if target in reached:
            continue
        reached.add(target)
        if source is not None:
            callers[target] = source
        for edge in edges_from.get(target, ()):
            if edge.target not in reached:
                serial += 1
                heapq.heappush(queue, (-edge.inclusive_ns, serial, edge.target, target))


def callers_first(ids: Iterable[str], callers: Mapping[str, str]) -> list[str]:
    """Return ``ids`` in their order, but each with the chain of its callers before it."""
    order: dict[str, None] = {}
    for id_ in ids:
        chain = [id_]
        while chain[-1] in callers and chain[-1] not in order:
            chain.append(callers[chain[-1]])
        order.update(dict.fromkeys(reversed(chain)))
    return list(order)


def is_thread(node: GraphNode) -> bool:
    """Tell whether ``node`` is the root of a thread."""
    return node.function.kind == "thread"
