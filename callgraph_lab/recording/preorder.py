"""Put contexts in the order of a ``CallTree``: a context's subtree follows it without a gap.

``parents`` is the column of a tree in which callers stand before callees.
"""

from __future__ import annotations

from array import array

from callgraph_lab.model import NO_PARENT


def subtree_sizes(parents: array[int]) -> array[int]:
    """Return how many contexts each one's subtree has, itself included."""
    sizes = array("i", [1]) * len(parents)
    for context in range(len(parents) - 1, -1, -1):
        parent = parents[context]
        if parent != NO_PARENT:
            sizes[parent] += sizes[context]
    return sizes


def preorder_places(parents: array[int], sizes: array[int]) -> array[int]:
    """Return each context's index in preorder; callers stand before callees in ``parents``."""
    places = array("i", bytes(4 * len(parents)))
    next_free = array("i", bytes(4 * len(parents)))
    next_root = 0
    for context, parent in enumerate(parents):
        if parent == NO_PARENT:
            place = next_root
            next_root += sizes[context]
        else:
            place = next_free[parent]
            next_free[parent] += sizes[context]
        places[context] = place
        next_free[context] = place + 1
    return places
