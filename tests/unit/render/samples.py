"""Small call graphs for tests: nodes, edges, a run, and names that mean harm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from callgraph_lab.model import (
    CallGraph,
    Function,
    GraphEdge,
    GraphNode,
    GraphQuery,
    HiddenByRule,
    RunInformation,
)

FakeDot = Callable[[str], Path]
"""What the fixture ``fake_dot`` gives: put a ``dot`` with this shell script first on the path."""

HOSTILE_NAMES = (
    'quote " quote',
    "trailing backslash \\",
    'backslash quote \\"',
    "<module>",
    "<b>bold</b>",
    "<<table><tr><td>cell</td></tr></table>>",
    "<script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "' onload='alert(1)",
    "]]> <![CDATA[",
    "&lt;entity&gt; &amp; &#60; &nbsp;",
    "--> <!-- comment",
    "\\N \\G \\E \\T \\H \\L \\n \\l \\r",
    "{record|field}|<port>",
    "line\nbreak\r\ttab",
    "nul\x00and\x1bescape\x7f",
    "bidi \u202eevil\u2066\u200f\u200b",
    "surrogate \udcff \ud800",
    "\ufffe\uffff private \ue000",
    "astral \U0001f600 \U00020000",
    "中文函数",
    "ελληνικά кириллица",
    "combining e\u0301\u0302",
    "% $PATH `id` $(id) ; # // /* */",
    "javascript:alert(1)",
    "digraph",
    "]",
    "\r",
    "\\",
    "n0 -> n1",
    "",
    " ",
    "x" * 4096,
    "名" * 4096,
)


def function(qualname: str, *, module: str = "app", **more: object) -> Function:
    return Function(module=module, qualname=qualname, **more)  # type: ignore[arg-type]


def node(id_: str, what: Function | str | None = None, **more: object) -> GraphNode:
    which = what if isinstance(what, Function) else function(id_ if what is None else what)
    figures: dict[str, object] = {
        "name": which.name,
        "calls": 1,
        "total_calls": 1,
        "resumes": 0,
        "suspended": 0,
        "inclusive_ns": 1_000,
        "self_ns": 500,
        "min_depth": 1,
    }
    return GraphNode(id=id_, function=which, **(figures | more))  # type: ignore[arg-type]


def thread(id_: str = "t", name: str = "MainThread", **more: object) -> GraphNode:
    which = Function(module="", qualname=name, kind="thread")
    return node(id_, which, **({"calls": 0, "total_calls": 0, "self_ns": 0, "min_depth": 0} | more))


def edge(source: str, target: str, **more: object) -> GraphEdge:
    figures: dict[str, object] = {
        "calls": 1,
        "resumes": 0,
        "inclusive_ns": 1_000,
        "bridged": False,
        "skipped_frames": 0,
    }
    return GraphEdge(source=source, target=target, **(figures | more))  # type: ignore[arg-type]


def graph(
    nodes: list[GraphNode],
    edges: list[GraphEdge] | None = None,
    *,
    hidden: tuple[HiddenByRule, ...] = (),
    **query: object,
) -> CallGraph:
    return CallGraph(
        query=GraphQuery(**query),  # type: ignore[arg-type]
        nodes=tuple(nodes),
        edges=tuple(edges or ()),
        hidden=hidden,
        deepest=max((each.min_depth for each in nodes), default=0),
    )


def run(**more: object) -> RunInformation:
    facts: dict[str, object] = {
        "name": "app-20261123-141502",
        "target": "app.py",
        "argv": (),
        "python": "3.11.7",
        "engine": "pycallgraph2",
        "started": "2026-11-23T14:15:02+01:00",
        "duration_ns": 2_130_000_000,
        "complete": True,
    }
    return RunInformation(**(facts | more))  # type: ignore[arg-type]


def two_functions() -> CallGraph:
    """A thread, ``main`` called once by it, and ``work`` called 12 times by that."""
    return graph(
        [
            thread(inclusive_ns=10_000_000),
            node("m", "main", inclusive_ns=10_000_000, self_ns=1_000_000),
            node("w", "work", calls=12, total_calls=12, inclusive_ns=9_000_000, min_depth=2),
        ],
        [edge("t", "m"), edge("m", "w", calls=12)],
    )
