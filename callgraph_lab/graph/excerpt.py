"""Some branches of a tree as a recording of their own, with the figures that they have."""

from __future__ import annotations

from array import array
from dataclasses import replace
from itertools import compress
from typing import TYPE_CHECKING

from callgraph_lab.graph.reached import ways_to
from callgraph_lab.model import NO_PARENT, CallTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callgraph_lab.model import Recording


def only_ways_to(recording: Recording, contexts: Sequence[int]) -> Recording:
    """Return a recording of nothing but ``contexts`` and all that leads to them.

    Every context keeps its figures, so times include callees that are left out. Threads without
    such a context are left out, and so are events and marks.
    """
    kept = ways_to(recording.tree, contexts)[: len(recording.tree)]
    # The item beyond the contexts is for the roots' parent, -1.
    places = array("i", [NO_PARENT]) * (len(kept) + 1)
    for place, context in enumerate(compress(range(len(kept)), kept)):
        places[context] = place
    tree = CallTree()
    for column in recording.tree.columns:
        getattr(tree, column.name).extend(compress(getattr(recording.tree, column.name), kept))
    tree.parent = array("i", [places[parent] for parent in tree.parent])
    return replace(
        recording,
        tree=tree,
        threads=tuple(
            replace(thread, root=places[thread.root])
            for thread in recording.threads
            if kept[thread.root]
        ),
        events=(),
        marks=(),
    )
