"""Recordings written as the calls that they hold, for tests of what is asked of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgraph_lab.model import (
    NO_PARENT,
    CallTree,
    Decision,
    Function,
    GraphQuery,
    RecordedProcess,
    RecordedThread,
    Recording,
    RunInformation,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from callgraph_lab.ending_model import Ending
    from callgraph_lab.graph.search import FoundFunction
    from callgraph_lab.model import CallGraph, GraphEdge, GraphNode

RUN = RunInformation(
    name="x-20261123-141502",
    target="x.py",
    argv=("x.py",),
    python="3.11",
    engine="pycallgraph2",
    started="2026-11-23T14:15:02.000+01:00",
    duration_ns=1_000,
    complete=True,
)


@dataclass(frozen=True)
class Call:
    """A context: the function's name (``m.f``), what it counts, and what it calls."""

    name: str
    callees: tuple[Call, ...] = ()
    calls: int = 1
    resumes: int = 0
    suspensions: int = 0
    open_calls: int = 0
    self_ns: int = 1
    label: int = 0
    instance_calls: int = 0
    instance_resumes: int = 0
    instance_ns: int = 0
    ending: Ending = "exited"
    """Of a thread: how its process ended."""

    @property
    def inclusive_ns(self) -> int:
        return self.self_ns + sum(callee.inclusive_ns for callee in self.callees)


def call(name: str, *callees: Call, **figures: int) -> Call:
    return Call(name, callees, **figures)


def thread(name: str, *callees: Call, ending: Ending = "exited") -> Call:
    return Call(f"thread:{name}", callees, self_ns=0, ending=ending)


def main(*callees: Call) -> Recording:
    """Return a recording of one thread that makes the calls."""
    return recording(thread("MainThread", *callees))


def function(name: str) -> Function:
    if name.startswith("thread:"):
        label = name.removeprefix("thread:")
        return Function(module="", qualname=label, kind="thread", pycallgraph2_name=label)
    module, _, qualname = name.rpartition(".")
    return Function(
        module=module, qualname=qualname, file=f"/{module}.py", line=1, pycallgraph2_name=name
    )


def recording(*threads: Call, shared: Iterable[str] = ()) -> Recording:
    """Return a recording; threads named in ``shared`` stand for several of that name."""
    tree = CallTree()
    functions: dict[str, int] = {}
    roots = []

    def add(item: Call, parent: int) -> None:
        context = len(tree)
        tree.parent.append(parent)
        tree.function.append(functions.setdefault(item.name, len(functions)))
        tree.calls.append(item.calls)
        tree.resumes.append(item.resumes)
        tree.suspensions.append(item.suspensions)
        tree.open_calls.append(item.open_calls)
        tree.self_ns.append(item.self_ns)
        tree.inclusive_ns.append(item.inclusive_ns)
        tree.label.append(item.label)
        tree.instance_calls.append(item.instance_calls)
        tree.instance_resumes.append(item.instance_resumes)
        tree.instance_ns.append(item.instance_ns)
        for callee in item.callees:
            add(callee, context)

    for item in threads:
        name = item.name.removeprefix("thread:")
        threads_of_it = 2 if name in shared else 1
        roots.append(RecordedThread(1, name, len(tree), threads_of_it, ending=item.ending))
        add(item, NO_PARENT)
    return Recording(
        RUN, [function(name) for name in functions], tree, tuple(roots), (RecordedProcess(1, 0),)
    )


def decisions(recording: Recording, *hidden: str) -> list[Decision]:
    """Hide the functions whose names begin with one of ``hidden``, by a rule of that name."""
    decided = []
    for item in recording.functions:
        rules = [start for start in hidden if item.kind != "thread" and item.name.startswith(start)]
        rule = rules[0] if rules else "everything"
        decided.append(Decision(visible=not rules, rule=rule, reason=""))
    return decided


def query(max_depth: int | None = None, **more: object) -> GraphQuery:
    return GraphQuery(max_depth=max_depth, **more)  # type: ignore[arg-type]


def node(graph: CallGraph, name: str) -> GraphNode:
    (found,) = (item for item in graph.nodes if item.name == name)
    return found


def names(graph: CallGraph) -> list[str]:
    return [item.name for item in graph.nodes if item.function.kind == "function"]


def edges(graph: CallGraph) -> dict[str, int]:
    """Return the edges as ``m.a > m.b`` (``~>`` where bridged) with their calls."""
    return {arrow(edge): edge.calls for edge in graph.edges}


def arrow(edge: GraphEdge) -> str:
    source = edge.source.removeprefix("thread ")
    return f"{source} {'~' * edge.bridged}> {edge.target}"


def found_names(found: Iterable[FoundFunction]) -> list[str]:
    return [item.node.name for item in found]
