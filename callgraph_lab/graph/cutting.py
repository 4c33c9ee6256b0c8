"""Make a recording of some contexts of another: with new callers, figures and times."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from callgraph_lab.model import MEMORY_COLUMNS, NO_PARENT, TREE_COLUMNS, CallTree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from callgraph_lab.model import RecordedMark, Recording

DROPPED = -2
"""The caller of a context that is to be left out."""
_LONGEST_NS = 2**62
NO_MEMORY = {column.name: array(column.typecode) for column in MEMORY_COLUMNS}
"""What takes the columns of memory from a tree, with ``replace``."""


def memory_of_contexts(tree: CallTree) -> dict[str, array[int]] | None:
    """Return the columns of memory of a tree by their names, None where it has none."""
    if not tree.has_memory:
        return None
    return {column.name: getattr(tree, column.name) for column in MEMORY_COLUMNS}


def memory_of_instances(tree: CallTree) -> dict[str, array[int]] | None:
    """Return them with what the labels' instances have in the place of what the contexts have."""
    memory = memory_of_contexts(tree)
    if memory is None:
        return None
    return {name: memory.get(f"instance_{name}", column) for name, column in memory.items()}


@dataclass(slots=True)
class Figures:
    """The columns that a slice counts with, one item a context of the whole tree."""

    calls: array[int]
    resumes: array[int]
    suspensions: array[int]
    self_ns: array[int]
    open_calls: array[int]
    counts_time: bool = False
    """Whether a context that only spent time belongs to the slice: it was called before."""
    memory: Mapping[str, array[int]] | None = None
    """The columns of memory by their names; None where they are not known."""


def cut(
    recording: Recording,
    parents: array[int],
    figures: Figures,
    *,
    keeps_action: Callable[[int], bool],
) -> Recording:
    """Return a recording with new figures and callers, without contexts that counted nothing.

    ``parents`` holds the callers by their old index, ``DROPPED`` for contexts to leave out.
    """
    order = _order(parents, _needed(parents, figures))
    # The item beyond the contexts is for the roots' parent, -1.
    places = array("i", [NO_PARENT]) * (len(parents) + 1)
    for place, context in enumerate(order):
        places[context] = place
    source, tree = recording.tree, CallTree()
    for column in TREE_COLUMNS:
        values = getattr(figures, column.name, None) or getattr(source, column.name)
        getattr(tree, column.name).extend(values[context] for context in order)
    for name, values in (figures.memory or {}).items():
        getattr(tree, name).extend(values[context] for context in order)
    tree.parent = array("i", [places[parents[context]] for context in order])
    for place, context in enumerate(order):
        # A root has no time of its own: it lasts as long as what it called. Nor has it memory of
        # the slice.
        if tree.parent[place] == NO_PARENT:
            tree.calls[place], tree.self_ns[place] = source.calls[context], 0
            for column in MEMORY_COLUMNS if tree.has_memory else ():
                getattr(tree, column.name)[place] = 0
    tree.inclusive_ns = inclusive_ns_of(tree.parent, tree.self_ns)
    marks = tuple(_taken(mark, order, tree.parent) for mark in recording.marks)
    return replace(
        recording,
        tree=tree,
        threads=tuple(
            replace(thread, root=places[thread.root])
            for thread in recording.threads
            if places[thread.root] != NO_PARENT
        ),
        events=tuple(
            replace(event, context=_place_or_none(places, event.context))
            for event in recording.events
            if event.action is None or keeps_action(event.action)
        ),
        marks=marks,
    )


def _needed(parents: array[int], figures: Figures) -> bytearray:
    """Say of each context whether it, or one below it, counted something."""
    # The item beyond the contexts is for the roots' parent, -1.
    needed = bytearray(len(parents) + 1)
    for context in range(len(parents) - 1, -1, -1):
        parent = parents[context]
        if parent == DROPPED:
            continue
        if not needed[context] and parent != NO_PARENT:
            needed[context] = bool(
                figures.calls[context]
                or figures.resumes[context]
                or figures.open_calls[context]
                or (figures.counts_time and figures.self_ns[context])
            )
        if needed[context]:
            needed[parent] = True
    return needed


def _order(parents: array[int], needed: bytearray) -> list[int]:
    """Return the contexts that are needed in preorder by their new callers.

    A context that hangs under its root now may stand, in the old order, within the subtree of
    another one that does. So what hangs under a root is gathered apart, branch by branch.
    """
    branches: list[list[int]] = []
    branch_of: dict[int, list[int]] = {}
    for context, parent in enumerate(parents):
        if not needed[context] or parent == DROPPED:
            continue
        if parent == NO_PARENT or parents[parent] == NO_PARENT:
            branch_of[context] = [context]
            branches.append(branch_of[context])
        else:
            branch_of[context] = branch_of[parent]
            branch_of[context].append(context)
    return [context for branch in branches for context in branch]


def inclusive_ns_of(parents: array[int], self_ns: array[int]) -> array[int]:
    """Return each context's own time and that of all below it."""
    inclusive = self_ns.tolist()
    for context in range(len(parents) - 1, -1, -1):
        if parents[context] != NO_PARENT:
            inclusive[parents[context]] += inclusive[context]
    return array("Q", [min(duration_ns, _LONGEST_NS) for duration_ns in inclusive])


def _taken(mark: RecordedMark, order: Sequence[int], parents: array[int]) -> RecordedMark:
    """Return a mark for the contexts of a slice."""
    self_ns = array("Q", [mark.self_ns[context] for context in order])
    return replace(
        mark,
        calls=array("Q", [mark.calls[context] for context in order]),
        resumes=array("Q", [mark.resumes[context] for context in order]),
        inclusive_ns=inclusive_ns_of(parents, self_ns),
        self_ns=self_ns,
    )


def _place_or_none(places: array[int], context: int | None) -> int | None:
    if context is None or places[context] == NO_PARENT:
        return None
    return places[context]
