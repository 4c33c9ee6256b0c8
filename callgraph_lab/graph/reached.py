"""Which contexts of a tree were entered, and count: in the whole of it, or in an action alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callgraph_lab.graph.tally import roots_of
from callgraph_lab.model import NO_PARENT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from callgraph_lab.graph.within import Within
    from callgraph_lab.model import CallTree, Decision, Recording


def shown_functions(
    recording: Recording, decisions: Sequence[Decision] | None = None
) -> list[bool]:
    """Return for each function whether it shows; a thread's root always does."""
    if decisions is None:
        return [True] * len(recording.functions)
    shows = [decision.visible for decision in decisions]
    for root in roots_of(recording.tree):
        shows[recording.tree.function[root]] = True
    return shows


def reached_contexts(
    tree: CallTree, functions: AbstractSet[int], within: Within | None = None
) -> list[int]:
    """Return the contexts of functions that were really entered, in the tree's order."""
    return [
        context
        for context, function in enumerate(tree.function)
        if function in functions and is_entered(tree, context, within)
    ]


def entered_contexts(tree: CallTree, within: Within | None = None) -> list[int]:
    """Return all contexts that were really entered, in the tree's order."""
    return [context for context in range(len(tree)) if is_entered(tree, context, within)]


def is_entered(tree: CallTree, context: int, within: Within | None = None) -> bool:
    """Tell whether there were calls of a context, not only of what it leads to."""
    return (within is None or within.contexts[context]) and bool(
        tree.calls[context] or tree.resumes[context] or tree.open_calls[context]
    )


def contexts_below(
    tree: CallTree, functions: AbstractSet[int], contexts: Sequence[int]
) -> list[int]:
    """Return those of ``contexts`` (ascending) that are of ``functions`` or below one that is."""
    below = bytearray(len(tree) + 1)
    for context, (parent, function) in enumerate(zip(tree.parent, tree.function, strict=True)):
        # The item beyond the contexts is for the roots' parent, -1.
        below[context] = below[parent] or function in functions
    return [context for context in contexts if below[context]]


def ways_to(tree: CallTree, contexts: Sequence[int]) -> bytearray:
    """Return for each context whether it is one of ``contexts`` or leads to one."""
    # The item beyond the contexts is for the roots' parent, -1.
    leads = bytearray(len(tree) + 1)
    for context in contexts:
        above = context
        while above != NO_PARENT and not leads[above]:
            leads[above] = True
            above = tree.parent[above]
    return leads
