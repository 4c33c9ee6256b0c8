"""What came nearest to a function that was not reached."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgraph_lab.graph.names import node_names
from callgraph_lab.graph.reached import reached_contexts, shown_functions, ways_to
from callgraph_lab.model import NO_PARENT, GraphQuery

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from callgraph_lab.model import Decision, Function, Recording

_MOST_SIMILAR = 5


@dataclass(frozen=True, slots=True)
class NearestReached:
    """The function from which it is the fewest calls to one that was not reached.

    ``way`` leads from it (the first) to that one (the last), as calls outside of what was asked
    for did. ``is_inside`` tells whether it ran inside of that, or only leads there too.
    """

    id: str
    name: str
    way: tuple[Function, ...]
    is_inside: bool

    @property
    def function(self) -> Function:
        """The nearest function itself."""
        return self.way[0]


def nearest_reached(
    recording: Recording,
    targets: AbstractSet[int],
    inside: Sequence[int],
    decisions: Sequence[Decision] | None = None,
) -> NearestReached | None:
    """Return what came nearest to ``targets`` (indices of functions) among what was reached.

    ``inside`` are the contexts of what was asked for: an action's, or those below a function. None
    where the targets were not called at all, or nothing is inside.
    """
    tree = recording.tree
    shows = shown_functions(recording, decisions)
    names = node_names(recording, GraphQuery())
    node_of = names.node_of_function
    leading = ways_to(tree, inside)
    nodes_inside = {node_of[tree.function[context]] for context in inside}
    nodes_leading = {
        node_of[function] for context, function in enumerate(tree.function) if leading[context]
    }
    best: tuple[int, bool] | None = None
    best_way: list[int] = []
    for context in reached_contexts(tree, targets):
        way = [context]
        above = tree.parent[context]
        while above != NO_PARENT:
            if shows[tree.function[above]]:
                way.append(above)
                node = node_of[tree.function[above]]
                if node in nodes_leading:
                    rank = (len(way), node not in nodes_inside)
                    if best is None or rank < best:
                        best, best_way = rank, way
                    break
            above = tree.parent[above]
    if best is None:
        return None
    functions = [recording.functions[tree.function[context]] for context in reversed(best_way)]
    node = node_of[tree.function[best_way[-1]]]
    return NearestReached(names.ids[node], names.names[node], tuple(functions), not best[1])


def similar_names(recording: Recording, pattern: str) -> tuple[str, ...]:
    """Return names of functions that were called and look like ``pattern``, the likest first."""
    full_names: dict[str, list[str]] = {}
    for function in recording.functions:
        if function.kind == "function":
            for name in (function.own_name, function.short_name):
                full_names.setdefault(name.casefold(), []).append(function.name)
    likest = difflib.get_close_matches(pattern.casefold(), full_names, _MOST_SIMILAR)
    found = dict.fromkeys(name for key in likest for name in full_names[key])
    return tuple(found)[:_MOST_SIMILAR]
