"""Ways through the tree: how a function is reached from the root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callgraph_lab.graph.tally import context_depths, roots_of
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
    numbers = {number for number, item in enumerate(recording.functions) if wanted(item)}
    paths = shortest_paths(recording, [numbers], decisions)
    return paths[0]


def shortest_paths(
    recording: Recording,
    groups: Sequence[set[int]],
    decisions: Sequence[Decision] | None = None,
) -> list[tuple[Function, ...]]:
    """Return ``shortest_path`` to the nearest of each group of functions, in one pass.

    ``groups`` hold indices into the recording's functions, none of them twice.
    """
    tree, functions = recording.tree, recording.functions
    shows = [True] * len(functions)
    if decisions is not None:
        shows = [decision.visible for decision in decisions]
        for root in roots_of(tree):
            shows[tree.function[root]] = True
    depths = context_depths(tree, shows)
    group_of = {function: index for index, group in enumerate(groups) for function in group}
    best = [NO_PARENT] * len(groups)
    best_depths = [len(tree) + 1] * len(groups)
    if group_of:
        for context, function in enumerate(tree.function):
            group = group_of.get(function)
            if group is not None and depths[context] < best_depths[group]:
                best[group], best_depths[group] = context, depths[context]
    return [_path_to(recording, context, shows) for context in best]


def _path_to(recording: Recording, last: int, shows: Sequence[bool]) -> tuple[Function, ...]:
    tree = recording.tree
    path: list[Function] = []
    context = last
    while context != NO_PARENT:
        function = tree.function[context]
        if shows[function] or context == last:
            path.append(recording.functions[function])
        context = tree.parent[context]
    return tuple(reversed(path))
