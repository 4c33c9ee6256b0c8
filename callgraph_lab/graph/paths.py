"""Ways through the tree: how a function is reached from the root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callgraph_lab.model import NO_PARENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from callgraph_lab.model import Decision, Function, Recording


def shortest_path(
    recording: Recording,
    wanted: Callable[[Function], bool],
    decisions: Sequence[Decision] | None = None,
) -> tuple[Function, ...]:
    """Return the functions from a thread's root to the nearest wanted one, or nothing.

    With ``decisions`` hidden functions neither count nor show. Of paths of one length it is the
    first that was taken.
    """
    tree, functions = recording.tree, recording.functions
    is_wanted = [wanted(function) for function in functions]
    shows = [decision.visible for decision in decisions] if decisions else [True] * len(functions)
    depths = [0] * len(tree)
    best, best_depth = NO_PARENT, len(tree) + 1
    for context, (parent, function) in enumerate(zip(tree.parent, tree.function, strict=True)):
        if parent != NO_PARENT:
            depths[context] = depths[parent] + shows[function]
        if is_wanted[function] and depths[context] < best_depth:
            best, best_depth = context, depths[context]
    path: list[Function] = []
    context = best
    while context != NO_PARENT:
        function = tree.function[context]
        if shows[function] or context == best:
            path.append(functions[function])
        context = tree.parent[context]
    return tuple(reversed(path))
