"""What two call graphs have in common and what only one of them has."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from callgraph_lab.graph.same_functions import pair_nodes
from callgraph_lab.model import GraphEdge, GraphNode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from callgraph_lab.model import CallGraph, Function, RunInformation

Side = Literal["a", "b", "both"]
Measure = Literal["calls", "inclusive", "self", "allocated", "net"]
MEASURES: tuple[Measure, ...] = ("calls", "inclusive", "self", "allocated", "net")
MEASURES_OF_MEMORY: tuple[Measure, ...] = ("allocated", "net")
Figures = TypeVar("Figures", GraphNode, GraphEdge)


@dataclass(frozen=True)
class _Compared(Generic[Figures]):
    """Figures of one thing in two graphs; None where a graph has it not. One of them is there."""

    a: Figures | None
    b: Figures | None

    @property
    def side(self) -> Side:
        """Which of the two graphs it is in."""
        if self.a is None:
            return "b"
        return "a" if self.b is None else "both"

    @property
    def any_figures(self) -> Figures:
        """Those of A, else those of B."""
        figures = self.b if self.a is None else self.a
        assert figures is not None  # noqa: S101 - what the class is for
        return figures

    @property
    def is_changed(self) -> bool:
        """Whether only one graph has it, or it was entered more often in one than in the other."""
        if self.a is None or self.b is None:
            return True
        return (self.a.calls, self.a.resumes) != (self.b.calls, self.b.resumes)

    def differs(self, measure: Measure) -> bool:
        """Tell whether it is changed, or where memory is asked for, has other bytes.

        Times always differ; bytes of two runs of one program need not.
        """
        if self.is_changed or measure not in MEASURES_OF_MEMORY:
            return self.is_changed
        value_a, value_b = self.values(measure)
        return value_a != value_b

    def values(self, measure: Measure) -> tuple[int, int]:
        """Return what A and B say of a measure; calls include resumes.

        Edges have no bytes: their calls stand for them.
        """
        return _value(self.a, measure), _value(self.b, measure)


@dataclass(frozen=True)
class ComparedFunction(_Compared[GraphNode]):
    """A function (or thread) with its figures in two graphs."""

    id: str

    @property
    def is_changed(self) -> bool:
        """As of anything; but how many threads of one kind there were is no difference."""
        return self.side != "both" or (self.function.kind != "thread" and super().is_changed)

    def differs(self, measure: Measure) -> bool:
        """As of anything; but of a thread only whether it is there."""
        return self.is_changed or (self.function.kind != "thread" and super().differs(measure))

    @property
    def function(self) -> Function:
        """The function as A has it, else as B has it."""
        return self.any_figures.function

    @property
    def name(self) -> str:
        """The name as A has it, else as B has it."""
        return self.any_figures.name


@dataclass(frozen=True)
class ComparedEdge(_Compared[GraphEdge]):
    """Caller to callee, by the ids of compared functions, with its figures in two graphs."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class ComparedSide:
    """One of the two that are compared: what it is called, what kind of thing, and of which run."""

    name: str
    kind: Literal["action", "mark", "recording"]
    run: RunInformation


@dataclass(frozen=True, slots=True)
class GraphComparison:
    """Two graphs, laid over each other. Threads are among the functions."""

    graph_a: CallGraph
    graph_b: CallGraph
    functions: tuple[ComparedFunction, ...]
    edges: tuple[ComparedEdge, ...]

    @property
    def has_memory(self) -> bool:
        """Whether both sides say what their functions have allocated."""
        return all(
            any(node.memory is not None for node in graph.nodes)
            for graph in (self.graph_a, self.graph_b)
        )

    def count(self, side: Side | Literal["changed", "same"], measure: Measure = "calls") -> int:
        """Return how many functions are on a side only, or on both with other or the same figures.

        ``both`` counts those on both, ``changed`` and ``same`` its two parts. Threads are left out.
        """
        functions = [item for item in self.functions if item.function.kind == "function"]
        if side in {"changed", "same"}:
            return sum(
                item.side == "both" and item.differs(measure) == (side == "changed")
                for item in functions
            )
        return sum(item.side == side for item in functions)

    @property
    def is_empty(self) -> bool:
        """Whether both graphs have the same functions and edges, entered as often."""
        return self.is_alike("calls")

    def is_alike(self, measure: Measure) -> bool:
        """Tell whether both graphs have the same of it: counts, and of memory bytes, too."""
        return not (
            any(function.differs(measure) for function in self.functions)
            or any(edge.differs(measure) for edge in self.edges)
        )


def compare_graphs(graph_a: CallGraph, graph_b: CallGraph) -> GraphComparison:
    """Lay two graphs over each other, function by function and edge by edge.

    Edges from one function to another are one here, whether they cross hidden frames or not.
    """
    functions = []
    taken: set[str] = set()
    id_in_a: dict[str, str] = {}
    id_in_b: dict[str, str] = {}
    for node_a, node_b in pair_nodes(graph_a.nodes, graph_b.nodes):
        node_id = _new_id(node_a, node_b, taken)
        functions.append(ComparedFunction(id=node_id, a=node_a, b=node_b))
        if node_a is not None:
            id_in_a[node_a.id] = node_id
        if node_b is not None:
            id_in_b[node_b.id] = node_id
    edges_a = _merged(graph_a.edges, id_in_a)
    edges_b = _merged(graph_b.edges, id_in_b)
    edges = tuple(
        ComparedEdge(source=key[0], target=key[1], a=edges_a.get(key), b=edges_b.get(key))
        for key in dict.fromkeys((*edges_a, *edges_b))
    )
    return GraphComparison(graph_a, graph_b, tuple(functions), edges)


def only_differences(comparison: GraphComparison, measure: Measure = "calls") -> GraphComparison:
    """Leave out functions that are the same in both graphs and lead to nothing that is not.

    Threads stay, as roots of what is left. Of a measure of memory other bytes are a difference.
    """
    callers: defaultdict[str, set[str]] = defaultdict(set)
    to_visit = [
        item.id
        for item in comparison.functions
        if item.differs(measure) or item.function.kind == "thread"
    ]
    for edge in comparison.edges:
        callers[edge.target].add(edge.source)
        if edge.differs(measure):
            to_visit += (edge.source, edge.target)
    kept: set[str] = set()
    while to_visit:
        function = to_visit.pop()
        if function not in kept:
            kept.add(function)
            to_visit += callers[function]
    return replace(
        comparison,
        functions=tuple(item for item in comparison.functions if item.id in kept),
        edges=tuple(
            edge for edge in comparison.edges if edge.source in kept and edge.target in kept
        ),
    )


def are_different_programs(run_a: RunInformation, run_b: RunInformation) -> bool:
    """Tell whether two runs had targets of different names."""
    return _file_name(run_a.target) != _file_name(run_b.target)


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]


def _new_id(node_a: GraphNode | None, node_b: GraphNode | None, taken: set[str]) -> str:
    node = node_b if node_a is None else node_a
    assert node is not None  # noqa: S101 - a pair is never empty
    node_id, number = node.id, 1
    while node_id in taken:
        number += 1
        node_id = f"{node.id}#{number}"
    taken.add(node_id)
    return node_id


def _merged(edges: Iterable[GraphEdge], ids: dict[str, str]) -> dict[tuple[str, str], GraphEdge]:
    """Return edges by the compared ids of their ends, the bridged one joined with the direct one.

    Their times are added: the same caller calls the same callee, across hidden frames or not.
    """
    groups: defaultdict[tuple[str, str], list[GraphEdge]] = defaultdict(list)
    for edge in edges:
        groups[ids[edge.source], ids[edge.target]].append(edge)
    return {
        (source, target): GraphEdge(
            source=source,
            target=target,
            calls=sum(edge.calls for edge in group),
            resumes=sum(edge.resumes for edge in group),
            inclusive_ns=sum(edge.inclusive_ns for edge in group),
            bridged=all(edge.bridged for edge in group),
            skipped_frames=max(edge.skipped_frames for edge in group),
        )
        for (source, target), group in groups.items()
    }


def _value(figures: GraphNode | GraphEdge | None, measure: Measure) -> int:
    if figures is None:
        return 0
    if isinstance(figures, GraphNode):
        if measure in MEASURES_OF_MEMORY:
            return _bytes(figures, measure)
        if measure == "self":
            return figures.self_ns
    elif measure in MEASURES_OF_MEMORY:
        measure = "calls"
    return figures.calls + figures.resumes if measure == "calls" else figures.inclusive_ns


def _bytes(node: GraphNode, measure: Measure) -> int:
    if node.memory is None:
        return 0
    return node.memory.net_bytes if measure == "net" else node.memory.allocated_bytes
