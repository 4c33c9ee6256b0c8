"""Drawings, comparisons and texts, with Python's answers."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from viewer_cases.graph_cases import HIDING, Programs, Table, asked_query, graph_of

from callgraph_lab.ending_model import ENDINGS, OpenCalls
from callgraph_lab.graph.compare import compare_graphs, only_differences
from callgraph_lab.render import text
from callgraph_lab.render.budget import apply_node_budget
from callgraph_lab.render.ending_text import (
    double_border_text,
    open_calls_cell,
    open_calls_lines,
)

if TYPE_CHECKING:
    from callgraph_lab.graph.compare import GraphComparison

_RANDOM = [f"random {number}" for number in range(8)]


def comparison_cases(made: Programs) -> list[Table]:
    """Return pairs of programs with what is different in their graphs."""
    return [_comparison_case(made, *case) for case in _COMPARED]


def budget_cases(made: Programs) -> list[Table]:
    """Return graphs with what of them is drawn within a budget of nodes."""
    found = []
    for name in ("chain", "recursion", "threads", "names", "server", *_RANDOM):
        graph = graph_of(made[name], {})
        for most in sorted({1, 2, 3, 5, len(graph.nodes) - 1, len(graph.nodes)} - {0}):
            drawing = apply_node_budget(graph, max_nodes=most)
            found.append(
                {
                    "program": name,
                    "query": asked_query({}),
                    "max_nodes": most,
                    "expected": {
                        "nodes": [node.id for node in drawing.nodes],
                        "folds": [
                            {
                                **asdict(fold),
                                "members": [node.id for node in fold.members],
                                "calls": fold.calls,
                                "self_ns": fold.self_ns,
                            }
                            for fold in drawing.folds
                        ],
                        "edges": [asdict(edge) for edge in drawing.edges],
                    },
                }
            )
    return found


_COMPARED: tuple[tuple[str, str, Table], ...] = (
    ("chain", "chain", {}),
    ("recursion", "bridges", HIDING),
    ("recursion", "generators", {"max_depth": 2}),
    ("threads", "processes", {}),
    ("names", "threads", {}),
    ("server", "names", {}),
    ("bridges", "empty", {}),
    *((f"random {one}", f"random {one + 1}", query) for one in range(7) for query in ({}, HIDING)),
)


def _comparison_case(made: Programs, name_a: str, name_b: str, query: Table) -> Table:
    comparison = compare_graphs(graph_of(made[name_a], query), graph_of(made[name_b], query))
    return {
        "programs": [name_a, name_b],
        "query": asked_query(query),
        "expected": {
            **_compared(comparison),
            "differences": [item.id for item in only_differences(comparison).functions],
            "identical": comparison.is_empty,
        },
    }


def _compared(comparison: GraphComparison) -> Table:
    return {
        "functions": [
            {
                "id": item.id,
                "name": item.name,
                "side": item.side,
                "changed": item.is_changed,
                "a": None if item.a is None else item.a.id,
                "b": None if item.b is None else item.b.id,
                **{name: list(item.values(name)) for name in ("calls", "inclusive", "self")},
            }
            for item in comparison.functions
        ],
        "edges": [
            {
                "source": item.source,
                "target": item.target,
                "side": item.side,
                "changed": item.is_changed,
                "bridged": item.any_figures.bridged,
                "calls": list(item.values("calls")),
            }
            for item in comparison.edges
        ],
    }


_TEXTS = (
    "plain",
    "",
    "tab\t and\nline\r",
    "\x00\x1b[0m\x7f\x85\xa0\xad",
    "\u202e\u2066\u200b\u2028\ufeff",
    "語彙" * 30,
    "\U000e0001\U0010ffff\ue000",
    "half\ud800 \udcff",
    "é\u0301ñ",
    "\N{GRINNING FACE} smile",
    "x" * 100,
    "a b\u3000c",
)
_DURATIONS_NS = (
    0, 1, 999, 1000, 1125, 1234, 9994, 9995, 10_250, 12_345, 99_949, 99_950, 100_500, 999_499,
    999_500, 1_000_000,
    123_456_789, 999_499_999, 999_500_000, 1_000_000_000, 9_994_999_999, 9_995_000_000,
    119_999_999_999, 120_000_000_000, 3_599_000_000_000, 3_600_000_000_000, 90_061_000_000_000,
)  # fmt: skip


_OPEN_CALLS = (
    OpenCalls(),
    *(OpenCalls.of(ending, 1_234) for ending in ENDINGS),
    OpenCalls(running=1, killed=2),
    OpenCalls(1, 2, 3, 4, 5),
)


def text_cases() -> Table:
    """Return texts and figures as people read them."""
    shares = ((0, 0), (1, 0), (0, 7), (1, 3), (1, 999), (1, 1001), (1, 100_000), (5, 5), (2, 1))
    return {
        "visible_text": [[item, text.visible_text(item)] for item in _TEXTS],
        "shorten": [
            [item, most, text.shorten(item, most)] for item in _TEXTS for most in (1, 2, 10, 44)
        ],
        "count": [[item, text.count(item, "call")] for item in (0, 1, 2, 999, 1000, 1_234_567)],
        "duration": [[item, text.duration(item)] for item in _DURATIONS_NS],
        "percent": [[part, whole, text.percent(part, whole)] for part, whole in shares],
        "open_calls": [
            [calls.by_ending, open_calls_lines(calls), open_calls_cell(calls)]
            for calls in _OPEN_CALLS
        ],
        "double_border": [
            [[calls.by_ending for calls in nodes], double_border_text(nodes)]
            for nodes in (_OPEN_CALLS[:1], *([calls] for calls in _OPEN_CALLS), _OPEN_CALLS)
        ],
    }
