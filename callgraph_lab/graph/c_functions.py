"""A function written in C shows below the callers that show, and is hidden with the others.

Most of what calls such functions is the standard library and other code that a filter hides.
Bridged to whatever shows above that, they would be all over the picture.
"""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

from callgraph_lab.graph.tally import roots_of
from callgraph_lab.model import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callgraph_lab.model import Recording

_HIDDEN = Decision(
    visible=False,
    rule="hidden callers of C functions",
    reason="It is a C function, and what called it is hidden.",
)


def hide_with_callers(
    recording: Recording, decisions: Sequence[Decision]
) -> tuple[Recording, list[Decision]]:
    """Return a recording and decisions in which each function shows everywhere or nowhere.

    A function whose decision is ``with_caller`` is two functions then: one that shows, and one for
    the contexts below hidden callers. Where there is none of that kind, nothing changes.
    """
    decided = list(decisions)
    follows = [decision.visible and decision.with_caller for decision in decided]
    if not any(follows):
        return recording, decided
    tree, functions = recording.tree, list(recording.functions)
    shows = [decision.visible for decision in decided]
    for root in roots_of(tree):
        shows[tree.function[root]] = True
    # A root's parent is -1, which names the last item.
    shown = bytearray(len(tree) + 1)
    column = array("I", tree.function)
    twins: dict[int, int] = {}
    for context, (parent, function) in enumerate(zip(tree.parent, tree.function, strict=True)):
        if shows[function] and (shown[parent] or not follows[function]):
            shown[context] = 1
        elif follows[function]:
            twin = twins.get(function)
            if twin is None:
                twin = twins[function] = len(functions)
                functions.append(functions[function])
                decided.append(_HIDDEN)
            column[context] = twin
    return replace(recording, functions=functions, tree=replace(tree, function=column)), decided
