"""Add up what contexts have allocated and freed, for the nodes of the graphs at some depths."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from callgraph_lab.graph.tally import HIDDEN, subtree_ends
from callgraph_lab.memory_model import NodeMemory
from callgraph_lab.model import NO_PARENT

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence

    from callgraph_lab.model import CallTree

MemoryTally = dict[int, NodeMemory]
"""By the node's number."""


def memory_by_depth(
    tree: CallTree,
    node_of_function: Sequence[int],
    depths: array[int],
    limits: Sequence[int],
) -> list[MemoryTally]:
    """Return for each of ``limits`` (ascending) what lies deeper than the one before, up to it.

    The arguments are those of ``tally_by_depth``, and what is added to whom is so, too. The tree
    has columns of memory.
    """
    tallies: list[MemoryTally] = [{} for _ in limits]
    if not tallies:
        return tallies
    shown = [context for context, depth in enumerate(depths[: len(tree)]) if depth <= limits[-1]]
    ends = subtree_ends(tree, shown)
    inclusive_allocated = _inclusive(tree.parent, tree.allocated_bytes)
    inclusive_net = _inclusive(tree.parent, tree.net_bytes)
    counted_until = [0] * (max(node_of_function, default=0) + 1)
    for context in shown:
        node = node_of_function[tree.function[context]]
        if node == HIDDEN:
            continue
        tally = tallies[bisect_left(limits, depths[context])]
        memory = tally.get(node)
        if memory is None:
            memory = tally[node] = NodeMemory()
        memory.allocated_bytes += tree.allocated_bytes[context]
        memory.freed_bytes += tree.freed_bytes[context]
        memory.net_bytes += tree.net_bytes[context]
        memory.blocks += tree.blocks[context]
        if context >= counted_until[node]:
            counted_until[node] = ends[context]
            memory.inclusive_allocated_bytes += inclusive_allocated[context]
            memory.inclusive_net_bytes += inclusive_net[context]
    return tallies


def add_memory(total: MemoryTally, other: MemoryTally) -> None:
    """Add to ``total`` what happened at other depths."""
    for node, memory in other.items():
        total.setdefault(node, NodeMemory()).add(memory)


def _inclusive(parents: array[int], own: array[int]) -> list[int]:
    """Return each context's own bytes and those of all below it."""
    inclusive = own.tolist()
    for context in range(len(parents) - 1, -1, -1):
        parent = parents[context]
        if parent != NO_PARENT:
            inclusive[parent] += inclusive[context]
    return inclusive
