"""A comparison as one drawing: both graphs in one, folded to a budget."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from callgraph_lab.graph.compare import MEASURES_OF_MEMORY, ComparedEdge, ComparedFunction
from callgraph_lab.model import CallGraph, GraphEdge, GraphNode
from callgraph_lab.render.budget import DEFAULT_MAX_NODES, apply_node_budget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callgraph_lab.graph.compare import GraphComparison, Measure
    from callgraph_lab.render.drawing import Drawing

EdgeKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ComparedDrawing:
    """A drawing of both graphs together, and what of each is behind its nodes and edges.

    ``functions`` goes by the ids of nodes, those in folds among them; ``edges`` by the drawn ids
    of their ends.
    """

    comparison: GraphComparison
    drawing: Drawing
    functions: Mapping[str, ComparedFunction]
    edges: Mapping[EdgeKey, ComparedEdge]


def draw_comparison(
    comparison: GraphComparison,
    *,
    max_nodes: int = DEFAULT_MAX_NODES,
    measure: Measure = "calls",
) -> ComparedDrawing:
    """Return both graphs as one drawing of at most ``max_nodes`` nodes.

    What is the same in both is folded first, then the lightest.
    """
    functions = {item.id: item for item in comparison.functions}
    together = CallGraph(
        query=comparison.graph_a.query,
        nodes=tuple(_node(item) for item in comparison.functions),
        edges=tuple(_edge(item) for item in comparison.edges),
        deepest=max(comparison.graph_a.deepest, comparison.graph_b.deepest),
    )
    drawing = apply_node_budget(
        together,
        max_nodes=max_nodes,
        is_lesser=lambda node: not functions[node.id].differs(measure),
        weight=lambda node: _weight(functions[node.id], measure, node),
    )
    return ComparedDrawing(comparison, drawing, functions, _drawn_edges(comparison, drawing))


def _weight(item: ComparedFunction, measure: Measure, node: GraphNode) -> int:
    """Return by how much a function's bytes differ, or its time where not memory is asked for."""
    if measure not in MEASURES_OF_MEMORY:
        return node.inclusive_ns
    value_a, value_b = item.values(measure)
    return abs(value_b - value_a)


def _node(item: ComparedFunction) -> GraphNode:
    """Return a node with the larger of the figures of both sides."""
    a, b = item.a or item.any_figures, item.b or item.any_figures
    return GraphNode(
        id=item.id,
        function=item.function,
        name=item.name,
        calls=max(a.calls, b.calls),
        total_calls=max(a.total_calls, b.total_calls),
        resumes=max(a.resumes, b.resumes),
        unreturned=a.unreturned.larger(b.unreturned),
        suspended=max(a.suspended, b.suspended),
        inclusive_ns=max(a.inclusive_ns, b.inclusive_ns),
        self_ns=max(a.self_ns, b.self_ns),
        min_depth=min(a.min_depth, b.min_depth),
    )


def _edge(item: ComparedEdge) -> GraphEdge:
    a, b = item.a or item.any_figures, item.b or item.any_figures
    return GraphEdge(
        source=item.source,
        target=item.target,
        calls=max(a.calls, b.calls),
        resumes=max(a.resumes, b.resumes),
        inclusive_ns=max(a.inclusive_ns, b.inclusive_ns),
        bridged=a.bridged and b.bridged,
        skipped_frames=max(a.skipped_frames, b.skipped_frames),
    )


def _drawn_edges(comparison: GraphComparison, drawing: Drawing) -> dict[EdgeKey, ComparedEdge]:
    """Add up, side by side, the edges that one drawn line stands for."""
    drawn_as = {node.id: node.id for node in drawing.nodes}
    for fold in drawing.folds:
        drawn_as.update(dict.fromkeys((node.id for node in fold.members), fold.id))
    groups: defaultdict[EdgeKey, list[ComparedEdge]] = defaultdict(list)
    for edge in comparison.edges:
        groups[drawn_as[edge.source], drawn_as[edge.target]].append(edge)
    return {
        (source, target): ComparedEdge(
            source=source,
            target=target,
            a=_sum([edge.a for edge in group if edge.a is not None]),
            b=_sum([edge.b for edge in group if edge.b is not None]),
        )
        for (source, target), group in groups.items()
    }


def _sum(edges: list[GraphEdge]) -> GraphEdge | None:
    if not edges:
        return None
    return replace(
        edges[0],
        calls=sum(edge.calls for edge in edges),
        resumes=sum(edge.resumes for edge in edges),
        inclusive_ns=sum(edge.inclusive_ns for edge in edges),
        skipped_frames=max(edge.skipped_frames for edge in edges),
    )
