"""One recording at several depths, and what each depth adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgraph_lab.graph.build import build_graphs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callgraph_lab.model import CallGraph, Decision, GraphNode, GraphQuery, Recording


@dataclass(frozen=True, slots=True)
class SweepStep:
    """The graph at a depth, and the functions that are called there and nowhere above.

    ``newcomers`` come with the longest ``inclusive_ns`` first. At depth 1 they are what the
    threads begin with; the threads themselves, at depth 0, are nobody's newcomers.
    """

    depth: int
    graph: CallGraph
    newcomers: tuple[GraphNode, ...]

    @property
    def is_beyond_deepest(self) -> bool:
        """Whether nothing visible lies as deep, so that the graph shows no more than above."""
        return self.depth > max(self.graph.deepest, 1)


def sweep(
    recording: Recording,
    query: GraphQuery,
    decisions: Sequence[Decision],
    depths: Sequence[int],
) -> tuple[SweepStep, ...]:
    """Return a step for each of ``depths``, in their order, from one pass over the tree.

    ``query`` says everything but the depth.
    """
    graphs = build_graphs(recording, query, decisions, depths)
    return tuple(
        SweepStep(depth=depth, graph=graph, newcomers=_newcomers(graph, depth))
        for depth, graph in zip(depths, graphs, strict=True)
    )


def _newcomers(graph: CallGraph, depth: int) -> tuple[GraphNode, ...]:
    new = (node for node in graph.nodes if node.min_depth == depth)
    return tuple(sorted(new, key=lambda node: (-node.inclusive_ns, node.name)))
