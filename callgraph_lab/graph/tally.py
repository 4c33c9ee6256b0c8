"""Add up the contexts of a tree: per function, and per node and edge of the graphs at some depths.

These loops run once for every context of a recording, a million and more. They use arrays, locals
and ``zip`` where a method a context would read better and take seconds.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import compress
from typing import TYPE_CHECKING

from callgraph_lab.model import NO_PARENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from callgraph_lab.model import CallTree

HIDDEN = -1
"""Stands for the node of a function that does not show."""


class EdgeKeys:
    """An edge as one number, which a dict finds twice as fast as a tuple.

    It is made of the caller's node and the callee's; negative, it crosses hidden frames.
    """

    __slots__ = ("nodes",)

    def __init__(self, node_of_function: Sequence[int]) -> None:
        self.nodes = max(node_of_function, default=0) + 1

    def split(self, key: int) -> tuple[int, int, bool]:
        """Return the caller's node, the callee's, and whether the edge crosses hidden frames."""
        caller, callee = divmod(~key if key < 0 else key, self.nodes)
        return caller, callee, key < 0


@dataclass(slots=True)
class NodeTally:
    """What the contexts of a node add up to; ``first`` is the first of them in the tree."""

    first: int
    min_depth: int
    calls: int = 0
    resumes: int = 0
    inclusive_ns: int = 0
    self_ns: int = 0

    def add(self, other: NodeTally) -> None:
        """Add what happened at other depths."""
        self.first = min(self.first, other.first)
        self.min_depth = min(self.min_depth, other.min_depth)
        self.calls += other.calls
        self.resumes += other.resumes
        self.inclusive_ns += other.inclusive_ns
        self.self_ns += other.self_ns


@dataclass(slots=True)
class EdgeTally:
    """What the contexts of an edge add up to; ``first`` is the first of them in the tree."""

    first: int
    calls: int = 0
    resumes: int = 0
    inclusive_ns: int = 0
    skipped_frames: int = 0

    def add(self, other: EdgeTally) -> None:
        """Add what happened at other depths."""
        self.first = min(self.first, other.first)
        self.calls += other.calls
        self.resumes += other.resumes
        self.inclusive_ns += other.inclusive_ns
        self.skipped_frames = max(self.skipped_frames, other.skipped_frames)


@dataclass(slots=True)
class Tally:
    """Nodes by number, edges by what ``EdgeKeys`` makes of them."""

    nodes: dict[int, NodeTally] = field(default_factory=dict)
    edges: dict[int, EdgeTally] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Add what happened at other depths."""
        for node, node_tally in other.nodes.items():
            if node in self.nodes:
                self.nodes[node].add(node_tally)
            else:
                self.nodes[node] = node_tally
        for edge, edge_tally in other.edges.items():
            if edge in self.edges:
                self.edges[edge].add(edge_tally)
            else:
                self.edges[edge] = edge_tally


def roots_of(tree: CallTree) -> Iterator[int]:
    """Yield the root contexts."""
    start = 0
    while True:
        try:
            start = tree.parent.index(NO_PARENT, start)
        except ValueError:
            return
        yield start
        start += 1


def context_depths(tree: CallTree, counts: Sequence[bool]) -> array[int]:
    """Return each context's depth, of frames whose function ``counts``; a root's must.

    The array has one item more than there are contexts.
    """
    # A root's parent is -1, which names the last item.
    depths = array("i", bytes(4 * len(tree))) + array("i", [-1])
    for context, (parent, function) in enumerate(zip(tree.parent, tree.function, strict=True)):
        depths[context] = depths[parent] + counts[function]
    return depths


def deepest_visible(tree: CallTree, depths: array[int], node_of_function: Sequence[int]) -> int:
    """Return the greatest depth of a context that shows."""
    shows = [node != HIDDEN for node in node_of_function]
    return max(compress(depths, map(shows.__getitem__, tree.function)), default=0)


def tally_by_depth(  # noqa: C901, PLR0912, PLR0915 - one loop; a call a context doubles its time
    tree: CallTree,
    node_of_function: Sequence[int],
    depths: array[int],
    limits: Sequence[int],
) -> list[Tally]:
    """Return for each of ``limits`` (ascending) what lies deeper than the one before, up to it.

    Each context adds the same to every graph that it is in. Of time that is because recursion
    counts once, by the outermost context, which is in every graph that an inner one is in.
    """
    tallies = [Tally() for _ in limits]
    if not tallies:
        return tallies
    limit = limits[-1]
    shown = [context for context, depth in enumerate(depths[: len(tree)]) if depth <= limit]
    ends = subtree_ends(tree, shown)
    tally_at = [tallies[bisect_left(limits, depth)] for depth in range(limit + 1)]
    functions, parents, inclusive_ns = tree.function, tree.parent, tree.inclusive_ns
    calls, resumes, self_ns = tree.calls, tree.resumes, tree.self_ns
    # The nearest node that shows, of each context or above it, and how many hidden frames lie
    # between that and whatever the context calls.
    visible_nodes = array("i", bytes(4 * len(tree)))
    gaps = array("i", bytes(4 * len(tree)))
    # Where the subtree ends that was last added to a time: within it, time is counted already.
    node_count = EdgeKeys(node_of_function).nodes
    node_counted_until = [0] * node_count
    edge_counted_until: dict[int, int] = {}
    for context in shown:
        node, parent = node_of_function[functions[context]], parents[context]
        if node == HIDDEN:
            visible_nodes[context] = visible_nodes[parent]
            gaps[context] = gaps[parent] + 1
            continue
        visible_nodes[context] = node
        depth, end, duration_ns = depths[context], ends[context], inclusive_ns[context]
        tally = tally_at[depth]
        entry = tally.nodes.get(node)
        if entry is None:
            entry = tally.nodes[node] = NodeTally(context, depth)
        elif depth < entry.min_depth:
            entry.min_depth = depth
        called, resumed = calls[context], resumes[context]
        entry.calls += called
        entry.self_ns += self_ns[context]
        # It is mostly zero, and a test costs less than an addition.
        if resumed:
            entry.resumes += resumed
        is_outermost = context >= node_counted_until[node]
        if is_outermost:
            node_counted_until[node] = end
            entry.inclusive_ns += duration_ns
        if parent == NO_PARENT:
            continue
        skipped_frames = gaps[parent]
        key = visible_nodes[parent] * node_count + node
        if skipped_frames:
            key = ~key
        edge = tally.edges.get(key)
        if edge is None:
            edge = tally.edges[key] = EdgeTally(context)
        edge.calls += called
        if resumed:
            edge.resumes += resumed
        if skipped_frames > edge.skipped_frames:  # noqa: PLR1730 - max() costs a call a context
            edge.skipped_frames = skipped_frames
        # An edge recurs only within its callee, and nothing within a context that calls nothing.
        if is_outermost or context >= edge_counted_until.get(key, 0):
            edge.inclusive_ns += duration_ns
            if end > context + 1:
                edge_counted_until[key] = end
    return tallies


def subtree_ends(tree: CallTree, shown: Sequence[int]) -> array[int]:
    """Return, for the contexts that are shown, the index behind the last shown one below them."""
    # The item beyond the contexts is for the roots' parent, -1.
    ends = array("i", range(1, len(tree) + 2))
    parents = tree.parent
    for context in reversed(shown):
        parent, end = parents[context], ends[context]
        if ends[parent] < end:  # noqa: PLR1730 - max() costs a call a context
            ends[parent] = end
    return ends


@dataclass(slots=True)
class FunctionTotals:
    """Per function, at any depth: calls, and generators or coroutines left suspended."""

    calls: list[int]
    suspended: list[int]
    called: set[int]
    """The functions that have a context."""


def function_totals(tree: CallTree, functions: int) -> FunctionTotals:
    """Add up the contexts of each function, whatever the depth."""
    calls, suspended = [0] * functions, [0] * functions
    for function, called in zip(tree.function, tree.calls, strict=True):
        calls[function] += called
    if any(tree.suspensions):
        for function, left, resumed in zip(
            tree.function, tree.suspensions, tree.resumes, strict=True
        ):
            suspended[function] += left - resumed
    return FunctionTotals(calls, suspended, set(tree.function))
