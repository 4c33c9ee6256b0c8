"""A comparison as JSON, schema 1. Keys are only ever added; a ``change`` is B less A.

``memory`` of a side, and the change of bytes, is null where memory was not counted.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from callgraph_lab.graph.compare import are_different_programs
from callgraph_lab.render.json_graph import SCHEMA, function_document, query_document

if TYPE_CHECKING:
    from callgraph_lab.graph.compare import (
        ComparedEdge,
        ComparedFunction,
        ComparedSide,
        GraphComparison,
        Measure,
    )
    from callgraph_lab.model import GraphEdge, GraphNode

_SIDES = (("only_a", "a"), ("only_b", "b"), ("both", "both"))


def comparison_document(
    comparison: GraphComparison, side_a: ComparedSide, side_b: ComparedSide
) -> dict[str, Any]:
    """Return a comparison as one JSON-ready dictionary. Threads are left out of the functions."""
    return {
        "schema": SCHEMA,
        "a": _side(side_a),
        "b": _side(side_b),
        "different_programs": are_different_programs(side_a.run, side_b.run),
        "identical": comparison.is_empty,
        "query": query_document(comparison.graph_a.query),
        "summary": {
            "only_a": comparison.count("a"),
            "only_b": comparison.count("b"),
            "changed": comparison.count("changed"),
            "same": comparison.count("same"),
        },
        "functions": {
            key: [
                _function(item)
                for item in comparison.functions
                if item.side == side and item.function.kind == "function"
            ]
            for key, side in _SIDES
        },
        "edges": {
            key: [_edge(edge) for edge in comparison.edges if edge.side == side]
            for key, side in _SIDES
        },
    }


def _side(side: ComparedSide) -> dict[str, Any]:
    return {
        "name": side.name,
        "kind": side.kind,
        "recording": side.run.name,
        "target": side.run.target,
        "python": side.run.python,
        "started": side.run.started,
    }


def _function(item: ComparedFunction) -> dict[str, Any]:
    return {
        "id": item.id,
        **function_document(item.function, item.name),
        "changed": item.is_changed,
        "a": _node_figures(item.a),
        "b": _node_figures(item.b),
        "change": {
            "calls": item.values("calls")[1] - item.values("calls")[0],
            "inclusive_ns": item.values("inclusive")[1] - item.values("inclusive")[0],
            "self_ns": item.values("self")[1] - item.values("self")[0],
            "allocated_bytes": _change_of_bytes(item, "allocated"),
            "net_bytes": _change_of_bytes(item, "net"),
        },
    }


def _node_figures(node: GraphNode | None) -> dict[str, Any] | None:
    if node is None:
        return None
    return {
        "file": node.function.file,
        "line": node.function.line,
        "calls": node.calls,
        "total_calls": node.total_calls,
        "resumes": node.resumes,
        "open_calls": node.open_calls,
        "open_calls_by_ending": node.unreturned.by_ending,
        "inclusive_ns": node.inclusive_ns,
        "self_ns": node.self_ns,
        "min_depth": node.min_depth,
        "memory": None if node.memory is None else asdict(node.memory),
    }


def _change_of_bytes(item: ComparedFunction, measure: Measure) -> int | None:
    """Return B less A, None where one of them was recorded without memory."""
    if any(node is not None and node.memory is None for node in (item.a, item.b)):
        return None
    value_a, value_b = item.values(measure)
    return value_b - value_a


def _edge(edge: ComparedEdge) -> dict[str, Any]:
    return {
        "source": edge.source,
        "target": edge.target,
        "changed": edge.is_changed,
        "a": _edge_figures(edge.a),
        "b": _edge_figures(edge.b),
        "change": {
            "calls": edge.values("calls")[1] - edge.values("calls")[0],
            "inclusive_ns": edge.values("inclusive")[1] - edge.values("inclusive")[0],
        },
    }


def _edge_figures(edge: GraphEdge | None) -> dict[str, Any] | None:
    if edge is None:
        return None
    return {
        "calls": edge.calls,
        "resumes": edge.resumes,
        "inclusive_ns": edge.inclusive_ns,
        "bridged": edge.bridged,
        "skipped_frames": edge.skipped_frames,
    }
