"""What a picture shows: the nodes of a graph, and the folds that stand for many light ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgraph_lab.ending_model import NO_OPEN_CALLS

if TYPE_CHECKING:
    from callgraph_lab.ending_model import OpenCalls
    from callgraph_lab.model import CallGraph, GraphEdge, GraphNode


@dataclass(frozen=True, slots=True)
class Fold:
    """One drawn node that stands for several light functions of the graph.

    ``inner_calls`` and ``inner_resumes`` belong to edges between its own members, which are not
    drawn. ``inclusive_ns`` is the time of the calls that enter it from outside.
    """

    id: str
    members: tuple[GraphNode, ...]
    inner_calls: int
    inner_resumes: int
    inclusive_ns: int

    @property
    def calls(self) -> int:
        """Calls of all its members."""
        return sum(node.calls for node in self.members)

    @property
    def resumes(self) -> int:
        """Resumes of all its members."""
        return sum(node.resumes for node in self.members)

    @property
    def self_ns(self) -> int:
        """Self time of all its members."""
        return sum(node.self_ns for node in self.members)

    @property
    def unreturned(self) -> OpenCalls:
        """Calls of its members that have not returned."""
        return sum((node.unreturned for node in self.members), NO_OPEN_CALLS)

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules of its members, in alphabetical order."""
        return tuple(sorted({node.function.module for node in self.members}))


@dataclass(frozen=True, slots=True)
class Drawing:
    """A graph as it is drawn. Edges lead between ids of ``nodes`` and of ``folds``."""

    graph: CallGraph
    nodes: tuple[GraphNode, ...]
    folds: tuple[Fold, ...]
    edges: tuple[GraphEdge, ...]
